"""Operations do to the cluster what their names say."""

import pytest

from engine.api.apps import Deployment, ReplicaSet
from engine.api.kubarium import Fault
from engine.api.node import Node
from engine.api.pod import Pod
from engine.apiserver.errors import NotFoundError
from tests.tui.fixtures import demo_cluster, make_deployment, make_node, make_pod
from tests.tui.memory_source import MemorySource
from tui import operations


@pytest.fixture
def source() -> MemorySource:
    """The small cluster in the middle of a rollout."""
    return MemorySource.of(demo_cluster())


def _web(source: MemorySource) -> Deployment:
    found = source.objects[Deployment]["default/web"]
    assert isinstance(found, Deployment)
    return found


def _sets(source: MemorySource) -> list[ReplicaSet]:
    return [item for item in source.objects[ReplicaSet].values() if isinstance(item, ReplicaSet)]


@pytest.mark.parametrize(
    ("image", "following"),
    [
        ("demo:v1", "demo:v2"),
        ("localhost:5000/demo:1.9", "localhost:5000/demo:1.10"),
        ("demo", "demo:v2"),
        ("localhost:5000/demo", "localhost:5000/demo:v2"),
        ("demo:stable", "demo:stable"),
    ],
)
def test_the_next_image_is_one_version_on(image: str, following: str) -> None:
    """What the dialog proposes is what one most likely wants."""
    assert operations.next_image(image) == following


async def test_scaling(source: MemorySource) -> None:
    """spec.replicas is what was asked for."""
    await operations.scale(source, _web(source), 9)

    assert _web(source).spec.replicas == 9


async def test_setting_an_image_changes_that_container(source: MemorySource) -> None:
    """Only the image of the named container changes."""
    await operations.set_image(source, _web(source), "web", "demo:v3")

    assert [c.image for c in _web(source).spec.template.spec.containers] == ["demo:v3"]


async def test_undo_brings_the_template_before_back(source: MemorySource) -> None:
    """The old template without its hash, as kubectl rollout undo does."""
    revision = await operations.undo(source, _web(source), _sets(source))

    template = _web(source).spec.template
    assert revision == 1
    assert template.spec.containers[0].image.endswith(":v1")
    assert "pod-template-hash" not in template.metadata.labels


async def test_undo_of_a_first_revision_says_so(source: MemorySource) -> None:
    """There is nothing to go back to, in words."""
    alone = make_deployment("alone", image="demo:v1", replicas=1, updated=1, ready=1)

    with pytest.raises(NotFoundError, match="deployment/alone has no earlier revision"):
        await operations.undo(source, alone, _sets(source))


async def test_pausing_and_resuming(source: MemorySource) -> None:
    """A rollout is held and let go."""
    await operations.set_paused(source, _web(source), is_paused=True)
    assert _web(source).spec.paused

    await operations.set_paused(source, _web(source), is_paused=False)
    assert not _web(source).spec.paused


async def test_draining_moves_every_pod_away() -> None:
    """The node is cordoned first, then emptied."""
    node = make_node("node-1")
    pods = [make_pod(f"web-{n}", node="node-1") for n in range(3)]
    source = MemorySource.of([node, *pods])

    count = await operations.drain(source, node, pods, lambda _words: None)

    found = source.objects[Node]["node-1"]
    assert isinstance(found, Node)
    assert count == 3
    assert found.spec.unschedulable
    assert not source.objects[Pod]


async def test_a_node_is_broken_by_a_fault_object(source: MemorySource) -> None:
    """Embedded or attached, a crash is a Fault; taking it away mends the node."""
    await operations.break_node(source, "node-1", operations.CRASH)
    fault = source.objects[Fault]["crash-node-1"]
    assert isinstance(fault, Fault)
    assert (fault.spec.type, fault.spec.target.nodes) == ("node.crash", ("node-1",))

    await operations.mend_node(source, fault)
    assert not source.objects[Fault]
