"""Side-by-side measurements: run each contestant N times in turn, compare medians.

Contestants take turns, so that what the machine does meanwhile hits all of them. Nothing here
knows what is measured.
"""

import json
import os
import platform
import statistics
from collections.abc import Callable, Mapping
from pathlib import Path

import attrs

RESULTS = Path(".benchmarks")


@attrs.frozen(kw_only=True)
class Measurement:
    """One row of the table: the medians of every contestant, and their ratio to the peer's.

    *target* is what ours divided by the peer's must reach (``>=`` for rates, ``<=`` for costs).
    """

    name: str
    unit: str
    ours: float
    peer: float | None = None
    target: float | None = None
    higher_is_better: bool = True
    samples: Mapping[str, list[float]] = attrs.field(factory=dict)

    @property
    def ratio(self) -> float | None:
        """Ours divided by the peer's."""
        return None if not self.peer else self.ours / self.peer

    @property
    def is_reached(self) -> bool | None:
        """Whether the target is reached; None without one."""
        measured = self.ours if self.peer is None else self.ratio
        if self.target is None or measured is None:
            return None
        return measured >= self.target if self.higher_is_better else measured <= self.target


def compare(
    name: str,
    unit: str,
    ours: Callable[[], float],
    peer: Callable[[], float] | None = None,
    *,
    runs: int = 5,
    target: float | None = None,
    higher_is_better: bool = True,
) -> Measurement:
    """Call *ours* and *peer*, which return what they measured, *runs* times in turn."""
    samples: dict[str, list[float]] = {"ours": []}
    if peer is not None:
        samples["peer"] = []
    for _ in range(runs):
        if peer is not None:
            samples["peer"].append(peer())
        samples["ours"].append(ours())
    return Measurement(
        name=name,
        unit=unit,
        ours=statistics.median(samples["ours"]),
        peer=statistics.median(samples["peer"]) if peer is not None else None,
        target=target,
        higher_is_better=higher_is_better,
        samples=samples,
    )


def report(title: str, measurements: list[Measurement]) -> bool:
    """Print the table and keep it as JSON under `.benchmarks`; whether all targets are reached."""
    print(f"\n{title}")
    print(f"{'':<46}{'ours':>12}{'peer':>12}  {'unit':<10}{'ratio':>7}  target")
    for row in measurements:
        peer = "" if row.peer is None else f"{row.peer:,.1f}"
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        sign = ">=" if row.higher_is_better else "<="
        goal = "" if row.target is None else f"{sign} {row.target:g}"
        verdict = {None: "", True: "reached", False: "MISSED"}[row.is_reached]
        columns = f"{row.name:<46}{row.ours:>12,.1f}{peer:>12}  {row.unit:<10}{ratio:>7}"
        print(f"{columns}  {goal} {verdict}")
    RESULTS.mkdir(exist_ok=True)
    kept = {
        "title": title,
        "machine": {"cpus": os.cpu_count(), "python": platform.python_version()},
        "measurements": [
            {**attrs.asdict(row), "ratio": row.ratio, "is_reached": row.is_reached}
            for row in measurements
        ],
    }
    name = title.split(":", maxsplit=1)[0].lower().replace(" ", "-")
    (RESULTS / f"{name}.json").write_text(json.dumps(kept, indent=2) + "\n")
    return all(row.is_reached is not False for row in measurements)
