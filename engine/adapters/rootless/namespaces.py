"""The namespaces of one ordinary user's cluster, and the process that holds them.

Podman makes the user namespace (`podman unshare`): it knows the user's subordinate ids, and systems
that let no other program make one let Podman. It knows nothing of clusters.
"""

import contextlib
import ctypes
import hashlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from engine.adapters.places import STATE, runtime_folder
from engine.errors import AdapterError

MAKE_SECONDS = 30.0
END_TRIES = 100
LOOK_SECONDS = 0.02
PRIVATE = 0o700
HOLD = """
mount --make-rshared /
# crun, which we prefer, refuses cgroups v1 with a v2 mount beside them; neither is ours to use.
if [ -d /sys/fs/cgroup/unified ] && command -v crun >/dev/null; then
  mount -t tmpfs -o mode=755,size=64k tmpfs /sys/fs/cgroup
fi
ip link set lo up
echo $$
exec catatonit -P </dev/null >/dev/null 2>&1
"""
BEGIN = 'setsid unshare --net --mount --propagation slave sh -ec "$1" &'
_LIBC = ctypes.CDLL(None, use_errno=True)


def make_private(folder: Path) -> Path:
    """*folder*, made if need be, ours alone.

    Raises:
        AdapterError: it is somebody else's, or cannot be made.
    """
    try:
        folder.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        owner = folder.stat().st_uid
    except OSError as error:
        raise AdapterError(f"{folder} cannot be made: {error.strerror}") from error
    if owner != os.geteuid():
        raise AdapterError(f"{folder} belongs to user {owner}: set XDG_RUNTIME_DIR to one of yours")
    return folder


def find(state: Path) -> int:
    """The process that holds the namespaces of the cluster with its files in *state*; 0 for none.

    If the one that was made for it is gone, any other that lives in them will do.
    """
    with contextlib.suppress(OSError, ValueError, KeyError):
        record = json.loads(_record(state).read_text())
        pid = int(record["pid"])
        if pid and _started(pid) == record["started"] and _space(pid) != _space("self"):
            return pid
    mark = f"{STATE}={state}".encode()
    return next((pid for pid in _others() if mark in _environment(pid)), 0)


def make(state: Path, podman: Sequence[str], environment: Mapping[str, str]) -> int:
    """Make namespaces for the cluster with its files in *state*; the process that holds them.

    *podman* is the command, with the options that say where its files are.

    Raises:
        AdapterError: they cannot be made; with the words of who refused.
    """
    command = [*podman, "unshare", "sh", "-c", BEGIN, "sh", HOLD]
    try:
        done = subprocess.run(  # noqa: S603
            command,
            env={**environment, STATE: str(state)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=MAKE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AdapterError(f"podman unshare: {error}") from error
    said = done.stdout.split()
    if not said or not said[0].isdigit():
        words = " ".join(done.stderr.split()[-40:])
        raise AdapterError(f"podman unshare: {words or 'it said nothing'}")
    pid = int(said[0])
    if any(_is_foreign(other, state) for other in _others() if _space(other) == _space(pid)):
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
        raise AdapterError("podman unshare gave us namespaces in which others live")
    return pid


def _is_foreign(pid: int, state: Path) -> bool:
    """Whether living process *pid* was not started for the cluster with its files in *state*."""
    return f"{STATE}={state}".encode() not in _environment(pid) and _is_alive(pid)


def claim(state: Path, pid: int, *, is_kept: bool) -> None:
    """Put down that this process is going to live in the namespaces that process *pid* holds.

    0 stands for one that is still to be made.
    With *is_kept* they outlive it, as long as the folder *state* is there.
    """
    record = {
        "state": str(state),
        "is_kept": is_kept,
        "pid": pid,
        "started": _started(pid),
        "user": os.getpid(),
        "user_started": _started(os.getpid()),
    }
    make_private(_record(state).parent)
    _record(state).write_text(json.dumps(record))


def abandoned() -> Iterator[Path]:
    """For which folders there are namespaces that nobody lives in, and that are not to be kept."""
    for path in sorted((runtime_folder() / "namespaces").glob("*.json")):
        with contextlib.suppress(OSError, ValueError, KeyError):
            record = json.loads(path.read_text())
            is_used = record["user_started"] == _started(record["user"])
            if not is_used and not (record["is_kept"] and Path(record["state"]).exists()):
                yield Path(record["state"])


def join(pid: int, *kinds: str) -> None:
    """Enter the namespaces of process *pid*: ``user`` first, then ``mnt`` or ``net``.

    Before any other thread has been started; the working directory stays.

    Raises:
        OSError: the kernel refuses.
    """
    place = Path.cwd()
    descriptors = [os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC) for kind in kinds]
    try:
        for descriptor in descriptors:
            if _LIBC.setns(descriptor, 0):
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number))
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
    if "mnt" in kinds:
        os.chdir(place)


def end(state: Path) -> bool:
    """Kill everything in the namespaces of the cluster with its files in *state*.

    From outside: by a child that enters them, since only there the containers may be signalled.
    Whether nothing of it is left.
    """
    pid = find(state)
    if pid:
        child = os.fork()
        if not child:
            code = 1
            with contextlib.suppress(OSError):
                join(pid, "user")
                code = 0 if end_others() else 1
            os._exit(code)
        _, status = os.waitpid(child, 0)
        if status:
            return False
    _record(state).unlink(missing_ok=True)
    return True


def end_others() -> bool:
    """Kill every other process of our user namespace; whether none is left."""
    for _ in range(END_TRIES):
        left = list(members())
        if not left:
            return True
        for pid in left:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(LOOK_SECONDS)
    return False


def forget(state: Path) -> None:
    """Forget who holds the namespaces of *state*."""
    _record(state).unlink(missing_ok=True)


def members() -> Iterator[int]:
    """The other processes of our user namespace that have not ended."""
    ours = _space("self")
    for pid in _processes():
        if pid != os.getpid() and _space(pid) == ours and _is_alive(pid):
            yield pid


def command_of(pid: int) -> str:
    """The name of the program that process *pid* runs; empty if it is gone."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def _others() -> Iterator[int]:
    """Our user's processes in user namespaces other than this one."""
    ours = _space("self")
    for pid in _processes():
        try:
            space, owner = _space(pid), Path(f"/proc/{pid}").stat().st_uid
        except OSError:
            continue
        if owner == os.getuid() and space not in {"", ours} and _is_alive(pid):
            yield pid


def _processes() -> Iterator[int]:
    for name in os.listdir("/proc"):  # noqa: PTH208 - names only
        if name.isdigit():
            yield int(name)


def _space(pid: int | str) -> str:
    try:
        return os.readlink(f"/proc/{pid}/ns/user")  # noqa: PTH115 - it is a name, not a path
    except OSError:
        return ""


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _is_alive(pid: int) -> bool:
    try:
        return _stat(pid)[0] not in {"Z", "X"}
    except (OSError, IndexError):
        return False


def _started(pid: int) -> str:
    """When process *pid* began, in ticks since the machine did; empty if it is gone."""
    try:
        return _stat(pid)[19]
    except (OSError, IndexError):
        return ""


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


def _record(state: Path) -> Path:
    digest = hashlib.sha256(os.fsencode(state)).hexdigest()[:16]
    return runtime_folder() / "namespaces" / f"{digest}.json"
