"""Whose process this is, and where it keeps what lasts no longer than the machine runs.

An ordinary user's cluster runs inside namespaces of its own, in which it is called root: there the
folders of the real root are not for it. See `engine.adapters.rootless`.
"""

import os
from pathlib import Path

MARK = "KUBARIUM_ROOTLESS"
"""The environment variable that a process inside the namespaces has: its user and group outside,
and the process that holds the namespaces, with colons between."""


LARGEST_GROUP = 2**31 - 1
STATE = "KUBARIUM_ROOTLESS_STATE"
"""The variable by which every process of the namespaces says for whose files they were made."""


def is_inside() -> bool:
    """Whether this process is in namespaces that an ordinary user made for it."""
    return bool(os.environ.get(MARK))


def user_ids() -> tuple[int, int]:
    """The user and the group of this process as the machine knows them."""
    if not is_inside():
        return os.geteuid(), os.getegid()
    user, group, _ = os.environ[MARK].split(":")
    return int(user), int(group)


def holder() -> int:
    """The process that holds our namespaces; 0 outside of them."""
    return int(os.environ[MARK].split(":")[2]) if is_inside() else 0


def network() -> str:
    """Our network namespace by path; empty if it is the machine's own."""
    return f"/proc/{holder()}/ns/net" if is_inside() else ""


def space() -> str:
    """The folder our namespaces were made for; empty outside of them."""
    return os.environ.get(STATE, "") if is_inside() else ""


def is_root() -> bool:
    """Whether this is the machine's own root."""
    return os.geteuid() == 0 and not is_inside()


def runtime_folder() -> Path:
    """``/run/kubarium`` for root, else a folder of the user's that nobody else can write to."""
    return Path("/run/kubarium") if is_root() else user_runtime() / "kubarium"


def user_runtime() -> Path:
    """``$XDG_RUNTIME_DIR``, or what the system makes for users, or a folder in /tmp."""
    named = os.environ.get("XDG_RUNTIME_DIR", "")
    number = user_ids()[0]
    for folder in (named, f"/run/user/{number}"):
        if folder and os.access(folder, os.W_OK | os.X_OK):
            return Path(folder)
    return Path(f"/tmp/kubarium-{number}")  # noqa: S108 - `make_private` looks whose it is


def largest_group() -> int:
    """The largest number of a group that there is here; namespaces of users have fewer."""
    try:
        lines = Path("/proc/self/gid_map").read_text().splitlines()
        last = max(int(begin) + int(count) for begin, _, count in map(str.split, lines)) - 1
    except (OSError, ValueError):
        last = LARGEST_GROUP
    return min(last, LARGEST_GROUP)


def least_oom_score_adj() -> int:
    """The lowest ``oom_score_adj`` that we may give a process: users may only raise their own."""
    if not is_inside():
        return 0
    try:
        return max(0, int(Path("/proc/self/oom_score_adj").read_text()))
    except (OSError, ValueError):
        return 0
