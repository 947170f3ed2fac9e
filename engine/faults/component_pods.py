"""The control plane as manifests: one static pod for each component. Pure."""

from engine.api.container import Container, ResourceRequirements, Toleration
from engine.api.frozen import FrozenDict
from engine.api.meta import ObjectMeta
from engine.api.pod import Pod, PodSpec
from engine.kubelet.static_pods import static_pod

COMPONENT = "kubarium.dev/component"
"""The annotation that says which part of this process a pod stands for."""

ETCD, APISERVER, SCHEDULER = "etcd", "kube-apiserver", "kube-scheduler"
MANAGER, DNS, PROXY = "kube-controller-manager", "coredns", "kube-proxy"
_VERSION = "v1.34.0"
_IMAGES = {
    ETCD: "registry.k8s.io/etcd:3.6.4-0",
    DNS: "registry.k8s.io/coredns/coredns:v1.12.1",
}
_CPU = {ETCD: "100m", APISERVER: "250m", MANAGER: "200m", SCHEDULER: "100m", DNS: "100m"}
_MEMORY = {ETCD: "100Mi", DNS: "70Mi"}
_COMMANDS = {
    ETCD: ("etcd", "--data-dir=/var/lib/etcd"),
    APISERVER: ("kube-apiserver", "--authorization-mode=Node,RBAC"),
    MANAGER: ("kube-controller-manager", "--leader-elect=true"),
    SCHEDULER: ("kube-scheduler", "--leader-elect=true"),
    DNS: ("/coredns", "-conf", "/etc/coredns/Corefile"),
    PROXY: ("/usr/local/bin/kube-proxy", "--config=/var/lib/kube-proxy/config.conf"),
}


def component_pods(node: str, *, is_control_plane: bool) -> tuple[Pod, ...]:
    """What *node* runs of the control plane, as its manifests say it."""
    del node
    names = (ETCD, APISERVER, MANAGER, SCHEDULER, DNS, PROXY) if is_control_plane else (PROXY,)
    return tuple(manifest_of(name) for name in names)


def manifest_of(component: str) -> Pod:
    """The static pod of *component*, as kubeadm writes it."""
    requests = {}
    if component in _CPU:
        requests["cpu"] = _CPU[component]
    if component in _MEMORY:
        requests["memory"] = _MEMORY[component]
    is_node_part = component in (DNS, PROXY)
    labels = {"k8s-app": "kube-dns" if component == DNS else component}
    if not is_node_part:
        labels = {"component": component, "tier": "control-plane"}
    priority = "system-cluster-critical" if component == DNS else "system-node-critical"
    container = Container(
        name=component,
        image=_IMAGES.get(component, f"registry.k8s.io/{component}:{_VERSION}"),
        image_pull_policy="IfNotPresent",
        command=_COMMANDS[component],
        resources=ResourceRequirements(requests=FrozenDict(requests)),
    )
    return Pod(
        metadata=ObjectMeta(
            name=component,
            namespace="kube-system",
            labels=FrozenDict(labels),
            annotations=FrozenDict({COMPONENT: component}),
        ),
        spec=PodSpec(
            containers=(container,),
            host_network=True,
            priority_class_name=priority,
            priority=2_000_000_000 if component == DNS else 2_000_001_000,
            restart_policy="Always",
            tolerations=(Toleration(operator="Exists"),),
            termination_grace_period_seconds=30,
        ),
    )


def placed(pod: Pod, node: str) -> Pod:
    """*pod* as it runs on *node*."""
    return static_pod(pod, node)
