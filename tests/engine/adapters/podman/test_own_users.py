"""Which users pods of their own users get, and where that cannot be."""

from pathlib import Path
from typing import Any

import attrs
import pytest

from engine.adapters.podman import own_users
from engine.adapters.podman.own_users import UserRanges, lacking
from engine.adapters.podman.preflight import Preflight
from engine.errors import AdapterError

ABLE = Preflight(usable=True, runtime="crun", is_routed=True)
KERNEL = "6.3.0-amd64"


def test_no_two_pods_have_an_id_in_common() -> None:
    """Nor with the host, nor with those of another cluster on it; what is given back is free."""
    here, there = UserRanges(slot=0), UserRanges(slot=1)
    here.claim(2 * 65_536)

    firsts = [here.take(), here.take(), there.take()]
    here.release(firsts[0])

    assert firsts == [65_536, 3 * 65_536, 5_001 * 65_536]
    assert here.take() == firsts[0]


def test_all_ranges_are_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pod is told why it cannot be."""
    monkeypatch.setattr(own_users, "RANGES_OF_SLOT", 1)
    ranges = UserRanges(slot=0)
    ranges.take()

    with pytest.raises(AdapterError, match="no range of user ids is free"):
        ranges.take()


@pytest.mark.parametrize(
    ("change", "kernel", "most", "why"),
    [
        pytest.param({}, KERNEL, "1000", "", id="all is there"),
        pytest.param({"is_routed": False}, KERNEL, "1000", "Podman makes", id="no sandboxes"),
        pytest.param({"runtime": "runc"}, KERNEL, "1000", "runc does not", id="runtime"),
        pytest.param({}, KERNEL, "0", "the kernel allows no user namespaces", id="none allowed"),
        pytest.param({}, "6.1.0-13-amd64", "1000", "kernel 6.1.0-13-amd64 cannot", id="kernel"),
    ],
)
def test_what_a_host_lacks_is_said(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, Any],
    kernel: str,
    most: str,
    why: str,
) -> None:
    """With what mends it."""
    monkeypatch.setattr("os.geteuid", lambda: 0)
    spaces = tmp_path / "max_user_namespaces"
    spaces.write_text(f"{most}\n")

    found, mend = lacking(attrs.evolve(ABLE, **change), kernel, spaces=spaces)

    assert found.startswith(why) if why else found == ""
    assert bool(mend) == bool(why)


def test_an_ordinary_user_has_too_few_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """65,536 are for all of a user's containers together."""
    monkeypatch.setattr("os.geteuid", lambda: 1000)

    assert lacking(ABLE, KERNEL)[0].startswith("an ordinary user")
