"""All faults there are, by the name users give."""

from engine.faults import control_plane, node, pod
from engine.faults.fault import FaultType

FAULTS: dict[str, FaultType] = {
    "pod.kill": pod.kill_pod,
    "container.kill": pod.kill_container,
    "node.crash": node.crash,
    "node.partition": node.partition,
    "kubelet.stop": node.stop_kubelet,
    "apiserver.down": control_plane.stop_apiserver,
    "link.cut": control_plane.cut_link,
    "link.delay": control_plane.delay_link,
    "component.stop": control_plane.stop_component,
}
