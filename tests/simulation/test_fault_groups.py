"""Faults in sequence, by schedule, while a steady state holds; previews and targets."""

from engine.api.frozen import FrozenDict
from engine.api.kubarium import (
    Fault,
    FaultPart,
    FaultSpec,
    FaultStage,
    FaultTarget,
    Hypothesis,
    Invariant,
)
from engine.api.meta import LabelSelector, ObjectMeta
from engine.api.pod import Pod
from engine.cluster import Cluster
from engine.faults.controls import make_fault
from tests.builders import make_deployment

CUT = FaultPart(
    name="cut", type="link.cut", target=FaultTarget(component="scheduler"), duration_seconds=5.0
)
CRASH = FaultPart(
    name="crash",
    type="node.crash",
    target=FaultTarget(nodes=("node-1",)),
    duration_seconds=8.0,
)


def group(*stages: FaultStage, **more: object) -> Fault:
    """A fault of several."""
    return Fault(
        metadata=ObjectMeta(name="group"),
        spec=FaultSpec(sequence=stages, **more),  # type: ignore[arg-type]
    )


def phases(cluster: Cluster) -> dict[str, str]:
    """How far each fault is."""
    return {fault.metadata.name: fault.status.phase for fault in cluster.list(Fault)}


def test_stages_follow_each_other_and_parts_run_together(cluster: Cluster) -> None:
    """The next stage begins when all of the one before are over."""
    late = FaultPart(name="late", type="watch.drop")
    cluster.apply(
        group(FaultStage(faults=(CUT, CRASH)), FaultStage(delay_seconds=2.0, faults=(late,)))
    )
    cluster.run_for(1.0)
    together = phases(cluster)
    cluster.run_for(6.0)
    one_over = phases(cluster)
    cluster.run_for(10.0)

    assert together == {"group": "Active", "group-cut": "Active", "group-crash": "Active"}
    assert one_over["group-cut"] == "Recovered"
    assert "group-late" not in one_over
    assert set(phases(cluster).values()) == {"Recovered"}
    assert cluster.get(Fault, "group-late").metadata.owner_references[0].name == "group"


def test_deleting_a_group_ends_what_is_active(cluster: Cluster) -> None:
    """And begins nothing more."""
    cluster.apply(group(FaultStage(faults=(CUT,)), FaultStage(faults=(CRASH,))))
    cluster.run_for(1.0)

    cluster.admin.delete(Fault, "group")
    cluster.run_for(30.0)

    assert not cluster.links["scheduler"].is_cut
    assert cluster.list(Fault) == ()
    assert cluster.injector.active == ()


def test_the_panic_key_ends_a_group(cluster: Cluster) -> None:
    """Its later stages never come."""
    cluster.apply(group(FaultStage(faults=(CUT,)), FaultStage(faults=(CRASH,))))
    cluster.run_for(1.0)

    cluster.injector.recover_all()
    cluster.run_for(30.0)

    assert "group-crash" not in phases(cluster)
    assert not cluster.nodes["node-1"].link.is_cut
    assert cluster.injector.active == ()


def test_a_group_with_a_part_that_fails_has_failed(cluster: Cluster) -> None:
    """With the reason of the part."""
    ghost = FaultPart(name="ghost", type="pod.kill", target=FaultTarget(pods=("nobody",)))
    cluster.apply(group(FaultStage(faults=(ghost,)), FaultStage(faults=(CRASH,))))
    cluster.run_for(5.0)

    status = cluster.get(Fault, "group").status
    assert status.phase == "Failed"
    assert "no pod in namespace default matches" in status.message
    assert "group-crash" not in phases(cluster)


def test_a_schedule_makes_faults(cluster: Cluster) -> None:
    """One each time, kept to the last three, none when the schedule is deleted."""
    target = FaultTarget(component="scheduler")
    fault = make_fault("nightly", "link.cut", target, duration=5.0)
    spec = FaultSpec(type="link.cut", target=target, duration_seconds=5.0, schedule="*/1 * * * *")
    cluster.apply(Fault(metadata=fault.metadata, spec=spec))
    cluster.run_for(330.0)
    made = [name for name in phases(cluster) if name != "nightly"]
    waiting = cluster.get(Fault, "nightly").status

    cluster.admin.delete(Fault, "nightly")
    cluster.run_for(120.0)

    assert waiting.phase == "Scheduled"
    assert waiting.last_schedule_at is not None
    assert len(made) == 4
    assert not [name for name in phases(cluster) if name not in made]


def steady(value: int, tolerance: float = 0.0) -> Hypothesis:
    """So many pods of the deployment are ready."""
    return Hypothesis(
        title="enough pods",
        kind="Pod",
        selector=LabelSelector(match_labels=FrozenDict(app="web")),
        condition="Ready",
        value=value,
        tolerance_seconds=tolerance,
    )


def with_steady_state(cluster: Cluster, *hypotheses: Hypothesis) -> Fault:
    """A fault that kills a node with pods of the deployment."""
    cluster.apply(make_deployment("web", replicas=4))
    cluster.run_for(20.0)
    node = next(pod.spec.node_name for pod in cluster.list(Pod, namespace="default"))
    spec = FaultSpec(
        type="node.crash",
        target=FaultTarget(nodes=(node,)),
        duration_seconds=200.0,
        steady_state=hypotheses,
    )
    cluster.apply(Fault(metadata=ObjectMeta(name="test"), spec=spec))
    cluster.run_for(150.0)
    return cluster.get(Fault, "test")


def test_a_fault_is_not_begun_where_the_steady_state_does_not_hold(cluster: Cluster) -> None:
    """And says what was found."""
    fault = with_steady_state(cluster, steady(9))

    assert fault.status.phase == "Failed"
    assert "enough pods does not hold before (4)" in fault.status.message


def test_a_fault_is_undone_when_the_steady_state_breaks(cluster: Cluster) -> None:
    """It is aborted, and nothing of it is left."""
    fault = with_steady_state(cluster, steady(4, tolerance=2.0))

    assert fault.status.phase == "Aborted"
    assert fault.status.is_undone
    assert cluster.injector.active == ()


def test_a_fault_goes_on_while_the_steady_state_holds(cluster: Cluster) -> None:
    """To its end, with what was found in its status."""
    fault = with_steady_state(cluster, steady(1))

    assert fault.status.phase == "Active"
    assert fault.status.steady_state[0].holds


def test_a_preview_touches_nothing(cluster: Cluster) -> None:
    """It names what would be hit."""
    cluster.apply(make_deployment("web", replicas=4))
    cluster.run_for(20.0)
    target = FaultTarget(
        selector=LabelSelector(match_labels=FrozenDict(app="web")), mode="fixed", value=2
    )
    spec = FaultSpec(type="pod.kill", target=target, is_dry_run=True, seed=7)
    cluster.apply(Fault(metadata=ObjectMeta(name="look"), spec=spec))
    cluster.run_for(5.0)

    status = cluster.get(Fault, "look").status
    assert status.phase == "Previewed"
    assert len(status.touched) == 2
    assert len(cluster.list(Pod, namespace="default")) == 4


def test_a_seed_chooses_the_same_targets(cluster: Cluster) -> None:
    """What a preview names is what the fault hits."""
    cluster.apply(make_deployment("web", replicas=6))
    cluster.run_for(20.0)
    found = []
    for name, is_dry_run in (("look", True), ("do", False)):
        target = FaultTarget(expression="app=web", mode="fixed-percent", value=50)
        spec = FaultSpec(
            type="stress.cpu",
            target=target,
            is_dry_run=is_dry_run,
            seed=7,
            duration_seconds=5.0,
        )
        cluster.apply(Fault(metadata=ObjectMeta(name=name), spec=spec))
        cluster.run_for(2.0)
        found.append(cluster.get(Fault, name).status.touched)

    assert found[0] == found[1]
    assert len(found[0]) == 3


def test_invariants_are_objects(cluster: Cluster) -> None:
    """Each says how it stands."""
    cluster.apply(make_deployment("web", replicas=4))
    cluster.run_for(30.0)

    found = cluster.list(Invariant)

    assert len(found) >= 13
    assert all(one.status["holds"] for one in found)
    assert cluster.get(Invariant, "pod-stays").spec["promise"]
