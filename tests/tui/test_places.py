"""Where an object leads, and the way back."""

import pytest

from engine.api.meta import ApiObject
from tests.tui.fixtures import demo_cluster, make_node, make_pod
from tui.places import History, Place, inside

A, B, C = Place("overview"), Place("rollouts"), Place("events")


def _history(*places: Place) -> History:
    history = History()
    for place in places:
        history.visit(place)
    return history


def test_back_and_forward_meet_again() -> None:
    """Each step back can be undone by one forward."""
    history = _history(A, B)

    assert history.travel(-1) == A
    assert not history.is_at_end
    assert history.travel(1) == B
    assert history.is_at_end


def test_there_is_nothing_beyond_the_ends() -> None:
    """A step that cannot be made changes nothing."""
    history = _history(A)

    assert history.travel(1) is None
    assert history.travel(-1) is None
    assert history.is_at_end


def test_a_new_visit_forgets_what_was_gone_back_from() -> None:
    """Forward never leads to a place that was left behind."""
    history = _history(A, B)
    history.travel(-1)

    history.visit(C)

    assert history.travel(1) is None
    assert history.travel(-1) == A


def test_staying_is_no_visit() -> None:
    """Opening the view that is open does not lengthen the way back."""
    history = _history(A, B, B)

    assert history.travel(-1) == A


@pytest.mark.parametrize(
    ("name", "kind", "filter_text"),
    [("web", "Deployment", "-l app=web"), ("web", "Service", "-l app=web"),
     ("node-1", "Node", r"\bnode-1\b"), ("default", "Namespace", "")],
)  # fmt: skip
def test_what_has_pods_leads_to_them(name: str, kind: str, filter_text: str) -> None:
    """By its selector, or by its name where that stands in the pods' rows."""
    assert inside(_find(kind, name)) == Place("resources", "pods", filter_text)


def test_what_has_none_leads_nowhere() -> None:
    """A pod, and a service without a selector, are described instead."""
    assert inside(make_pod("a")) is None
    assert inside(_find("Service", "kubernetes")) is None
    assert inside(make_node("a")) is not None


def _find(kind: str, name: str) -> ApiObject:
    found = (obj for obj in demo_cluster() if kind == obj.KIND and obj.metadata.name == name)
    return next(found)
