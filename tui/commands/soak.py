"""`kubarium soak`: random workloads and faults in virtual time; what breaks becomes a scenario."""

import argparse
import sys
import time
from pathlib import Path

from engine.scenario.soak.file import scenario_text
from engine.scenario.soak.plan import make_plan
from engine.scenario.soak.run import Outcome, run_plan, shrink

EXIT_BROKEN = 1
EXIT_USAGE = 2


def add_options(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument(
        "--seeds", type=_seeds, default=(1, 20), metavar="A..B", help="which runs (1..20)"
    )
    parser.add_argument("--nodes", type=int, default=10, metavar="N", help="workers of each (10)")
    parser.add_argument(
        "--seconds", type=float, default=60.0, metavar="S", help="virtual time under fire (60)"
    )
    parser.add_argument(
        "--out", type=Path, default=Path(), metavar="DIR", help="where scenarios are written (.)"
    )
    parser.add_argument(
        "--keep-going", action="store_true", help="go on after a seed that breaks something"
    )


def run(options: argparse.Namespace) -> int:
    """Run every seed; 0 if all promises held, 1 if one was broken, 2 if it cannot be done."""
    if options.nodes < 1 or options.seconds < 1:
        print("kubarium soak: --nodes and --seconds must be at least 1", file=sys.stderr)
        return EXIT_USAGE
    first, last = options.seeds
    began, broken, virtual = time.monotonic(), 0, 0.0
    for seed in range(first, last + 1):
        outcome = _run(seed, options)
        virtual += outcome.seconds
        if outcome.is_good:
            continue
        broken += 1
        print(f"seed {seed}: {outcome.violation or outcome.error}")
        print(f"seed {seed}: {_write(seed, outcome, options)}")
        if not options.keep_going:
            return EXIT_BROKEN
    took = time.monotonic() - began
    count = last - first + 1
    verdict = "every invariant held" if not broken else f"{broken} broke something"
    speed = virtual / took if took else 0.0
    print(f"{count} seeds, {verdict}; {virtual:.0f} virtual seconds in {took:.0f} ({speed:.0f}x)")
    return EXIT_BROKEN if broken else 0


def _run(seed: int, options: argparse.Namespace) -> Outcome:
    plan = make_plan(seed, nodes=options.nodes, seconds=options.seconds)
    return run_plan(plan, seed=seed, nodes=options.nodes, seconds=options.seconds)


def _write(seed: int, outcome: Outcome, options: argparse.Namespace) -> str:
    """Make the run small and write it as a scenario; where it is, in words."""
    plan = make_plan(seed, nodes=options.nodes, seconds=options.seconds)

    def fails(part: object) -> bool:
        found = run_plan(part, seed=seed, nodes=options.nodes, seconds=options.seconds)  # type: ignore[arg-type]
        return found.kind == outcome.kind and not found.is_good

    small = shrink(plan, fails)
    outcome = run_plan(small, seed=seed, nodes=options.nodes, seconds=options.seconds)
    path: Path = options.out / f"soak-{seed}.toml"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(scenario_text(small, outcome, nodes=options.nodes), encoding="utf-8")
    except OSError as error:
        return f"the scenario cannot be written to {path}: {error.strerror}"
    return f"{len(plan)} actions made {len(small)}; replay: kubarium play --headless {path}"


def _seeds(text: str) -> tuple[int, int]:
    first, dots, last = text.partition("..")
    try:
        found = (int(first), int(last if dots else first))
    except ValueError:
        raise argparse.ArgumentTypeError(f"A..B was expected, as 1..200, not {text!r}") from None
    if found[0] > found[1] or found[0] < 0:
        raise argparse.ArgumentTypeError(f"the first seed must not be above the last: {text!r}")
    return found
