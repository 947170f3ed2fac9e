"""Faults of pods and of what runs in them."""

from engine.api.fault_kind import FaultKind, kind, setting

_CONTAINER = setting("container", "text", "", "only the container of this name; empty for all")

_PERCENT = setting("percent", "number", 100, "how many of a hundred", least=0, most=100)


PODS: tuple[FaultKind, ...] = (
    kind(
        "pod.kill",
        "pods",
        "Delete the pods; whoever owns them makes new ones.",
        setting("grace", "integer", 0, "seconds they get to end"),
        is_lasting=False,
    ),
    kind(
        "container.kill",
        "pods",
        "Send the containers' processes a signal.",
        setting("signal", "text", "SIGKILL", "name of the signal"),
        _CONTAINER,
        is_lasting=False,
    ),
    kind(
        "container.pause",
        "pods",
        "Freeze the containers: they run but do nothing.",
        _CONTAINER,
    ),
    kind("pod.failure", "pods", "Kill the containers again and again.", _CONTAINER),
    kind(
        "container.oom",
        "pods",
        "Use memory until the kernel kills the container.",
        _CONTAINER,
        is_lasting=False,
    ),
    kind(
        "probe.fail",
        "pods",
        "Let the kubelet's probes fail.",
        _CONTAINER,
        setting(
            "probe",
            "choice",
            "all",
            "which probes",
            choices=("all", "liveness", "readiness", "startup"),
        ),
        _PERCENT,
    ),
)
