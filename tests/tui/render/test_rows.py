"""Rows stay in order, and filters keep what they say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.api.meta import ApiObject
from tests.tui.fixtures import make_pod
from tui.render.rows import FilterError, RowIndex, parse_filter


def _since(obj: ApiObject) -> float:
    return obj.metadata.creation_timestamp or 0.0


@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 5), st.booleans()), max_size=60),
    st.booleans(),
)
def test_rows_are_always_in_order(steps: list[tuple[int, int, bool]], is_descending: bool) -> None:
    """After any changes the index equals a sort of what is left, and knows each row's place."""
    index = RowIndex(_since, is_descending)
    left: dict[str, ApiObject] = {}
    for number, since, is_removal in steps:
        pod = make_pod(f"pod-{number}", since=since)
        if is_removal:
            index.remove(pod.key)
            left.pop(pod.key, None)
        else:
            index.put(pod.key, pod)
            left[pod.key] = pod

    expected = sorted(left, key=lambda key: (_since(left[key]), key), reverse=is_descending)
    assert [index.key_at(row) for row in range(len(index))] == expected
    assert [index.position(key) for key in expected] == list(range(len(expected)))


@pytest.mark.parametrize(
    ("text", "is_kept"),
    [
        ("", True),
        ("WEB", True),
        ("^web", True),
        ("!web", False),
        ("!api", True),
        ("-l app=web", True),
        ("-l app!=web", False),
        ("-f w1", True),
        ("-f 1w", False),
    ],
)
def test_filters(text: str, is_kept: bool) -> None:
    """Regex without case, its inverse, labels, fuzzy."""
    pod = make_pod("web-1")

    assert parse_filter(text)(pod, "web-1 Running") is is_kept


@pytest.mark.parametrize("text", ["(", "-l a b c"], ids=["regex", "selector"])
def test_a_bad_filter_says_what_is_wrong(text: str) -> None:
    """Nothing is hidden by a filter that nobody can read."""
    with pytest.raises(FilterError, match=r"not a|unable to parse"):
        parse_filter(text)
