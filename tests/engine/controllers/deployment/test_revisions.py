"""Which ReplicaSet belongs to which template, and which old ones may go."""

import attrs

from engine.api.container import Container
from engine.api.frozen import FrozenDict
from engine.api.meta import ObjectMeta
from engine.api.pod import PodSpec, PodTemplateSpec
from engine.controllers.deployment import revisions
from tests.engine.controllers.deployment.objects import a_deployment, a_set


def _template(image: str, **labels: str) -> PodTemplateSpec:
    return PodTemplateSpec(
        metadata=ObjectMeta(labels=FrozenDict({"app": "web", **labels})),
        spec=PodSpec(containers=(Container(name="web", image=image),)),
    )


def test_equal_templates_have_equal_hashes() -> None:
    """The hash depends on the content alone, and on the collision count."""
    assert revisions.template_hash(_template("v1")) == revisions.template_hash(_template("v1"))
    assert revisions.template_hash(_template("v1")) != revisions.template_hash(_template("v2"))
    assert revisions.template_hash(_template("v1")) != revisions.template_hash(_template("v1"), 1)


def test_the_hash_label_does_not_make_templates_differ() -> None:
    """A ReplicaSet's template carries the label, the Deployment's does not."""
    found = a_set("new", 1)
    labelled = _template("v1", **{revisions.HASH_LABEL: "abc"})
    found = attrs.evolve(found, spec=attrs.evolve(found.spec, template=labelled))

    assert revisions.has_template(found, _template("v1"))
    assert not revisions.has_template(found, _template("v2"))


def test_the_oldest_set_of_the_template_is_the_new_one() -> None:
    """Of two sets with the wanted template the older wins; all others are old."""
    deployment = a_deployment(1)
    younger, older = a_set("b", 1, age=1), a_set("a", 1, age=2)

    found = revisions.sort_out(deployment, [younger, older])

    assert found.new is older
    assert found.old == (younger,)


def test_a_revision_that_comes_back_keeps_its_history() -> None:
    """Rolling back gives an old set the next revision and remembers the one it had."""
    deployment = a_deployment(1)
    deployment = attrs.evolve(
        deployment,
        metadata=attrs.evolve(
            deployment.metadata,
            annotations=FrozenDict({"note": "x", revisions.REVISION: "2"}),
        ),
    )

    annotations = revisions.new_set_annotations(deployment, {revisions.REVISION: "1"}, 3)

    assert annotations == {
        "note": "x",
        revisions.REVISION: "3",
        revisions.REVISION_HISTORY: "1",
    }


def test_old_sets_beyond_the_limit_go_lowest_revision_first() -> None:
    """Sets that still have pods stay, even if that leaves too many."""
    deployment = a_deployment(1, history=1)
    busy = a_set("busy", 1, revision=1)
    old = [a_set("three", 0, revision=3), busy, a_set("two", 0, revision=2)]

    gone = revisions.to_clean_up(deployment, old)

    assert [found.metadata.name for found in gone] == ["two"]
    assert revisions.to_clean_up(a_deployment(1, history=None), old) == ()
