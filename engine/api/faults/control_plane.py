"""Faults of the control plane: API server, links, components, the store."""

from engine.api.fault_kind import FaultKind, kind, setting

CONTROL_PLANE: tuple[FaultKind, ...] = (
    kind(
        "apiserver.down",
        "cluster",
        "Refuse every request.",
        default_duration=60.0,
    ),
    kind(
        "apiserver.slow",
        "cluster",
        "Answer late.",
        setting("latency", "duration", 1, "how late", least=0.001, most=60),
    ),
    kind(
        "apiserver.error",
        "cluster",
        "Answer requests with an error.",
        setting("code", "integer", 500, "the HTTP status", least=400, most=599),
        setting("percent", "number", 50, "how many of a hundred", least=0.1, most=100),
        default_duration=60.0,
    ),
    kind("link.cut", "component", "Cut one component off the API server."),
    kind(
        "link.delay",
        "component",
        "Let one component hear of changes late.",
        setting("seconds", "duration", None, "how late", least=0.001),
    ),
    kind(
        "link.drop",
        "component",
        "Lose requests and break watches of one component by chance.",
        setting("percent", "number", 30, "how many of a hundred", least=0.1, most=100),
    ),
    kind("scheduler.stop", "cluster", "The scheduler's process is gone."),
    kind(
        "controller.stop",
        "cluster",
        "A controller, or the whole manager, does nothing.",
        setting("name", "text", "", "the controller; empty for the whole manager"),
    ),
    kind("component.stop", "component", "The component of that name does nothing."),
    kind(
        "store.compact",
        "cluster",
        "Forget history: watches that resume later must list again.",
        setting("keep", "integer", 0, "how many of the newest revisions to keep"),
        is_lasting=False,
    ),
    kind(
        "store.slow",
        "cluster",
        "Writes take longer to reach the disk.",
        setting("latency", "duration", "500ms", "how much longer", least=0.001, most=60),
    ),
    kind("store.readonly", "cluster", "The store takes no writes.", default_duration=60.0),
    kind(
        "store.crash",
        "cluster",
        "The store's process dies and comes back.",
        setting("seconds", "duration", 5, "until it is back", least=0.1, most=600),
        setting(
            "when",
            "choice",
            "after-fsync",
            "whether a write under way is lost (before-fsync) or kept",
            choices=("before-fsync", "after-fsync"),
        ),
        is_lasting=False,
    ),
    kind(
        "watch.drop",
        "component",
        "Break the watches of a component, or of all.",
        is_lasting=False,
        needs_target=False,
    ),
    kind(
        "leader.loss",
        "component",
        "Take the leader's Lease away: it stops until it leads again.",
    ),
)
