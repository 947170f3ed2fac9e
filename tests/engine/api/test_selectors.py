"""Selectors, quantities and names, from the documented grammar."""

import pytest

from engine.api.frozen import EMPTY, FrozenDict
from engine.api.meta import LabelSelector, LabelSelectorRequirement
from engine.api.quantity import format_bytes, format_millis, parse, parse_int, parse_millis
from engine.api.scheme import SCHEME
from engine.api.selectors import (
    FieldRequirement,
    format_selector,
    matches,
    parse_field_selector,
    parse_selector,
)


@pytest.mark.parametrize(
    ("text", "labels", "expected"),
    [
        ("app=web", {"app": "web"}, True),
        ("app==web", {"app": "web"}, True),
        ("app!=web", {"app": "db"}, True),
        ("app!=web", {}, True),
        ("tier in (a, b)", {"tier": "b"}, True),
        ("tier notin (a,b)", {"tier": "b"}, False),
        ("tier notin (a,b)", {}, True),
        ("app", {"app": ""}, True),
        ("!app", {"app": ""}, False),
        ("!app", {}, True),
        ("app=web,tier in (x)", {"app": "web"}, False),
        ("size>3", {"size": "4"}, True),
        ("size<3", {"size": "4"}, False),
        ("", {"any": "thing"}, True),
    ],
)
def test_label_selectors_match_as_documented(
    text: str, labels: dict[str, str], *, expected: bool
) -> None:
    """Equality and set-based requirements, joined by commas."""
    assert parse_selector(text).matches(labels) is expected


@pytest.mark.parametrize("text", ["a=b=c", "tier in a", "=x", "a,,b", "(a)"])
def test_what_is_not_a_selector_is_refused(text: str) -> None:
    """With the part that is wrong."""
    with pytest.raises(ValueError, match="unable to parse"):
        parse_selector(text)


def test_no_selector_selects_nothing_and_an_empty_one_everything() -> None:
    """As metav1.LabelSelector says."""
    assert not matches(None, {"a": "b"})
    assert matches(LabelSelector(), {"a": "b"})


def test_label_selector_objects_match_and_print() -> None:
    """In the form ``-l`` takes."""
    selector = LabelSelector(
        match_labels=FrozenDict({"app": "web"}),
        match_expressions=(
            LabelSelectorRequirement(key="tier", operator="In", values=("a", "b")),
            LabelSelectorRequirement(key="old", operator="DoesNotExist"),
        ),
    )

    assert matches(selector, {"app": "web", "tier": "a"})
    assert not matches(selector, {"app": "web", "tier": "a", "old": ""})
    assert format_selector(selector) == "app=web,tier in (a,b),!old"
    assert format_selector(LabelSelector(match_labels=EMPTY)) == ""


def test_field_selectors_are_paths_with_values() -> None:
    """Only = and != exist."""
    assert parse_field_selector("spec.nodeName=n1,status.phase!=Running") == (
        FieldRequirement("spec.nodeName", "n1"),
        FieldRequirement("status.phase", "Running", is_equal=False),
    )
    with pytest.raises(ValueError, match="invalid field selector"):
        parse_field_selector("spec.nodeName")


@pytest.mark.parametrize(
    ("text", "millis"),
    [("1", 1000), ("500m", 500), ("0.1", 100), ("1500u", 2), ("2e3", 2_000_000), (".5", 500)],
)
def test_cpu_quantities_are_millicores_rounded_up(text: str, millis: int) -> None:
    """A request is never counted as less than it is."""
    assert parse_millis(text) == millis


@pytest.mark.parametrize(
    ("text", "count"),
    [("1Ki", 1024), ("1.5Gi", 1610612736), ("128M", 128_000_000), ("1E", 10**18), ("100m", 1)],
)
def test_memory_quantities_are_bytes_rounded_up(text: str, count: int) -> None:
    """Binary and decimal suffixes."""
    assert parse_int(text) == count


@pytest.mark.parametrize("text", ["", "1 Gi", "abc", "1GiB", "--1", "1.2.3"])
def test_what_is_not_a_quantity_is_refused(text: str) -> None:
    """In the words of the API server."""
    with pytest.raises(ValueError, match="quantities must match"):
        parse(text)


def test_quantities_are_written_in_their_shortest_form() -> None:
    """Whole cores and whole binary units."""
    assert format_millis(250) == "250m"
    assert format_millis(2000) == "2"
    assert format_bytes(512 * 2**20) == "512Mi"
    assert format_bytes(1500) == "1500"


@pytest.mark.parametrize(
    ("word", "plural"),
    [
        ("po", "pods"),
        ("Deployment", "deployments"),
        ("deploy", "deployments"),
        ("deployments.apps", "deployments"),
        ("ev", "events"),
        ("svc", "services"),
        ("fault", "faults"),
    ],
)
def test_resources_are_found_by_every_name_kubectl_users_type(word: str, plural: str) -> None:
    """Plural, singular, short name and kind."""
    found = SCHEME.find(word)

    assert found is not None
    assert found.plural == plural


def test_the_core_group_wins_a_tie_of_names() -> None:
    """``events`` are those of v1."""
    found = SCHEME.find("events")

    assert found is not None
    assert found.group == ""
