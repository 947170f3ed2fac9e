"""What this machine lacks is a skip for a contributor and a failure in CI."""

import os
from functools import cache

import pytest
from hypothesis import settings

from engine.adapters.podman.preflight import inspect_host
from tests.e2e.served import find_kubectls

# An example may take as long as a busy machine needs. Contributors look at new examples in every
# run; in CI a change is judged by the same ones as the change before it.
IS_CI = os.environ.get("CI") == "true"
settings.register_profile("patient", deadline=None, derandomize=IS_CI)
settings.load_profile("patient")


@cache
def missing(marker: str) -> str:
    """Why tests of *marker* cannot run on this machine; empty if they can."""
    if marker == "podman":
        found = inspect_host()
        if not found.usable:
            return found.reason
        return "" if found.is_routed else "these tests make network namespaces, which needs root"
    if marker == "kubectl" and not find_kubectls():
        return "no kubectl of 1.27 or later was found"
    return ""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep what shares a host or a served cluster in one process, when there are several.

    All that drives Podman goes one after the other: some of it looks at the whole host.
    """
    for item in items:
        is_podman = item.get_closest_marker("podman") is not None
        item.add_marker(pytest.mark.xdist_group("podman" if is_podman else str(item.path)))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip, outside CI, what this machine cannot run."""
    for marker in ("podman", "kubectl"):
        if item.get_closest_marker(marker) is not None and (why := missing(marker)):
            if IS_CI:
                pytest.fail(why)
            pytest.skip(why)
