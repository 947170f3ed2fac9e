"""The store as lines."""

import attrs
import pytest

from engine.store.status import KeyGroup
from tests.tui.fixtures import NOW
from tests.tui.store_fixture import STORE
from tui.render import store
from tui.render.text import plain, width


def test_a_branch_counts_what_is_under_it() -> None:
    """The root has all keys; an only child shares its parent's line."""
    lines = [plain(line).split() for line in store.keyspace(STORE.groups, 60)]

    assert lines[0] == ["/registry", "443", "~373Ki"]
    assert ["deployments/default", "3", "7.2Ki"] in lines
    assert ["pods", "17", "50.9Ki"] in lines
    assert ["kube-system", "2", "6Ki"] in lines


def test_a_narrow_tree_shows_no_namespaces() -> None:
    """Where there is little room the kinds are what counts."""
    lines = [plain(line).split()[0] for line in store.keyspace(STORE.groups, 30)]

    assert lines[:4] == ["/registry", "apps", "deployments", "replicasets"]
    assert "default" not in lines


def test_a_key_at_the_root_is_no_trouble() -> None:
    """Keys need not look like Kubernetes'."""
    lines = store.keyspace([KeyGroup(path="", keys=1, size=10)], 40)

    assert plain(lines[0]).split() == ["(top)", "1", "10"]


@pytest.mark.parametrize("cells", [40, 60, 100, 140])
def test_lines_keep_within_their_cells(cells: int) -> None:
    """Nothing is wider than the room there is."""
    lines = [
        *store.keyspace(STORE.groups, cells),
        *[store.revision_line(row, NOW, cells) for row in STORE.revisions],
        *store.watchers(STORE.watchers, cells),
        *store.leases(STORE.leases, (), NOW, cells),
        *store.summary(STORE, cells),
    ]

    assert max(width(line) for line in lines) <= cells


def test_who_lags_comes_first() -> None:
    """A slow reader is what one looks for."""
    names = [plain(line).split()[1] for line in store.watchers(STORE.watchers, 80)]

    assert names[:2] == ["kubectl", "argo"]


def test_an_alarm_is_told() -> None:
    """A store that takes no writes says so, and why."""
    lines = store.summary(attrs.evolve(STORE, alarm="no space left"), 60)

    assert "✖ no space left" in plain(lines[-1])


def test_a_change_says_who_and_why() -> None:
    """By whom, and because of which revision or which input."""
    first, second, *_ = [plain(store.revision_line(row, NOW, 130)) for row in STORE.revisions]

    assert "kubectl" in first
    assert "⇐ kubectl: PATCH web" in first
    assert "← 1030 deployments/default/web" in second
