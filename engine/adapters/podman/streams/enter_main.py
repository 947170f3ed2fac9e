"""A program of its own: goes into a container's namespaces and becomes a command there.

It stands alone (the standard library, nothing of Kubarium), so that it starts within milliseconds:
``python -I -S enter_main.py DESCRIPTOR``, where the descriptor is a socket that holds one JSON
document. The command gets the cgroups, user, groups, capabilities and environment of the
container's first process, and with a terminal one out of the container's own devpts, whose other
end goes back through the socket. It ends as the command does, and the command never outlives it.

A seccomp filter cannot be taken over from another process, so the command has none.
"""

# ruff: noqa: PTH115, PTH123 - pathlib takes longer to import than the rest to run
import contextlib
import ctypes
import json
import os
import signal
import socket
import sys
import warnings  # os.execvpe wants it when it is too late to find it

NOT_FOUND, NOT_EXECUTABLE = 127, 126
PR_SET_PDEATHSIG, PR_SET_KEEPCAPS, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 8, 24, 38
CAPABILITY_VERSION = 0x20080522
TIOCSCTTY = 0x540E
NAMESPACES = ("user", "cgroup", "ipc", "uts", "net", "pid", "mnt")

_ = warnings
libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """Read what to do, do it, end as it ended."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    size = int.from_bytes(channel.recv(4, socket.MSG_WAITALL), "big")
    spec = json.loads(channel.recv(size, socket.MSG_WAITALL))
    pid = spec["pid"]
    status = read_status(pid)
    first = first_user(pid)
    cwd = os.readlink(f"/proc/{pid}/cwd")
    for path in spec["cgroups"]:
        with contextlib.suppress(OSError), open(path, "w") as file:
            file.write("0")
    join(pid)
    slave = -1
    if spec["tty"]:
        master, slave = os.openpty()
        socket.send_fds(channel, [b"t"], [master])
        os.close(master)
    channel.close()
    child = os.fork()
    if child == 0:
        become(spec, status, first, cwd, slave)
    for descriptor in (0, 1, 2, slave):
        if descriptor >= 0:
            os.close(descriptor)
    _, ended = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(ended)
    os._exit(code if code >= 0 else 128 - code)


def read_status(pid: int) -> dict[str, str]:
    """What the kernel says of the container's first process."""
    with open(f"/proc/{pid}/status") as file:
        return {
            name: value.strip() for name, _, value in (line.partition(":") for line in file) if name
        }


def first_user(pid: int) -> int:
    """As which user we know the container's root: 0 unless it has users of its own."""
    if os.readlink(f"/proc/{pid}/ns/user") == os.readlink("/proc/self/ns/user"):
        return 0
    with open(f"/proc/{pid}/uid_map") as file:
        return int(file.read().split()[1])


def join(pid: int) -> None:
    """Go into every namespace of process *pid* that is not ours already."""
    descriptors = []
    for kind in NAMESPACES:
        try:
            if os.readlink(f"/proc/{pid}/ns/{kind}") != os.readlink(f"/proc/self/ns/{kind}"):
                descriptors.append(os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY))
        except FileNotFoundError:
            continue
    for descriptor in descriptors:
        check(libc.setns(descriptor, 0))
        os.close(descriptor)


def become(
    spec: dict,  # type: ignore[type-arg] # JSON
    status: dict[str, str],
    first: int,
    cwd: str,
    slave: int,
) -> None:
    """Turn into the command; never comes back."""
    try:
        os.setsid()
        if slave >= 0:
            for descriptor in (0, 1, 2):
                os.dup2(slave, descriptor)
            libc.ioctl(0, TIOCSCTTY, 0)
            if slave > 2:
                os.close(slave)
        for number in (signal.SIGPIPE, signal.SIGINT, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        take_rights(status, first)
        check(libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0))
        try:
            os.chdir(cwd)
        except OSError:
            os.chdir("/")
        run(spec["command"], spec["env"])
    except BaseException as error:  # noqa: BLE001 - it must not return into the parent's code
        complain(f"exec failed: {error}")
    os._exit(NOT_EXECUTABLE)


def take_rights(status: dict[str, str], first: int) -> None:
    """Have the user, groups and capabilities of the container's first process, and no more.

    The numbers of users and groups in *status* are ours; its root is our *first*.
    """
    bounding, effective = int(status["CapBnd"], 16), int(status["CapEff"], 16)
    permitted, inheritable = int(status["CapPrm"], 16), int(status["CapInh"], 16)
    for number in range(64):
        if not bounding >> number & 1 and libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0) != 0:
            break
    user, group = (int(status[name].split()[1]) - first for name in ("Uid", "Gid"))
    if permitted:
        libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([int(word) - first for word in status["Groups"].split()])
    os.setresgid(group, group, group)
    os.setresuid(user, user, user)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0)
    words = []
    for half in (0, 32):
        words += [each >> half & 0xFFFFFFFF for each in (effective, permitted, inheritable)]
    check(libc.capset(header, (ctypes.c_uint32 * 6)(*words)))
    if status.get("NoNewPrivs") == "1":
        libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def run(command: list[str], env: dict[str, str]) -> None:
    """Execute *command*; says why if that cannot be done."""
    name = command[0]
    try:
        os.execvpe(name, command, {"PATH": os.defpath, **env})  # noqa: S606
    except (FileNotFoundError, NotADirectoryError):
        what = "no such file or directory" if "/" in name else "executable file not found in $PATH"
        refuse(name, what, NOT_FOUND)
    except OSError as error:
        refuse(name, (error.strerror or str(error)).lower(), NOT_EXECUTABLE)
    except ValueError as error:
        refuse(name, str(error), NOT_EXECUTABLE)


def refuse(name: str, why: str, code: int) -> None:
    """Say why the command cannot be run, and end."""
    complain(f"exec failed: unable to start container process: exec: {json.dumps(name)}: {why}")
    os._exit(code)


def complain(message: str) -> None:
    """Tell the client, on stderr."""
    with contextlib.suppress(OSError):
        os.write(2, f"OCI runtime exec failed: {message}: unknown\n".encode())


def check(result: int) -> None:
    """Raise what a call into libc failed with."""
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


if __name__ == "__main__":
    main()
