"""Every fault there is, as data: what it hits, its parameters, what it does. It breaks nothing.

The API server checks Faults against it, forms are made from it, the injector takes defaults of it.
"""

import re
from collections.abc import Mapping
from typing import Literal

import attrs

from engine.api.quantity import parse_int

Hits = Literal["pods", "nodes", "component", "cluster"]
Value = float | int | str | bool

_DURATION = re.compile(r"^(\d+(?:\.\d+)?)(ms|s|m|h)?$")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


@attrs.frozen(kw_only=True)
class Parameter:
    """One setting of a fault.

    *kind* is number, integer, duration (seconds, or text as ``250ms``), bytes (a quantity), text or
    choice. *least* and *most* bound it, both included.
    """

    name: str
    kind: Literal["number", "integer", "duration", "bytes", "text", "choice"]
    default: Value | None = None
    least: float = 0.0
    most: float = float("inf")
    choices: tuple[str, ...] = ()
    help: str = ""

    def read(self, given: object) -> Value:
        """*given* as the fault takes it: seconds, bytes, a number or text.

        Raises:
            ValueError: it is none; the message says what was expected.
        """
        match self.kind:
            case "text":
                if isinstance(given, str):
                    return given
                raise ValueError(f"must be text, not {given!r}")
            case "choice":
                if given not in self.choices:
                    raise ValueError(f"must be one of {', '.join(self.choices)}, not {given!r}")
                return str(given)
        return self._within(self._number(given), given)

    def _number(self, given: object) -> float:
        if self.kind == "duration" and isinstance(given, str):
            found = _DURATION.match(given)
            if found is None:
                raise ValueError(f"must be a time as 250ms, 2s or 1m, not {given!r}")
            return float(found[1]) * _UNITS[found[2] or "s"]
        if self.kind == "bytes" and isinstance(given, str):
            try:
                return parse_int(given)
            except ValueError:
                raise ValueError(f"must be a quantity as 64Mi, not {given!r}") from None
        if isinstance(given, str) and self.kind in ("number", "integer"):
            try:
                given = float(given)
            except ValueError:
                raise ValueError(f"must be a number, not {given!r}") from None
        if isinstance(given, int | float) and not isinstance(given, bool):
            return float(given)
        raise ValueError(f"must be a number, not {given!r}")

    def _within(self, number: float, given: object) -> Value:
        if not self.least <= number <= self.most:
            upper = "" if self.most == float("inf") else f" to {self.most:g}"
            raise ValueError(f"must be {self.least:g}{upper or ' or more'}, not {given!r}")
        if self.kind in ("integer", "bytes"):
            if number != int(number):
                raise ValueError(f"must be a whole number, not {given!r}")
            return int(number)
        return number


@attrs.frozen(kw_only=True)
class FaultKind:
    """One fault of the catalogue.

    *is_lasting* says that it goes on until it is undone; *default_duration* is how long, in
    seconds, when nobody says (None: until it is deleted).
    """

    name: str
    summary: str
    hits: Hits
    parameters: tuple[Parameter, ...] = ()
    is_lasting: bool = True
    default_duration: float | None = None
    needs_target: bool = True

    @property
    def family(self) -> str:
        """The part of the catalogue it is in."""
        return _FAMILIES.get(self.name.partition(".")[0], "control plane")

    def parameter(self, name: str) -> Parameter | None:
        """The parameter of that name, if there is one."""
        return next((item for item in self.parameters if item.name == name), None)


_FAMILIES = {
    "pod": "pod",
    "container": "pod",
    "probe": "pod",
    "node": "node",
    "kubelet": "node",
    "clock": "node",
    "net": "network",
    "dns": "network",
    "stress": "stress",
    "disk": "stress",
    "image": "image",
    "load": "load",
}


def read_parameters(kind: FaultKind, given: Mapping[str, object]) -> dict[str, Value]:
    """All parameters of *kind* with what is *given*, which must be right; else its default."""
    found: dict[str, Value] = {}
    for parameter in kind.parameters:
        value = given.get(parameter.name, parameter.default)
        if value is not None:
            found[parameter.name] = parameter.read(value)
    return found


def parameter_faults(kind: FaultKind, given: Mapping[str, object]) -> list[tuple[str, str]]:
    """What is wrong with *given*: names of parameters and what was expected of each."""
    wrong = []
    known = [parameter.name for parameter in kind.parameters]
    for name in given:
        if name not in known:
            there = f"it has {', '.join(known)}" if known else "it has none"
            wrong.append((name, f"{kind.name} has no parameter {name!r}; {there}"))
    for parameter in kind.parameters:
        value = given.get(parameter.name, parameter.default)
        if value is None:
            if parameter.name not in given and parameter.least > 0:
                wrong.append((parameter.name, f"is required: {parameter.help}"))
            continue
        try:
            parameter.read(value)
        except ValueError as error:
            wrong.append((parameter.name, str(error)))
    return wrong


def _p(name: str, kind: str, default: Value | None, help_: str, **more: object) -> Parameter:
    return Parameter(name=name, kind=kind, default=default, help=help_, **more)  # type: ignore[arg-type]


_CONTAINER = _p("container", "text", "", "only the container of this name; empty for all")
_PERCENT = _p("percent", "number", 100, "how many of a hundred", least=0, most=100)
_IMAGE = _p("image", "text", "", "only images that contain this; empty for all")
_STORAGE = _p(
    "class",
    "choice",
    "cloud",
    "whose API: that of the cloud's disks, or another",
    choices=("cloud", "local", "network"),
)
_FROM = _p("from", "text", "", "pods (label=value), CIDR or 'node': what comes from there only")
_TO = _p("to", "text", "", "pods (label=value), CIDR or 'node': what goes there only")
_DIRECTION = _p(
    "direction",
    "choice",
    "both",
    "in, out or both, seen from the target",
    choices=("in", "out", "both"),
)


def _latency(default: Value) -> Parameter:
    return _p("latency", "duration", default, "how long each packet waits", least=0.001, most=60)


def _kind(
    name: str, hits: Hits, summary: str, *parameters: Parameter, **more: object
) -> tuple[str, FaultKind]:
    kind = FaultKind(name=name, summary=summary, hits=hits, parameters=parameters, **more)  # type: ignore[arg-type]
    return name, kind


CATALOGUE: dict[str, FaultKind] = dict(
    [
        _kind(
            "pod.kill",
            "pods",
            "Delete the pods; whoever owns them makes new ones.",
            _p("grace", "integer", 0, "seconds they get to end"),
            is_lasting=False,
        ),
        _kind(
            "container.kill",
            "pods",
            "Send the containers' processes a signal.",
            _p("signal", "text", "SIGKILL", "name of the signal"),
            _CONTAINER,
            is_lasting=False,
        ),
        _kind(
            "container.pause",
            "pods",
            "Freeze the containers: they run but do nothing.",
            _CONTAINER,
        ),
        _kind("pod.failure", "pods", "Kill the containers again and again.", _CONTAINER),
        _kind(
            "container.oom",
            "pods",
            "Use memory until the kernel kills the container.",
            _CONTAINER,
            is_lasting=False,
        ),
        _kind(
            "probe.fail",
            "pods",
            "Let the kubelet's probes fail.",
            _CONTAINER,
            _p(
                "probe",
                "choice",
                "all",
                "which probes",
                choices=("all", "liveness", "readiness", "startup"),
            ),
            _PERCENT,
        ),
        _kind("node.crash", "nodes", "Cut the power: kubelet and containers are gone."),
        _kind(
            "node.reboot",
            "nodes",
            "Crash, and boot again after a while.",
            _p("seconds", "duration", 20, "how long the boot takes", least=0.1),
            is_lasting=False,
        ),
        _kind(
            "node.shutdown",
            "nodes",
            "Shut the node down in order: its pods end first, critical ones last.",
            _p("seconds", "duration", 30, "how long all pods together may take", least=0.1),
        ),
        _kind("node.pause", "nodes", "Freeze the kubelet and every container."),
        _kind(
            "node.partition",
            "nodes",
            "Cut the node off.",
            _p(
                "planes",
                "choice",
                "control",
                "from the control plane, from other nodes' pods, or both",
                choices=("control", "data", "both"),
            ),
        ),
        _kind("kubelet.stop", "nodes", "End the kubelet; containers go on unattended."),
        _kind(
            "node.pressure",
            "nodes",
            "Let the kubelet measure too little of something.",
            _p("resource", "choice", "memory", "what is short", choices=("memory", "disk", "pid")),
        ),
        _kind("node.drain", "nodes", "Cordon the node and evict its pods; uncordon at the end."),
        _kind(
            "clock.skew",
            "nodes",
            "Let the node's clock be wrong.",
            _p(
                "offset",
                "number",
                60,
                "seconds it is ahead (negative: behind)",
                least=-1e9,
                most=1e9,
            ),
        ),
        _kind(
            "net.partition",
            "pods",
            "Drop what the pods send or get.",
            _FROM,
            _TO,
            _DIRECTION,
        ),
        _kind(
            "net.loss",
            "pods",
            "Lose packets by chance.",
            _p("percent", "number", 30, "how many of a hundred", least=0.1, most=100),
            _FROM,
            _TO,
            _DIRECTION,
        ),
        _kind(
            "net.delay",
            "pods",
            "Let packets wait.",
            _latency("200ms"),
            _p("jitter", "duration", 0, "how much it varies, up or down", most=60),
            _FROM,
            _TO,
            _DIRECTION,
        ),
        _kind(
            "net.bandwidth",
            "pods",
            "Make the pods' network slow.",
            _p("rate", "bytes", "128Ki", "bytes a second", least=1024),
            _DIRECTION,
        ),
        _kind(
            "net.reset",
            "pods",
            "Reset TCP connections.",
            _p("percent", "number", 100, "how many of a hundred packets", least=0.1, most=100),
            _FROM,
            _TO,
            _DIRECTION,
        ),
        _kind("dns.fail", "pods", "Names cannot be looked up.", _PERCENT),
        _kind("dns.delay", "pods", "Looking names up takes longer.", _latency("1s")),
        _kind(
            "stress.cpu",
            "pods",
            "Burn CPU time inside the containers.",
            _p("workers", "integer", 1, "processes", least=1, most=64),
            _p("load", "number", 100, "percent of a core each", least=1, most=100),
            _CONTAINER,
        ),
        _kind(
            "stress.memory",
            "pods",
            "Hold memory inside the containers.",
            _p("bytes", "bytes", "64Mi", "how much", least=4096),
            _CONTAINER,
        ),
        _kind(
            "stress.io",
            "pods",
            "Write and flush files inside the containers.",
            _p("workers", "integer", 1, "processes", least=1, most=16),
            _CONTAINER,
        ),
        _kind(
            "disk.fill",
            "pods",
            "Fill the containers' disk with a file.",
            _p("bytes", "bytes", "64Mi", "how much", least=4096),
            _p("path", "text", "/tmp", "the folder in the container"),  # noqa: S108 - theirs
            _CONTAINER,
        ),
        _kind(
            "apiserver.down",
            "cluster",
            "Refuse every request.",
            default_duration=60.0,
        ),
        _kind(
            "apiserver.slow",
            "cluster",
            "Answer late.",
            _p("latency", "duration", 1, "how late", least=0.001, most=60),
        ),
        _kind(
            "apiserver.error",
            "cluster",
            "Answer requests with an error.",
            _p("code", "integer", 500, "the HTTP status", least=400, most=599),
            _p("percent", "number", 50, "how many of a hundred", least=0.1, most=100),
            default_duration=60.0,
        ),
        _kind("link.cut", "component", "Cut one component off the API server."),
        _kind(
            "link.delay",
            "component",
            "Let one component hear of changes late.",
            _p("seconds", "duration", None, "how late", least=0.001),
        ),
        _kind(
            "link.drop",
            "component",
            "Lose requests and break watches of one component by chance.",
            _p("percent", "number", 30, "how many of a hundred", least=0.1, most=100),
        ),
        _kind("scheduler.stop", "cluster", "The scheduler's process is gone."),
        _kind(
            "controller.stop",
            "cluster",
            "A controller, or the whole manager, does nothing.",
            _p("name", "text", "", "the controller; empty for the whole manager"),
        ),
        _kind("component.stop", "component", "The component of that name does nothing."),
        _kind(
            "store.compact",
            "cluster",
            "Forget history: watches that resume later must list again.",
            _p("keep", "integer", 0, "how many of the newest revisions to keep"),
            is_lasting=False,
        ),
        _kind(
            "store.slow",
            "cluster",
            "Writes take longer to reach the disk.",
            _p("latency", "duration", "500ms", "how much longer", least=0.001, most=60),
        ),
        _kind("store.readonly", "cluster", "The store takes no writes.", default_duration=60.0),
        _kind(
            "store.crash",
            "cluster",
            "The store's process dies and comes back.",
            _p("seconds", "duration", 5, "until it is back", least=0.1, most=600),
            _p(
                "when",
                "choice",
                "after-fsync",
                "whether a write under way is lost (before-fsync) or kept",
                choices=("before-fsync", "after-fsync"),
            ),
            is_lasting=False,
        ),
        _kind(
            "watch.drop",
            "component",
            "Break the watches of a component, or of all.",
            is_lasting=False,
            needs_target=False,
        ),
        _kind(
            "leader.loss",
            "component",
            "Take the leader's Lease away: it stops until it leads again.",
        ),
        _kind(
            "image.pull-fail",
            "nodes",
            "Images cannot be pulled.",
            _IMAGE,
            _p("message", "text", "", "what the registry answers"),
            needs_target=False,
        ),
        _kind(
            "image.pull-slow",
            "nodes",
            "Images take longer to pull.",
            _p("seconds", "duration", 30, "how much longer", least=0.1),
            _IMAGE,
            needs_target=False,
        ),
        _kind(
            "storage.fail",
            "cluster",
            "The storage's API refuses: nothing is made, attached or grown.",
            _STORAGE,
            _p("message", "text", "", "what it answers"),
        ),
        _kind(
            "storage.slow",
            "cluster",
            "Volumes take longer to be made, attached and detached.",
            _STORAGE,
            _p("seconds", "duration", 30, "how much longer", least=0.1),
        ),
        _kind(
            "load.http",
            "cluster",
            "Send more requests to a service than it is used to.",
            _p("service", "text", None, "the service, in the target's namespace", least=1),
            _p("rate", "number", 200, "requests a second", least=0.1),
            _p(
                "pattern",
                "choice",
                "constant",
                "how the rate changes",
                choices=("constant", "ramp", "spike", "sine"),
            ),
            _p("peak", "number", None, "the highest rate of ramp, spike and sine"),
            default_duration=60.0,
        ),
    ]
)
