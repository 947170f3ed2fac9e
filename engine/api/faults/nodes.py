"""Faults of nodes: their power, kubelet, room and clock."""

from engine.api.fault_kind import FaultKind, kind, setting

NODES: tuple[FaultKind, ...] = (
    kind("node.crash", "nodes", "Cut the power: kubelet and containers are gone."),
    kind(
        "node.reboot",
        "nodes",
        "Crash, and boot again after a while.",
        setting("seconds", "duration", 20, "how long the boot takes", least=0.1),
        is_lasting=False,
    ),
    kind(
        "node.shutdown",
        "nodes",
        "Shut the node down in order: its pods end first, critical ones last.",
        setting("seconds", "duration", 30, "how long all pods together may take", least=0.1),
    ),
    kind("node.pause", "nodes", "Freeze the kubelet and every container."),
    kind(
        "node.partition",
        "nodes",
        "Cut the node off.",
        setting(
            "planes",
            "choice",
            "control",
            "from the control plane, from other nodes' pods, or both",
            choices=("control", "data", "both"),
        ),
    ),
    kind("kubelet.stop", "nodes", "End the kubelet; containers go on unattended."),
    kind(
        "node.pressure",
        "nodes",
        "Let the kubelet measure too little of something.",
        setting("resource", "choice", "memory", "what is short", choices=("memory", "disk", "pid")),
    ),
    kind("node.drain", "nodes", "Cordon the node and evict its pods; uncordon at the end."),
    kind(
        "clock.skew",
        "nodes",
        "Let the node's clock be wrong.",
        setting(
            "offset",
            "number",
            60,
            "seconds it is ahead (negative: behind)",
            least=-1e9,
            most=1e9,
        ),
    ),
)
