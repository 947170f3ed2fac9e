"""Faults of the network between pods, and of names."""

from engine.api.fault_kind import FaultKind, Parameter, Value, kind, setting

_PERCENT = setting("percent", "number", 100, "how many of a hundred", least=0, most=100)

_FROM = setting(
    "from", "text", "", "pods (label=value), CIDR or 'node': what comes from there only"
)

_TO = setting("to", "text", "", "pods (label=value), CIDR or 'node': what goes there only")

_DIRECTION = setting(
    "direction",
    "choice",
    "both",
    "in, out or both, seen from the target",
    choices=("in", "out", "both"),
)


def _latency(default: Value) -> Parameter:
    return setting(
        "latency", "duration", default, "how long each packet waits", least=0.001, most=60
    )


NETWORK: tuple[FaultKind, ...] = (
    kind(
        "net.partition",
        "pods",
        "Drop what the pods send or get.",
        _FROM,
        _TO,
        _DIRECTION,
    ),
    kind(
        "net.loss",
        "pods",
        "Lose packets by chance.",
        setting("percent", "number", 30, "how many of a hundred", least=0.1, most=100),
        _FROM,
        _TO,
        _DIRECTION,
    ),
    kind(
        "net.delay",
        "pods",
        "Let packets wait.",
        _latency("200ms"),
        setting("jitter", "duration", 0, "how much it varies, up or down", most=60),
        _FROM,
        _TO,
        _DIRECTION,
    ),
    kind(
        "net.bandwidth",
        "pods",
        "Make the pods' network slow.",
        setting("rate", "bytes", "128Ki", "bytes a second", least=1024),
        _DIRECTION,
    ),
    kind(
        "net.reset",
        "pods",
        "Reset TCP connections.",
        setting("percent", "number", 100, "how many of a hundred packets", least=0.1, most=100),
        _FROM,
        _TO,
        _DIRECTION,
    ),
    kind("dns.fail", "pods", "Names cannot be looked up.", _PERCENT),
    kind("dns.delay", "pods", "Looking names up takes longer.", _latency("1s")),
)
