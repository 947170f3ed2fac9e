"""Pods are told by symbol, word and tone."""

import attrs
import pytest

from engine.api.pod import Pod
from engine.api.wire import Time
from tests.tui.fixtures import make_deployment, make_pod, make_replica_set
from tui.render.pods import image_tag, pod_state, short_name


def _dying(pod: Pod) -> Pod:
    return attrs.evolve(pod, metadata=attrs.evolve(pod.metadata, deletion_timestamp=Time(1.0)))


@pytest.mark.parametrize(
    ("pod", "symbol", "word", "tone"),
    [
        (make_pod("a", node="n"), "●", "Running", "ok"),
        (make_pod("a", node="n", ready=False), "◐", "Running", "wait"),
        (make_pod("a", phase="Pending", ready=False), "○", "Pending", "wait"),
        (
            make_pod("a", node="n", phase="Pending", ready=False),
            "○", "ContainerCreating", "wait",
        ),
        (
            make_pod("a", node="n", ready=False, waiting="CrashLoopBackOff"),
            "✖", "CrashLoopBackOff", "bad",
        ),
        (
            make_pod("a", node="n", ready=False, waiting="ErrImagePull"),
            "✖", "ErrImagePull", "bad",
        ),
        (_dying(make_pod("a", node="n")), "◌", "Terminating", "gone"),
    ],
    ids=["ready", "unready", "pending", "creating", "crashing", "no image", "dying"],
)  # fmt: skip
def test_states(pod: Pod, symbol: str, word: str, tone: str) -> None:
    """The word is that of kubectl's STATUS column; symbol and tone go with it."""
    assert tuple(pod_state(pod)) == (symbol, word, tone)


def test_a_pod_of_a_deployment_goes_by_its_app() -> None:
    """The hash in the middle helps nobody."""
    owner = make_replica_set(
        make_deployment("web", image="web:v1", replicas=1, updated=1, ready=1),
        "7d8f9c6b5d", image="web:v1", revision=1, count=1, ready=1,
    )  # fmt: skip

    assert short_name(make_pod("web-7d8f9c6b5d-x2k9p", owner=owner)) == "web·x2k9p"


@pytest.mark.parametrize(
    ("image", "tag"),
    [
        ("nginx", "latest"),
        ("localhost:5000/a/demo:v2", "v2"),
        ("localhost:5000/a/demo", "latest"),
        ("demo@sha256:0123456789abcdef", "0123456"),
    ],
    ids=["none", "port and tag", "port", "digest"],
)
def test_tags(image: str, tag: str) -> None:
    """A registry's port is no tag."""
    assert image_tag(image) == tag
