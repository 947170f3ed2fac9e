"""Pods go where their volumes are or can be had, and wait until those are bound.

Source: kubernetes.io/docs, "Storage Classes" (volume binding mode) and "Persistent Volumes", v1.34.
"""

from typing import Any

import pytest

from engine.api.codec import decode_as
from engine.api.meta import ApiObject
from engine.api.persistent import PersistentVolume, PersistentVolumeClaim
from engine.api.pod import Pod
from engine.api.storage import CSIDriver, CSINode, CSIStorageCapacity, StorageClass
from engine.scheduler.volume_view import SELECTED_NODE, Table, VolumeView
from tests.engine.plant import Plant
from tests.engine.scheduler.objects import a_decider, a_node, a_pod, a_profile, a_table

ZONE = "topology.kubernetes.io/zone"
VOLUMES = [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]


def _claim(**more: Any) -> PersistentVolumeClaim:
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "local",
        "resources": {"requests": {"storage": "1Gi"}},
        **more.pop("spec", {}),
    }
    metadata = {"name": "data", "namespace": "default", "uid": "data", **more.pop("metadata", {})}
    return decode_as(PersistentVolumeClaim, {"metadata": metadata, "spec": spec, **more})


def _bound() -> PersistentVolumeClaim:
    done = {"pv.kubernetes.io/bind-completed": "yes"}
    return _claim(metadata={"annotations": done}, spec={"volumeName": "pv"})


def _volume(name: str = "pv", zone: str = "", **more: Any) -> PersistentVolume:
    expression = {"key": ZONE, "operator": "In", "values": [zone]}
    affinity = {"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}}
    spec = {
        "capacity": {"storage": more.pop("size", "1Gi")},
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "local",
        **({"nodeAffinity": affinity} if zone else {}),
        "hostPath": {"path": "/tmp/data"},
        **more.pop("spec", {}),
    }
    return decode_as(
        PersistentVolume,
        {"metadata": {"name": name, **more}, "spec": spec, "status": {"phase": "Available"}},
    )


def _class(provisioner: str = "kubernetes.io/no-provisioner", **more: Any) -> StorageClass:
    fields = {"volumeBindingMode": "WaitForFirstConsumer", "provisioner": provisioner, **more}
    return decode_as(StorageClass, {"metadata": {"name": "local"}, **fields})


def _driver(*, publishes: bool = True) -> CSIDriver:
    return decode_as(
        CSIDriver, {"metadata": {"name": "demo"}, "spec": {"storageCapacity": publishes}}
    )


def _room(zone: str, size: str, *, most: str | None = None) -> CSIStorageCapacity:
    fields = {
        "metadata": {"name": f"room-{zone}", "namespace": "default"},
        "storageClassName": "local",
        "nodeTopology": {"matchLabels": {ZONE: zone}},
        "capacity": size,
        **({"maximumVolumeSize": most} if most else {}),
    }
    return decode_as(CSIStorageCapacity, fields)


def _decide(*objects: ApiObject, placed: bool = False) -> tuple[list[str], str]:
    """The nodes that would do, of one in zone a and one in zone b; else the message."""

    def those(cls: type[Any]) -> Table[Any]:
        return Table(tuple(obj for obj in objects if isinstance(obj, cls)))

    view = VolumeView(
        claims=those(PersistentVolumeClaim),
        volumes=those(PersistentVolume),
        classes=those(StorageClass),
        csi_nodes=those(CSINode),
        drivers=those(CSIDriver),
        capacities=those(CSIStorageCapacity),
    )
    table = a_table(a_node("na", labels={ZONE: "a"}), a_node("nb", labels={ZONE: "b"}))
    if placed:
        table.place(a_pod("there", volumes=VOLUMES), "na")
    decider, profile, info = a_decider(table), a_profile(view), a_pod(volumes=VOLUMES)
    decision = decider.decide(info, profile, attempt=1, now=0.0)
    evaluation = decider.evaluation(info, profile)
    reasons, _ = decider.reasons(evaluation, {})
    message = "" if decision.chosen else decider.message(decision, reasons)
    return [table.names[row] for row in decision.candidates], message


@pytest.mark.parametrize(
    ("objects", "nodes", "message"),
    [
        pytest.param([], [], 'persistentvolumeclaim "data" not found', id="no-claim"),
        pytest.param(
            [_claim(), _class(volumeBindingMode="Immediate")], [],
            "pod has unbound immediate PersistentVolumeClaims", id="immediate",
        ),
        pytest.param([_bound(), _volume(zone="b")], ["nb"], "", id="bound-elsewhere"),
        pytest.param(
            [_bound(), _volume(zone="c")], [],
            "2 node(s) didn't match PersistentVolume's node affinity", id="bound-nowhere",
        ),
        pytest.param([_bound(), _volume(labels={ZONE: "a"})], ["na"], "", id="zone-label"),
        pytest.param(
            [_bound(), _volume(labels={ZONE: "c__d"})], [],
            "2 node(s) had no available volume zone", id="no-zone",
        ),
        pytest.param([_claim(), _class(), _volume(zone="a")], ["na"], "", id="first-consumer"),
        pytest.param(
            [_claim(), _class(), _volume(zone="a", size="1Mi")], [],
            "2 node(s) didn't find available persistent volumes to bind", id="too-small",
        ),
        pytest.param([_claim(), _class("demo")], ["na", "nb"], "", id="provisioned"),
        pytest.param(
            [_claim(), _class("demo", allowedTopologies=[
                {"matchLabelExpressions": [{"key": ZONE, "values": ["b"]}]}])],
            ["nb"], "", id="allowed-topologies",
        ),
        pytest.param(
            [_claim(), _class("demo"), _driver(), _room("a", "1Gi"), _room("b", "1Mi")],
            ["na"], "", id="room-in-one-zone",
        ),
        pytest.param(
            [_claim(), _class("demo"), _driver(), _room("a", "5Gi", most="1Mi")], [],
            "2 node(s) did not have enough free storage", id="no-volume-so-large",
        ),
        pytest.param(
            [_claim(), _class("demo"), _driver(), _room("a", "5Gi"), _volume(zone="b")],
            ["na", "nb"], "", id="room-or-a-volume",
        ),
        pytest.param(
            [_claim(), _class("demo"), _driver(publishes=False)],
            ["na", "nb"], "", id="says-nothing-of-room",
        ),
    ],
)  # fmt: skip
def test_where_a_claim_lets_a_pod_go(
    objects: list[ApiObject], nodes: list[str], message: str
) -> None:
    """By its volume, or by those it could get."""
    found, words = _decide(*objects)

    assert found == nodes
    assert words == (f"0/2 nodes are available: {message}." if message else "")


def test_a_claim_for_one_pod_is_not_shared() -> None:
    """ReadWriteOncePod: not on the same node either."""
    done = {"pv.kubernetes.io/bind-completed": "yes"}
    claim = _claim(
        metadata={"annotations": done},
        spec={"volumeName": "pv", "accessModes": ["ReadWriteOncePod"]},
    )

    found, words = _decide(claim, _volume(), placed=True)

    assert found == []
    assert words == (
        "0/2 nodes are available: 2 node has pod using PersistentVolumeClaim with the same name "
        "and ReadWriteOncePod access mode."
    )


def test_a_node_takes_so_many_volumes_of_a_driver() -> None:
    """The CSINode says how many."""
    full = decode_as(
        CSINode,
        {
            "metadata": {"name": "na"},
            "spec": {
                "drivers": [{"name": "csi.demo", "nodeID": "na", "allocatable": {"count": 0}}]
            },
        },
    )
    volume = _volume(spec={"csi": {"driver": "csi.demo", "volumeHandle": "h"}})

    assert _decide(_bound(), volume, full)[0] == ["nb"]


@pytest.mark.parametrize("provisioner", ["demo", "kubernetes.io/no-provisioner"])
def test_a_pod_is_bound_after_its_claim(provisioner: str) -> None:
    """The scheduler writes what it chose, and waits for whoever binds claims."""
    plant = Plant()
    plant.add_node("n0", zone="a")
    plant.client.create(_class(provisioner))
    claim = plant.client.create(_claim(metadata={"uid": ""}))
    if provisioner != "demo":
        plant.client.create(_volume(zone="a"))
        available = {"status": {"phase": "Available"}}
        plant.client.patch(PersistentVolume, "pv", available, subresource="status")
    container = {"name": "c", "image": "demo"}
    plant.apply(
        apiVersion="v1",
        kind="Pod",
        metadata={"name": "db", "namespace": "default"},
        spec={"containers": [container], "volumes": VOLUMES},
    )
    plant.run(5.0)

    waiting = plant.get(Pod, "db").spec.node_name
    claim = plant.get(PersistentVolumeClaim, "data")
    if provisioner == "demo":
        assert claim.metadata.annotations[SELECTED_NODE] == "n0"
        plant.client.create(_volume(zone="a"))
    else:
        owner = plant.client.get(PersistentVolume, "pv").spec.claim_ref
        assert owner is not None
        assert (owner.namespace, owner.name, owner.uid) == ("default", "data", claim.metadata.uid)
        assert waiting == "n0"  # the binder had nothing left to wait for
        return
    assert waiting == ""

    done = {"pv.kubernetes.io/bind-completed": "yes"}
    plant.client.patch(
        PersistentVolumeClaim,
        "data",
        {"metadata": {"annotations": done}, "spec": {"volumeName": "pv"}},
        namespace="default",
    )
    plant.run(5.0)

    assert plant.get(Pod, "db").spec.node_name == "n0"
