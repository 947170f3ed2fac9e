"""Ephemeral containers and resize: what may change, and how that is refused."""

import attrs
import pytest

from engine.api.container import Container, ResourceRequirements
from engine.api.frozen import FrozenDict
from engine.api.meta import ObjectMeta
from engine.api.pod import Pod, PodSpec
from engine.apiserver.pod_part_validation import (
    validate_ephemeral_containers,
    validate_ephemeral_update,
    validate_resize,
)


def make_pod(cpu: str = "100m", *ephemeral: Container) -> Pod:
    """A pod with one container that asks for *cpu*."""
    resources = ResourceRequirements(requests=FrozenDict({"cpu": cpu}))
    main = Container(name="main", image="i", resources=resources)
    spec = PodSpec(containers=(main,), ephemeral_containers=ephemeral)
    return Pod(metadata=ObjectMeta(name="p", namespace="n"), spec=spec)


def test_ephemeral_containers_come_but_do_not_change_or_go() -> None:
    """Adding is fine."""
    one = Container(name="one", image="i")
    changed = attrs.evolve(one, image="j")

    assert validate_ephemeral_update(make_pod("1", one), make_pod("1")) == []
    (gone,) = validate_ephemeral_update(make_pod("1"), make_pod("1", one))
    (other,) = validate_ephemeral_update(make_pod("1", changed), make_pod("1", one))
    assert 'existing ephemeral containers "one" may not be removed' in gone.message
    assert 'existing ephemeral containers "one" may not be changed' in other.message


def test_ephemeral_containers_have_targets_and_no_resources() -> None:
    """Each fault by its path."""
    resources = ResourceRequirements(limits=FrozenDict({"cpu": "1"}))
    bad = Container(name="e", resources=resources, target_container_name="nobody")

    causes = validate_ephemeral_containers(make_pod("1", bad).spec, "spec")

    assert [cause.field for cause in causes] == [
        "spec.ephemeralContainers[0].resources",
        "spec.ephemeralContainers[0].targetContainerName",
    ]


def test_a_resize_keeps_the_class_of_service() -> None:
    """Or is refused."""
    new, old = make_pod("200m"), make_pod()

    assert validate_resize(new, old, was="Burstable", now="Burstable") == []
    (cause,) = validate_resize(new, old, was="Burstable", now="Guaranteed")
    assert cause.message.endswith("Pod QOS Class may not change as a result of resizing")


@pytest.mark.parametrize(
    ("requests", "message"),
    [
        ({}, "resource requests cannot be removed"),
        ({"cpu": "100m", "example.com/gpu": "1"}, "only cpu and memory resources are mutable"),
    ],
)
def test_a_resize_changes_only_cpu_and_memory(requests: dict[str, str], message: str) -> None:
    """And takes nothing away."""
    resources = ResourceRequirements(requests=FrozenDict(requests))
    old = make_pod()
    main = attrs.evolve(old.spec.containers[0], resources=resources)
    new = attrs.evolve(old, spec=attrs.evolve(old.spec, containers=(main,)))

    (cause,) = validate_resize(new, old, was="Burstable", now="Burstable")

    assert cause.message.endswith(message)
