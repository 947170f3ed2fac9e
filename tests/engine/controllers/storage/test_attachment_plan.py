"""Which volume has to be on which node."""

import attrs
import pytest

from engine.api.container import Container
from engine.api.frozen import FrozenDict
from engine.api.meta import Condition, ObjectMeta
from engine.api.node import Node, NodeSpec, NodeStatus, Taint
from engine.api.persistent import (
    CSIPersistentVolumeSource,
    PersistentVolume,
    PersistentVolumeSpec,
)
from engine.api.pod import Pod, PodSpec, PodStatus
from engine.api.storage import VolumeAttachment, VolumeAttachmentSource, VolumeAttachmentSpec
from engine.api.wire import Time
from engine.controllers.storage.attachment_plan import (
    FORCE_DETACH_SECONDS,
    AttachmentPlan,
    attachment_name,
    plan,
    unique_name,
)
from engine.cri.storage import CLOUD

NOW = 1_000.0
NAME = unique_name(CLOUD.name, "vol-1")


def volume(*modes: str) -> PersistentVolume:
    """A volume of the cloud."""
    csi = CSIPersistentVolumeSource(driver=CLOUD.name, volume_handle="vol-1")
    spec = PersistentVolumeSpec(csi=csi, access_modes=modes or ("ReadWriteOnce",))
    return PersistentVolume(metadata=ObjectMeta(name="pv"), spec=spec)


def pod(node: str, phase: str = "Running") -> Pod:
    """A pod on a node."""
    spec = PodSpec(node_name=node, containers=(Container(name="c"),))
    return Pod(metadata=ObjectMeta(name=f"on-{node}"), spec=spec, status=PodStatus(phase=phase))


def attachment(node: str) -> VolumeAttachment:
    """The volume on a node."""
    source = VolumeAttachmentSource(persistent_volume_name="pv")
    return VolumeAttachment(
        metadata=ObjectMeta(name=attachment_name(CLOUD.name, "vol-1", node)),
        spec=VolumeAttachmentSpec(attacher=CLOUD.name, node_name=node, source=source),
    )


def node(name: str, *, ready: str = "True", in_use: bool = False, taint: str = "") -> Node:
    """A node that says whether it has the volume mounted."""
    extra = FrozenDict({"volumesInUse": (NAME,)} if in_use else {})
    taints = (Taint(key=taint, effect="NoExecute"),) if taint else ()
    conditions = (Condition(type="Ready", status=ready),)
    return Node(
        metadata=ObjectMeta(name=name),
        spec=NodeSpec(taints=taints),
        status=NodeStatus(conditions=conditions, extra=extra),
    )


def decide(
    pods: list[Pod],
    attached: list[str],
    *nodes: Node,
    of: PersistentVolume | None = None,
    waited: float = 0.0,
) -> AttachmentPlan:
    """The plan, when what is to go has been waited for so long."""
    present = [attachment(name) for name in attached]
    return plan(
        of or volume(),
        pods,
        present,
        {one.metadata.name: one for one in nodes},
        unwanted_since={one.metadata.name: NOW - waited for one in present},
        now=NOW,
    )


def test_volume_goes_where_its_pod_is() -> None:
    """A scheduled pod's volume is attached to its node, an ended one's is not."""
    assert decide([pod("a")], [], node("a")).attach == ("a",)
    assert decide([pod("a", "Succeeded")], [], node("a")).attach == ()


def test_volume_that_another_node_has_is_not_attached() -> None:
    """ReadWriteOnce: one node at a time, the other one is told."""
    found = decide([pod("a"), pod("b")], ["a"], node("a"), node("b"))

    assert found.attach == ()
    assert found.blocked == ("b",)


def test_shared_volume_goes_to_all_nodes() -> None:
    """ReadOnlyMany and ReadWriteMany volumes may be on several nodes."""
    found = decide([pod("a"), pod("b")], ["a"], node("a"), node("b"), of=volume("ReadOnlyMany"))

    assert found.attach == ("b",)
    assert found.blocked == ()


@pytest.mark.parametrize(
    ("where", "waited", "goes"),
    [
        pytest.param(node("a"), 0.0, True, id="not-mounted"),
        pytest.param(node("a", in_use=True), 9_999.0, False, id="mounted-on-a-living-node"),
        pytest.param(node("a", ready="Unknown", in_use=True), 60.0, False, id="silent-a-while"),
        pytest.param(
            node("a", ready="Unknown", in_use=True),
            FORCE_DETACH_SECONDS,
            True,
            id="silent-for-long",
        ),
        pytest.param(
            node("a", in_use=True, taint="node.kubernetes.io/out-of-service"),
            0.0,
            True,
            id="out-of-service",
        ),
    ],
)
def test_volume_leaves_a_node(where: Node, waited: float, *, goes: bool) -> None:
    """It goes once unmounted, or when its node has been silent for six minutes."""
    found = decide([], ["a"], where, waited=waited)

    assert bool(found.detach) is goes
    assert bool(found.waiting) is not goes


def test_volume_of_a_node_that_is_gone_is_detached() -> None:
    """Without the node nobody has it mounted."""
    assert decide([], ["a"]).detach


def test_attachment_that_goes_already_is_left_alone() -> None:
    """A deletion is asked for once."""
    going = attachment("a")
    going = attrs.evolve(going, metadata=attrs.evolve(going.metadata, deletion_timestamp=Time(1.0)))

    found = plan(volume(), [], [going], {"a": node("a")}, unwanted_since={}, now=NOW)

    assert found.detach == found.waiting == ()
