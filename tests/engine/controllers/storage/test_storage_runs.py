"""Claims, volumes and pods on a simulated cluster, from asking for storage to giving it back."""

from collections.abc import Iterator
from typing import Any

import pytest

from engine.api.codec import decode
from engine.api.events import Event
from engine.api.frozen import FrozenDict
from engine.api.kubarium import FaultTarget
from engine.api.persistent import PersistentVolume, PersistentVolumeClaim
from engine.api.pod import Pod
from engine.api.storage import CSINode, VolumeAttachment
from engine.cluster import Cluster
from engine.config import ClusterConfig, NodeConfig
from engine.faults.controls import make_fault
from engine.simulation.storage import Tree

ZONES = ("a", "b")


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """Two nodes in two zones."""
    nodes = tuple(NodeConfig(name=f"node-{zone}", zone=zone) for zone in ZONES)
    made = Cluster(config=ClusterConfig(nodes=nodes))
    made.start()
    made.run_for(5.0)
    yield made
    made.stop()


def claim(name: str, of: str, size: str = "1Gi", *modes: str, **spec: Any) -> Any:
    """A claim of a class."""
    body = {
        "accessModes": list(modes or ("ReadWriteOnce",)),
        "storageClassName": of,
        "resources": {"requests": {"storage": size}},
        **spec,
    }
    meta = {"name": name, "namespace": "default"}
    return decode(
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta, "spec": body}
    )


def pod(name: str, of: str, **spec: Any) -> Any:
    """A pod with the claim *of* at /data."""
    container = {
        "name": "c",
        "image": "busybox",
        "command": ["sleep", "infinity"],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    body = {
        "terminationGracePeriodSeconds": 1,
        "containers": [container],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": of}}],
        **spec,
    }
    meta = {"name": name, "namespace": "default"}
    return decode({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": body})


def find(cluster: Cluster, cls: Any, name: str) -> Any:
    """An object of the default namespace."""
    return cluster.get(cls, name, namespace="default")


def reasons(cluster: Cluster, name: str) -> list[str]:
    """Why there were Events about an object."""
    return [event.reason for event in cluster.list(Event) if event.involved_object.name == name]


def tree_of(cluster: Cluster, name: str) -> Tree:
    """What the volume of a claim holds."""
    volume = cluster.get(
        PersistentVolume, find(cluster, PersistentVolumeClaim, name).spec.volume_name
    )
    assert cluster.volumes is not None
    assert volume.spec.csi is not None
    return cluster.volumes.tree(volume.spec.csi.volume_handle)


def test_claim_waits_for_a_pod_and_is_bound_where_it_goes(cluster: Cluster) -> None:
    """WaitForFirstConsumer: the disk is made in the zone of the pod's node."""
    cluster.apply(claim("disk", "cloud"))
    cluster.run_for(10.0)
    assert find(cluster, PersistentVolumeClaim, "disk").status.phase == "Pending"

    cluster.apply(pod("user", "disk"))
    cluster.run_for(20.0)

    user = find(cluster, Pod, "user")
    found = find(cluster, PersistentVolumeClaim, "disk")
    volume = cluster.get(PersistentVolume, found.spec.volume_name)
    assert (user.status.phase, found.status.phase) == ("Running", "Bound")
    assert volume.spec.node_affinity is not None
    zone = user.spec.node_name.removeprefix("node-")
    assert f"'values': ('{zone}',)" in str(volume.spec.node_affinity.required)
    assert {"WaitForFirstConsumer", "ExternalProvisioning", "Provisioning"} <= set(
        reasons(cluster, "disk")
    )
    assert "SuccessfulAttachVolume" in reasons(cluster, "user")


def test_disk_is_attached_while_a_pod_needs_it(cluster: Cluster) -> None:
    """The attachment follows the pod, and the node says what it has mounted."""
    cluster.apply(claim("disk", "cloud"), pod("user", "disk"))
    cluster.run_for(20.0)
    (attachment,) = cluster.list(VolumeAttachment)
    assert attachment.status.attached

    cluster.admin.delete(Pod, "user", namespace="default")
    cluster.run_for(20.0)

    assert cluster.list(VolumeAttachment) == ()
    assert tree_of(cluster, "disk") is not None


def test_failing_class_says_so_and_makes_nothing(cluster: Cluster) -> None:
    """A class whose parameter says fail: the claim stays Pending and an Event has the reason."""
    cluster.apply(
        decode(
            {
                "apiVersion": "storage.k8s.io/v1",
                "kind": "StorageClass",
                "metadata": {"name": "broken"},
                "provisioner": "cloud.csi.kubarium.dev",
                "parameters": {"failProvisioning": "quota exceeded"},
            }
        ),
        claim("disk", "broken"),
    )
    cluster.run_for(10.0)

    assert find(cluster, PersistentVolumeClaim, "disk").status.phase == "Pending"
    messages = [event.message for event in cluster.list(Event)]
    assert any("code = Internal desc = quota exceeded" in message for message in messages)


def test_only_shared_storage_is_written_by_many(cluster: Cluster) -> None:
    """ReadWriteMany is refused by a disk and given by the network."""
    modes = "ReadWriteMany"
    cluster.apply(claim("disk", "cloud", "1Gi", modes), claim("share", "network", "1Gi", modes))
    cluster.apply(pod("one", "share"), pod("other", "disk"))
    cluster.run_for(20.0)

    assert find(cluster, PersistentVolumeClaim, "share").status.phase == "Bound"
    assert find(cluster, PersistentVolumeClaim, "disk").status.phase == "Pending"
    assert "ProvisioningFailed" in reasons(cluster, "disk")


def test_file_system_grows_while_its_pod_runs(cluster: Cluster) -> None:
    """The claim asks, the volume grows, the node's file system follows."""
    cluster.apply(claim("disk", "local"), pod("user", "disk"))
    cluster.run_for(20.0)

    growth = {"spec": {"resources": {"requests": {"storage": "2Gi"}}}}
    cluster.admin.patch(PersistentVolumeClaim, "disk", growth, namespace="default")
    cluster.run_for(20.0)

    status = find(cluster, PersistentVolumeClaim, "disk").status
    assert status.capacity["storage"] == "2Gi"
    assert status.conditions == ()
    assert tree_of(cluster, "disk").size == 2 << 30


def test_clone_begins_with_what_its_source_holds(cluster: Cluster) -> None:
    """A claim from a claim: later writes stay apart."""
    cluster.apply(claim("first", "local"), pod("user", "first"))
    cluster.run_for(20.0)
    tree_of(cluster, "first").files["file"] = b"early"

    source = {"kind": "PersistentVolumeClaim", "name": "first"}
    cluster.apply(claim("second", "local", dataSource=source), pod("reader", "second"))
    cluster.run_for(20.0)
    tree_of(cluster, "first").files["file"] = b"late"

    assert tree_of(cluster, "second").files["file"] == b"early"


def test_deleted_claim_takes_its_volume_with_it(cluster: Cluster) -> None:
    """Reclaim policy Delete: first the pod has to end, then claim, volume and content go."""
    cluster.apply(claim("disk", "cloud"), pod("user", "disk"))
    cluster.run_for(20.0)
    cluster.admin.delete(PersistentVolumeClaim, "disk", namespace="default")
    cluster.run_for(10.0)
    assert find(cluster, PersistentVolumeClaim, "disk").metadata.deletion_timestamp is not None

    cluster.admin.delete(Pod, "user", namespace="default")
    cluster.run_for(60.0)

    assert cluster.list(PersistentVolumeClaim) == ()
    assert cluster.list(PersistentVolume) == ()
    assert cluster.volumes is not None
    assert cluster.volumes.trees == {}


def test_ephemeral_volume_lives_with_its_pod(cluster: Cluster) -> None:
    """The claim is made for the pod, and goes when the pod goes."""
    template = {
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "cloud",
            "resources": {"requests": {"storage": "1Gi"}},
        }
    }
    volumes = [{"name": "data", "ephemeral": {"volumeClaimTemplate": template}}]
    cluster.apply(pod("user", "", volumes=volumes))
    cluster.run_for(20.0)
    assert find(cluster, Pod, "user").status.phase == "Running"
    assert find(cluster, PersistentVolumeClaim, "user-data").status.phase == "Bound"

    cluster.admin.delete(Pod, "user", namespace="default")
    cluster.run_for(60.0)

    assert cluster.list(PersistentVolumeClaim) == ()


def test_nodes_say_which_drivers_they_have(cluster: Cluster) -> None:
    """Each node has a CSINode with the limit and the topology of its drivers."""
    drivers = {driver.name: driver for driver in cluster.get(CSINode, "node-a").spec.drivers}

    cloud = drivers["cloud.csi.kubarium.dev"]
    assert cloud.topology_keys == ("topology.kubernetes.io/zone",)
    assert cloud.allocatable is not None
    assert cloud.allocatable.count == 16


def test_retained_volume_is_released(cluster: Cluster) -> None:
    """A volume made by hand: bound to the claim that fits, kept when the claim goes."""
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": "manual"},
        "spec": {
            "capacity": {"storage": "5Gi"},
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "manual",
            "hostPath": {"path": "/srv"},
        },
    }
    cluster.apply(decode(volume), claim("wanted", "manual"))
    cluster.run_for(5.0)
    found = find(cluster, PersistentVolumeClaim, "wanted")
    assert (found.status.phase, found.spec.volume_name) == ("Bound", "manual")
    assert found.status.capacity["storage"] == "5Gi"

    cluster.admin.delete(PersistentVolumeClaim, "wanted", namespace="default")
    cluster.run_for(10.0)

    assert cluster.get(PersistentVolume, "manual").status.phase == "Released"


def by_hand(source: dict[str, Any], **spec: Any) -> Any:
    """A volume named manual."""
    body = {
        "capacity": {"storage": "5Gi"},
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "manual",
        **source,
        **spec,
    }
    meta = {"name": "manual"}
    return decode({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": meta, "spec": body})


def test_recycled_volume_is_wiped_and_there_for_others(cluster: Cluster) -> None:
    """By a pod of its own, which goes again; the next claim gets the volume."""
    source = {"hostPath": {"path": "/srv"}}
    cluster.apply(
        by_hand(source, persistentVolumeReclaimPolicy="Recycle"), claim("first", "manual")
    )
    cluster.run_for(5.0)

    cluster.admin.delete(PersistentVolumeClaim, "first", namespace="default")
    cluster.run_for(20.0)
    wiped = cluster.get(PersistentVolume, "manual")
    cluster.apply(claim("second", "manual"))
    cluster.run_for(5.0)

    assert (wiped.status.phase, wiped.spec.claim_ref) == ("Available", None)
    assert {"RecyclerPod", "VolumeRecycled"} <= set(reasons(cluster, "manual"))
    assert find(cluster, PersistentVolumeClaim, "second").status.phase == "Bound"
    assert not [pod for pod in cluster.list(Pod) if pod.metadata.name.startswith("recycler-for")]


def test_storage_that_cannot_be_recycled_says_so(cluster: Cluster) -> None:
    """The volume has failed then."""
    source = {
        "local": {"path": "/srv"},
        "nodeAffinity": {
            "required": {
                "nodeSelectorTerms": [
                    {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "Exists"}]}
                ]
            }
        },
    }
    cluster.apply(
        by_hand(source, persistentVolumeReclaimPolicy="Recycle"), claim("first", "manual")
    )
    cluster.run_for(5.0)

    cluster.admin.delete(PersistentVolumeClaim, "first", namespace="default")
    cluster.run_for(20.0)

    found = cluster.get(PersistentVolume, "manual").status
    assert (found.phase, found.message) == ("Failed", "No recycler plugin found for the volume!")


def test_full_zone_sends_the_pod_elsewhere(cluster: Cluster) -> None:
    """A zone at its limit: the choice of the node is taken back, and another one is made."""
    cluster.apply(
        decode(
            {
                "apiVersion": "storage.k8s.io/v1",
                "kind": "StorageClass",
                "metadata": {"name": "tight"},
                "provisioner": "cloud.csi.kubarium.dev",
                "volumeBindingMode": "WaitForFirstConsumer",
                "parameters": {"zoneLimit": "1"},
            }
        ),
        claim("one", "tight"),
        claim("two", "tight"),
        pod("first", "one", nodeSelector={"topology.kubernetes.io/zone": "a"}),
    )
    cluster.run_for(20.0)

    cluster.apply(pod("second", "two"))
    cluster.run_for(300.0)

    assert find(cluster, Pod, "second").spec.node_name == "node-b"


def test_a_storage_that_refuses_is_told_and_tried_again(cluster: Cluster) -> None:
    """No volume comes while the fault lasts; afterwards it does."""
    cluster.apply(make_fault("away", "storage.fail", FaultTarget(), duration=30.0))
    cluster.run_for(1.0)
    cluster.apply(claim("data", "cloud"), pod("db", "data"))
    cluster.run_for(20.0)
    assert find(cluster, PersistentVolumeClaim, "data").status.phase == "Pending"
    assert "ProvisioningFailed" in reasons(cluster, "data")

    cluster.run_for(120.0)

    assert find(cluster, PersistentVolumeClaim, "data").status.phase == "Bound"
    assert find(cluster, Pod, "db").status.phase == "Running"


def test_a_slow_storage_keeps_pods_waiting(cluster: Cluster) -> None:
    """Making and attaching a disk takes longer; the pod starts all the same."""
    params = FrozenDict({"seconds": 20})
    cluster.apply(make_fault("slow", "storage.slow", FaultTarget(), params=params, duration=300.0))
    cluster.run_for(1.0)
    cluster.apply(claim("data", "cloud"), pod("db", "data"))
    cluster.run_for(30.0)
    assert find(cluster, Pod, "db").status.phase == "Pending"

    cluster.run_for(60.0)

    assert find(cluster, Pod, "db").status.phase == "Running"


def messages_of(cluster: Cluster, name: str) -> list[str]:
    """What Events say about an object."""
    return [event.message for event in cluster.list(Event) if event.involved_object.name == name]


def test_a_volume_for_one_pod_is_not_mounted_by_another_of_its_node(cluster: Cluster) -> None:
    """ReadWriteOncePod holds also for a pod that no scheduler looked at."""
    cluster.apply(claim("disk", "local", "1Gi", "ReadWriteOncePod"), pod("first", "disk"))
    cluster.run_for(20.0)
    node = find(cluster, Pod, "first").spec.node_name

    cluster.apply(pod("second", "disk", nodeName=node))
    cluster.run_for(20.0)

    name = find(cluster, PersistentVolumeClaim, "disk").spec.volume_name
    why = "volume uses the ReadWriteOncePod access mode and is already in use by another pod"
    said = messages_of(cluster, "second")
    assert f'MountVolume.SetUp failed for volume "{name}" : {why}' in said

    cluster.admin.delete(Pod, "first", namespace="default")
    cluster.run_for(60.0)

    assert find(cluster, Pod, "second").status.phase == "Running"


def test_a_claim_of_somebody_else_is_not_taken_for_an_ephemeral_one(cluster: Cluster) -> None:
    """The pod gets no node until the claim in its way is deleted, which it does not hold."""
    template = {
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    }
    volume = {"name": "data", "ephemeral": {"volumeClaimTemplate": template}}
    cluster.apply(claim("user-data", "network"), pod("user", "", volumes=[volume]))
    cluster.run_for(10.0)

    why = 'PVC "default/user-data" was not created for pod "default/user" (pod is not owner)'
    assert find(cluster, Pod, "user").spec.node_name == ""
    said = messages_of(cluster, "user")
    assert f"ephemeral volume data: {why}" in said
    assert any(f"nodes are available: {why}" in message for message in said)

    cluster.admin.delete(PersistentVolumeClaim, "user-data", namespace="default")
    cluster.run_for(60.0)

    assert find(cluster, Pod, "user").status.phase == "Running"


def attributes(name: str, **parameters: str) -> Any:
    """A VolumeAttributesClass of the cloud's."""
    return decode(
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "VolumeAttributesClass",
            "metadata": {"name": name},
            "driverName": "cloud.csi.kubarium.dev",
            "parameters": parameters,
        }
    )


def test_a_volume_is_modified_when_its_claim_names_another_class(cluster: Cluster) -> None:
    """It is bound with the first, waits for a class that is missing, and tells what cannot be."""
    cluster.apply(
        attributes("silver", iops="3000"),
        attributes("wrong", colour="red"),
        claim("disk", "cloud", volumeAttributesClassName="silver"),
        pod("user", "disk"),
    )
    cluster.run_for(20.0)
    found = find(cluster, PersistentVolumeClaim, "disk")
    assert found.status.current_volume_attributes_class_name == "silver"

    def name_class(name: str) -> Any:
        body = {"spec": {"volumeAttributesClassName": name}}
        cluster.admin.patch(PersistentVolumeClaim, "disk", body, namespace="default")
        cluster.run_for(5.0)
        return find(cluster, PersistentVolumeClaim, "disk").status

    wrong = name_class("wrong")
    assert wrong.modify_volume_status["status"] == "Infeasible"
    assert [one.type for one in wrong.conditions] == ["ModifyVolumeError"]
    missing = name_class("gold")
    assert dict(missing.modify_volume_status) == {
        "targetVolumeAttributesClassName": "gold",
        "status": "Pending",
    }

    cluster.apply(attributes("gold", iops="9000"))
    cluster.run_for(10.0)

    status = find(cluster, PersistentVolumeClaim, "disk").status
    assert status.current_volume_attributes_class_name == "gold"
    assert (status.modify_volume_status, status.conditions) == (None, ())
    volume = cluster.get(PersistentVolume, found.spec.volume_name)
    assert volume.spec.volume_attributes_class_name == "gold"
    assert "VolumeModifySuccessful" in reasons(cluster, "disk")
