"""`kubarium play FILE`: a scenario on a cluster of its own, with or without a screen."""

import argparse
import asyncio
import contextlib
import json
import sys

from engine.host import Host, HostOptions
from engine.scenario.loader import load_scenario
from engine.scenario.player import Player
from engine.scenario.schema import Scenario, ScenarioError
from tui.cli import EXIT_FAILED, EXIT_USAGE
from tui.commands.open import leave_on_signal
from tui.commands.serve import host_options


def run(options: argparse.Namespace) -> int:
    """Play; 0 when all checks held, 1 when one failed, 2 when the file is wrong."""
    try:
        scenario = load_scenario(options.file)
    except ScenarioError as error:
        print(error, file=sys.stderr)
        return EXIT_USAGE
    if options.headless:
        return asyncio.run(play_headless(scenario, options))
    return asyncio.run(play_on_screen(scenario, options))


def options_for(scenario: Scenario, options: argparse.Namespace) -> HostOptions:
    """The scenario's cluster, as far as the command line does not say otherwise.

    Raises:
        ScenarioError: the scenario needs real containers and the command line forbids them.
    """
    runtime = options.runtime
    if "podman" in scenario.needs:
        if runtime == "simulated":
            raise ScenarioError(f"{scenario.id} needs real containers; leave --runtime away")
        runtime = "podman"
    if scenario.clock.mode == "virtual":
        runtime = "simulated"
    options.nodes = options.nodes or sum(node.count for node in scenario.node) or 3
    options.seed = scenario.seed if options.seed is None else options.seed
    options.speed = options.speed if options.speed != 1.0 else scenario.clock.speed
    options.runtime = runtime
    return host_options(options, demo=False)


async def play_headless(scenario: Scenario, options: argparse.Namespace) -> int:
    """Play and print what happens; the exit code."""
    host = Host(options_for(scenario, options))
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(host.stop)
        await host.start(is_driven=scenario.clock.mode == "wall")
        if host.notice:
            print(host.notice, flush=True)
        print(f"{scenario.title} ({scenario.id}, seed {scenario.seed})", flush=True)
        player = host.make_player(scenario, on_change=_Printer())
        await host.play(player, is_virtual=scenario.clock.mode == "virtual")
        report = player.report()
    if options.report is not None:
        options.report.write_text(json.dumps(report.as_json(), indent=2) + "\n")
    if options.junit is not None:
        options.junit.write_text(report.as_junit())
    took = report.ended_at - report.started_at
    if report.passed:
        print(f"PASSED {len(report.steps)} steps in {took:.1f} s")
        return 0
    print(f"FAILED {report.message}")
    return EXIT_FAILED


async def play_on_screen(scenario: Scenario, options: argparse.Namespace) -> int:
    """Play in the terminal app; the exit code is the scenario's."""
    from tui.app import KubariumApp
    from tui.embedded import EmbeddedSource

    host = Host(options_for(scenario, options))
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(host.stop)
        await host.start()
        app = KubariumApp(EmbeddedSource(host), notice=host.notice)
        player = host.make_player(scenario, on_change=app.show_player)
        playing = asyncio.create_task(host.play(player))
        leave_on_signal(app.exit)
        await app.run_async()
        playing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await playing
    return 0 if player.report().passed else EXIT_FAILED


class _Printer:
    """Prints each step once, when it has ended."""

    def __init__(self) -> None:
        self._printed = 0

    def __call__(self, player: Player) -> None:
        for result in player.results[self._printed :]:
            mark = {"passed": "✓", "failed": "✗", "skipped": "-"}[result.state]
            took = result.ended_at - result.started_at
            name = result.title or result.id or result.do
            print(f"  {mark} {result.number:>2}. {name}  [{took:.1f} s]  {result.message}")
        self._printed = len(player.results)
        sys.stdout.flush()
