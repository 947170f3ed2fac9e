"""How an ordinary user's `kubarium` gets into namespaces in which it may make networks.

The process makes them, enters them and begins anew there: it keeps its number, its terminal and its
signals. Inside it is called root, and nearly everything is done as root does it.
"""

import hashlib
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from engine.adapters import places
from engine.adapters.podman.preflight import Preflight, inspect_host
from engine.adapters.rootless import namespaces, requirements, scope
from engine.errors import AdapterError

LONGEST_RUN_ROOT = 50
ENGINE_CONF = """\
[engine]
tmp_dir = "{state}/tmp"
static_dir = "{state}/storage/libpod"
"""
"""Where Podman notes which process holds the namespaces that it made: apart from the user's own."""

KEEPERS = {"catatonit"}  # ours, and the one that Podman keeps


def storage_options(state: Path) -> list[str]:
    """Podman's options for a rootless store in *state*; without them it would be the user's own."""
    driver, program = requirements.storage_driver()
    options = ["--root", str(state / "storage"), "--runroot", str(run_root(state))]
    options += ["--tmpdir", str(state / "tmp"), "--storage-driver", driver]
    return [*options, "--storage-opt", f"{driver}.mount_program={program}"] if program else options


def run_root(state: Path) -> Path:
    """Where Podman has what does not outlive the machine's run: at most 50 bytes long.

    Source: getRootlessRuntimeDir and validateRunRoot, libpod/runtime.go, Podman 4.3 to 5.4.
    """
    name = hashlib.sha256(os.fsencode(state)).hexdigest()[:8]
    place = places.runtime_folder() / name
    if len(os.fsencode(place)) > LONGEST_RUN_ROOT:
        place = Path(f"/tmp/kubarium-{places.user_ids()[0]}") / name  # noqa: S108 - made private
    return place


def podman_environment() -> dict[str, str]:
    """What tells Podman inside the namespaces that it is there, and whose it is.

    Its OCI runtime's files go with ours, but where the user's systemd has to be found.
    """
    user, group = places.user_ids()
    private = run_root(Path(places.space())) / "xdg"
    runtime = {} if requirements.uses_systemd() else {"XDG_RUNTIME_DIR": str(private)}
    return {
        **runtime,
        "_CONTAINERS_USERNS_CONFIGURED": "done",
        "_CONTAINERS_ROOTLESS_UID": str(user),
        "_CONTAINERS_ROOTLESS_GID": str(group),
    }


def enter(state: Path, *, is_kept: bool) -> Preflight:
    """Begin anew inside the namespaces of the cluster with its files in *state*.

    Returns only if it cannot be: what was found then says why. What killed clusters of this user
    left running is ended first. With *is_kept* what runs inside may outlive us.
    """
    found = inspect_host()
    if not found.can_enter:
        return found
    try:
        namespaces.make_private(places.user_runtime())
        end_abandoned()
        scope.move_into_one()
        pid = namespaces.find(state)
        namespaces.claim(state, pid, is_kept=is_kept)
        if not pid:
            pid = _make(state, found.podman)
            namespaces.claim(state, pid, is_kept=is_kept)
        environment = inner_environment(os.environ, state, pid)
        namespaces.join(pid, "user", "mnt")
    except (AdapterError, OSError) as error:
        return Preflight(usable=False, reason=str(error), version=found.version)
    sys.stdout.flush()
    sys.stderr.flush()
    arguments = [sys.executable, *sys.orig_argv[1:]]
    return os.execve(sys.executable, arguments, environment)  # noqa: S606


def inner_environment(outer: Mapping[str, str], state: Path, pid: int) -> dict[str, str]:
    """The environment of the process inside: *outer*, and where it is."""
    return {
        **outer,
        "XDG_RUNTIME_DIR": str(places.user_runtime()),
        "PATH": f"{outer.get('PATH', os.defpath)}:{requirements.SYSTEM_PATH}",
        places.MARK: f"{os.geteuid()}:{os.getegid()}:{pid}",
        places.STATE: str(state),
    }


def end_abandoned() -> None:
    """End what still runs of this user's clusters that were killed and are not to be kept.

    Their files go too, but for those of containers' users, which are removed from inside.
    """
    for state in list(namespaces.abandoned()):
        if namespaces.end(state):
            shutil.rmtree(run_root(state), ignore_errors=True)
            shutil.rmtree(state, ignore_errors=True)


def leave(*, is_kept: bool) -> None:
    """End the namespaces with all that is in them; if containers are to be kept, only empty ones.

    The last thing that a process inside does.
    """
    if not places.is_inside():
        return
    if is_kept and any(
        namespaces.command_of(pid) not in KEEPERS or _is_pause(pid) for pid in namespaces.members()
    ):
        return
    state = Path(places.space())
    namespaces.end_others()
    namespaces.forget(state)


def _is_pause(pid: int) -> bool:
    """Whether process *pid* holds the namespaces of a pod."""
    try:
        return b"KUBARIUM_SANDBOX=" in Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False


def _make(state: Path, podman: str) -> int:
    for name in ("", "tmp"):
        (state / name).mkdir(parents=True, exist_ok=True)
    namespaces.make_private(run_root(state).parent)
    settings, engine = state / "storage.conf", state / "unshare.conf"
    settings.write_text(f'[storage]\ndriver = "{requirements.storage_driver()[0]}"\n')
    engine.write_text(ENGINE_CONF.format(state=state))
    environment = {
        **{name: value for name, value in os.environ.items() if "CONTAINER" not in name},
        # Podman joins the namespaces noted here before it reads any settings: the user's own.
        "XDG_RUNTIME_DIR": str(namespaces.make_private(run_root(state) / "xdg")),
        "PATH": f"{os.environ.get('PATH', os.defpath)}:{requirements.SYSTEM_PATH}",
        "CONTAINERS_CONF": str(engine),
        "CONTAINERS_STORAGE_CONF": str(settings),
    }
    return namespaces.make(state, [podman, *storage_options(state)], environment)
