"""Faults that use up CPU, memory and disk."""

from engine.api.fault_kind import FaultKind, kind, setting

_CONTAINER = setting("container", "text", "", "only the container of this name; empty for all")


STRESS: tuple[FaultKind, ...] = (
    kind(
        "stress.cpu",
        "pods",
        "Burn CPU time inside the containers.",
        setting("workers", "integer", 1, "processes", least=1, most=64),
        setting("load", "number", 100, "percent of a core each", least=1, most=100),
        _CONTAINER,
    ),
    kind(
        "stress.memory",
        "pods",
        "Hold memory inside the containers.",
        setting("bytes", "bytes", "64Mi", "how much", least=4096),
        _CONTAINER,
    ),
    kind(
        "stress.io",
        "pods",
        "Write and flush files inside the containers.",
        setting("workers", "integer", 1, "processes", least=1, most=16),
        _CONTAINER,
    ),
    kind(
        "disk.fill",
        "pods",
        "Fill the containers' disk with a file.",
        setting("bytes", "bytes", "64Mi", "how much", least=4096),
        setting("path", "text", "/tmp", "the folder in the container"),  # noqa: S108 - theirs
        _CONTAINER,
    ),
)
