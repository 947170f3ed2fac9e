"""Settings of a cluster: frozen, checked, every knob with its unit."""

import ipaddress
from string import ascii_lowercase

import attrs

from engine.api.frozen import EMPTY, FrozenDict
from engine.api.node import Taint
from engine.errors import ConfigError

# 2026-01-01T00:00:00Z: when simulated time begins, the same in every run.
SIMULATED_EPOCH = 1_767_225_600.0
REGION = "local"
MOST_USUAL_ZONES = 3


@attrs.frozen(kw_only=True)
class NodeConfig:
    """One machine.

    Attributes:
        name: the node's name.
        cpu: allocatable CPU in millicores.
        memory: allocatable memory in bytes.
        pods: how many pods it takes.
        zone: value of topology.kubernetes.io/zone; empty for none.
        region: value of topology.kubernetes.io/region; empty for none.
        is_control_plane: labelled and tainted as a control plane node.
        labels: labels beside the usual ones.
        taints: taints it registers with.
        pod_cidr: its pods' addresses.
        address: its own address.
    """

    name: str
    cpu: int = 4_000
    memory: int = 8 * 2**30
    pods: int = 110
    zone: str = ""
    region: str = ""
    is_control_plane: bool = False
    labels: FrozenDict[str, str] = EMPTY
    taints: tuple[Taint, ...] = ()
    pod_cidr: str = ""
    address: str = ""


@attrs.frozen(kw_only=True)
class ControllerSettings:
    """What the controller manager can be told: flags of kube-controller-manager, by their names.

    Attributes:
        node_monitor_period: seconds between looks at all nodes.
        node_monitor_grace_period: seconds without a sign of life until a node is unreachable.
        node_startup_grace_period: the same for a node that has never reported.
        node_eviction_rate: nodes per second and zone whose pods may begin to be evicted.
        secondary_node_eviction_rate: the same in a large zone of which most is unhealthy.
        unhealthy_zone_threshold: the part of a zone that makes "most", at least three nodes.
        large_cluster_size_threshold: zones of up to so many nodes are small: when most of one is
            unhealthy, nothing is evicted there.
        terminated_pod_gc_threshold: finished pods that are kept.
        horizontal_pod_autoscaler_sync_period: seconds between looks at the metrics.
        horizontal_pod_autoscaler_tolerance: how far a metric may be from its target, as a part.
    """

    node_monitor_period: float = 5.0
    node_monitor_grace_period: float = 50.0
    node_startup_grace_period: float = 60.0
    node_eviction_rate: float = 0.1
    secondary_node_eviction_rate: float = 0.01
    unhealthy_zone_threshold: float = 0.55
    large_cluster_size_threshold: int = 50
    terminated_pod_gc_threshold: int = 12_500
    horizontal_pod_autoscaler_sync_period: float = 15.0
    horizontal_pod_autoscaler_tolerance: float = 0.1


@attrs.frozen(kw_only=True)
class ClusterConfig:
    """A whole cluster.

    Attributes:
        nodes: the machines.
        seed: fixes names, uids, tie-breaks and jitter.
        start_time: epoch seconds at which the loop starts.
        service_cidr: addresses of services; .1 is the API server, .10 the DNS server.
        pod_cidr: addresses of pods.
        cluster_domain: DNS suffix of the cluster.
        name: what the cluster is called in kubeconfig and on screens.
        has_component_pods: whether the control plane is shown as static pods of its nodes.
        scheduler: a KubeSchedulerConfiguration as YAML gives it; None for the default profile.
        scheduler_source: where it was read, for messages.
        kubelet: a KubeletConfiguration as YAML gives it; None for the defaults.
        kubelet_source: where it was read, for messages.
        controllers: what the controller manager is told.
        admission: an AdmissionConfiguration as YAML gives it; None for the defaults.
        admission_source: where it was read, for messages.
    """

    nodes: tuple[NodeConfig, ...]
    seed: int = 1
    start_time: float = SIMULATED_EPOCH
    service_cidr: str = "10.96.0.0/16"
    pod_cidr: str = "10.244.0.0/16"
    cluster_domain: str = "cluster.local"
    name: str = "kubarium"
    has_component_pods: bool = False
    scheduler: object = None
    scheduler_source: str = "the scheduler's configuration"
    kubelet: object = None
    kubelet_source: str = "the kubelet's configuration"
    controllers: ControllerSettings = ControllerSettings()
    admission: object = None
    admission_source: str = "the admission configuration"

    @property
    def dns_ip(self) -> str:
        """The address of the cluster's DNS server."""
        return str(ipaddress.ip_network(self.service_cidr)[10])

    @property
    def api_ip(self) -> str:
        """The address of the service `kubernetes`."""
        return str(ipaddress.ip_network(self.service_cidr)[1])


def usual_zones(workers: int) -> int:
    """In how many zones *workers* nodes lie unless somebody says otherwise: up to three.

    No zone has a single node, so that a pod with a zonal volume finds another node for it.
    """
    return min(MOST_USUAL_ZONES, max(1, workers // 2))


def make_nodes(
    workers: int,
    *,
    pod_cidr: str = "10.244.0.0/16",
    node_network: str = "10.64.0.0/16",
    has_control_plane: bool = True,
    cpu: int = 4_000,
    memory: int = 8 * 2**30,
    zones: int = 0,
) -> tuple[NodeConfig, ...]:
    """One control plane node and *workers* nodes ``node-1`` …, each with a /24 of *pod_cidr*.

    With *zones* they lie in so many zones ``local-a`` … of the region ``local``, workers in turn,
    and the control plane in the first.

    Raises:
        ConfigError: *workers* is negative, or there are more than *pod_cidr* has room for.
    """
    if workers < 0:
        msg = f"--nodes must not be negative, and {workers} is"
        raise ConfigError(msg)
    names = [f"node-{number}" for number in range(1, workers + 1)]
    if has_control_plane:
        names.insert(0, "control-plane")
    first = 1 if has_control_plane else 0
    prefix = 24 if len(names) <= 256 else 26
    pods = ipaddress.ip_network("10.128.0.0/9" if len(names) > 1024 else pod_cidr)
    if len(names) > 2 ** (prefix - pods.prefixlen):
        msg = f"{workers} nodes are more than {pods} has /{prefix} networks for"
        raise ConfigError(msg)
    addresses = ipaddress.ip_network(node_network)
    base, step = int(pods.network_address), 2 ** (32 - prefix)
    return tuple(
        NodeConfig(
            name=name,
            cpu=cpu,
            memory=memory,
            is_control_plane=name == "control-plane",
            zone=f"{REGION}-{ascii_lowercase[max(0, index - first) % zones]}" if zones else "",
            region=REGION if zones else "",
            pod_cidr=f"{ipaddress.ip_address(base + index * step)}/{prefix}",
            address=str(addresses[10 + index]),
        )
        for index, name in enumerate(names)
    )
