"""Faults of what the cluster lives on: images, storage; and more load than usual."""

from engine.api.fault_kind import FaultKind, kind, setting

_IMAGE = setting("image", "text", "", "only images that contain this; empty for all")

_STORAGE = setting(
    "class",
    "choice",
    "cloud",
    "whose API: that of the cloud's disks, or another",
    choices=("cloud", "local", "network"),
)


SUPPLIES: tuple[FaultKind, ...] = (
    kind(
        "image.pull-fail",
        "nodes",
        "Images cannot be pulled.",
        _IMAGE,
        setting("message", "text", "", "what the registry answers"),
        needs_target=False,
    ),
    kind(
        "image.pull-slow",
        "nodes",
        "Images take longer to pull.",
        setting("seconds", "duration", 30, "how much longer", least=0.1),
        _IMAGE,
        needs_target=False,
    ),
    kind(
        "storage.fail",
        "cluster",
        "The storage's API refuses: nothing is made, attached or grown.",
        _STORAGE,
        setting("message", "text", "", "what it answers"),
    ),
    kind(
        "storage.slow",
        "cluster",
        "Volumes take longer to be made, attached and detached.",
        _STORAGE,
        setting("seconds", "duration", 30, "how much longer", least=0.1),
    ),
    kind(
        "load.http",
        "cluster",
        "Send more requests to a service than it is used to.",
        setting("service", "text", None, "the service, in the target's namespace", least=1),
        setting("rate", "number", 200, "requests a second", least=0.1),
        setting(
            "pattern",
            "choice",
            "constant",
            "how the rate changes",
            choices=("constant", "ramp", "spike", "sine"),
        ),
        setting("peak", "number", None, "the highest rate of ramp, spike and sine"),
        default_duration=60.0,
    ),
)
