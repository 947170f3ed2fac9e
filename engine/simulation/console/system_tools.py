"""Programs of the modelled shell about who, where and when: users, hosts, processes, time."""

from datetime import UTC, datetime

from engine.simulation.console.program import Desk


async def env(argv: list[str], desk: Desk) -> int:
    """Every variable, or those named."""
    for name, value in desk.env.items():
        if name.isdigit():  # a script's argument, no variable
            continue
        if len(argv) == 1 or name in argv[1:]:
            await desk.out(f"{value}\n" if len(argv) > 1 else f"{name}={value}\n")
    return 0 if len(argv) == 1 or any(name in desk.env for name in argv[1:]) else 1


async def hostname(_argv: list[str], desk: Desk) -> int:
    """The pod's host name."""
    await desk.out(f"{desk.hostname}\n")
    return 0


async def pwd(_argv: list[str], desk: Desk) -> int:
    """The present folder."""
    await desk.out(f"{desk.cwd}\n")
    return 0


async def identity(argv: list[str], desk: Desk) -> int:
    """Who we are."""
    user, own = desk.user, desk.groups[0]
    names = {number: "(root)" if number == 0 else "" for number in (user, *desk.groups)}
    groups = ",".join(f"{number}{names[number]}" for number in desk.groups)
    if argv[0] == "whoami":
        text = "root" if user == 0 else f"whoami: unknown uid {user}"
    elif "-u" in argv:
        text = str(user)
    elif "-g" in argv:
        text = str(own)
    elif "-G" in argv:
        text = " ".join(map(str, desk.groups))
    else:
        text = f"uid={user}{names[user]} gid={own}{names[own]} groups={groups}"
    await desk.out(f"{text}\n")
    return 0


async def uname(argv: list[str], desk: Desk) -> int:
    """The kernel, which is none."""
    await desk.out(
        f"Linux {desk.hostname} 6.1.0-simulated x86_64 Linux\n" if "-a" in argv else "Linux\n"
    )
    return 0


async def date(argv: list[str], desk: Desk) -> int:
    """Virtual time."""
    moment = datetime.fromtimestamp(desk.now, UTC)
    form = "%a %b %e %H:%M:%S UTC %Y"
    if len(argv) > 1 and argv[1].startswith("+"):
        form = argv[1][1:].replace("%s", str(int(desk.now)))
    await desk.out(f"{moment.strftime(form)}\n")
    return 0


async def sleep(argv: list[str], desk: Desk) -> int:
    """Wait, in virtual time."""
    units = {"s": 1, "m": 60, "h": 3600}
    for word in argv[1:]:
        scale = units.get(word[-1:], 0)
        try:
            await desk.sleep(float(word[:-1]) * scale if scale else float(word))
        except ValueError:
            if word in ("infinity", "inf"):
                await desk.sleep(float("inf"))
            await desk.err(f"sleep: invalid number '{word}'\n")
            return 1
    return 0


async def ps(_argv: list[str], desk: Desk) -> int:
    """What runs."""
    await desk.out("PID   USER     TIME  COMMAND\n")
    for number, line in enumerate(desk.processes):
        await desk.out(f"{1 if number == 0 else 6 + number:5d} root      0:00 {line}\n")
    return 0


async def kill(argv: list[str], desk: Desk) -> int:
    """A signal to process 1."""
    signal = "SIGTERM"
    for word in argv[1:]:
        if word.startswith("-"):
            name = word.lstrip("-").upper()
            signal = {"9": "SIGKILL", "15": "SIGTERM", "2": "SIGINT", "1": "SIGHUP"}.get(
                name, name if name.startswith("SIG") else f"SIG{name}"
            )
        elif not word.isdigit() or not desk.kill(int(word), signal):
            await desk.err(f"kill: can't kill pid {word}: No such process\n")
            return 1
    return 0


async def succeed(_argv: list[str], _desk: Desk) -> int:
    """Do nothing."""
    return 0


async def fail(_argv: list[str], _desk: Desk) -> int:
    """Do nothing, badly."""
    return 1
