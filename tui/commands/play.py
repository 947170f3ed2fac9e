"""`kubarium play FILE`: a scenario on a cluster of its own, with or without a screen."""

import argparse
import asyncio
import contextlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import attrs

from engine.host import Host
from engine.hosting.options import HostOptions
from engine.lab.course import scenario_file
from engine.lab.machine import node_configs
from engine.scenario.loader import load_scenario
from engine.scenario.player import Player
from engine.scenario.positions import line_at, lines_of
from engine.scenario.report import Report
from engine.scenario.schema import Scenario, ScenarioError
from tui.cast import Cast
from tui.cli import EXIT_FAILED, EXIT_USAGE
from tui.commands.open import leave_on_signal
from tui.commands.serve import host_options
from tui.language import language_of


def run(options: argparse.Namespace) -> int:
    """Play; 0 when all checks held, 1 when one failed, 2 when the file is wrong."""
    try:
        options.file = scenario_file(str(options.file))
        scenario = load_scenario(
            options.file,
            variables=variables_of(options.var),
            language=language_of(options.lang),
        )
        settings = options_for(scenario, options)
        _take_outputs(scenario, options)
        _see_places(options)
    except ScenarioError as error:
        print(error, file=sys.stderr)
        return EXIT_USAGE
    if options.headless and options.screenshot_dir is None and options.picture is None:
        return asyncio.run(play_headless(scenario, settings, options))
    return asyncio.run(play_on_screen(scenario, settings, options))


def variables_of(given: Sequence[str]) -> dict[str, str]:
    """``NAME=VALUE`` words as a mapping.

    Raises:
        ScenarioError: a word has no equals sign.
    """
    found = {}
    for word in given:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise ScenarioError(f"--var: NAME=VALUE was expected, not {word!r}")
        found[name] = value
    return found


def options_for(scenario: Scenario, options: argparse.Namespace) -> HostOptions:
    """The scenario's cluster, as far as the command line does not say otherwise.

    Raises:
        ScenarioError: the scenario needs real containers and the command line forbids them.
    """
    runtime = options.runtime
    if "podman" in scenario.needs:
        if runtime == "simulated":
            raise ScenarioError(
                f"{options.file}: needs real containers (needs = podman); leave --runtime away"
            )
        runtime = "podman"
    elif scenario.node and all(spec.runtime.startswith("sim") for spec in scenario.node):
        runtime = "simulated"
    if scenario.clock.mode == "virtual":
        runtime = "simulated"
    shaped = bool(scenario.node) and options.nodes is None
    options.nodes = options.nodes or sum(node.count for node in scenario.node) or 3
    options.seed = scenario.seed if options.seed is None else options.seed
    options.speed = options.speed if options.speed != 1.0 else scenario.clock.speed
    options.runtime = runtime
    simulated = frozenset(
        spec.name.format(i=i)
        for spec in scenario.node
        if spec.runtime.startswith("sim")
        for i in range(1, spec.count + 1)
    )
    return attrs.evolve(
        host_options(options, demo=False),
        shape=(lambda base: node_configs(scenario.node, base)) if shaped else None,
        simulated=simulated if shaped else frozenset(),
        journal=options.journal,
        scenario={
            "text": options.file.read_text(encoding="utf-8"),
            "variables": variables_of(options.var),
        },
    )


def _take_outputs(scenario: Scenario, options: argparse.Namespace) -> None:
    """Write what the file asks for, where the command line names no other place."""
    options.lines = options.picture = None
    names = {
        ".cast": "cast",
        ".json": "report",
        ".xml": "junit",
        ".jsonl": "lines",
        ".svg": "picture",
    }
    for output in scenario.playback.outputs:
        name = names.get(Path(output).suffix)
        if name is not None and getattr(options, name) is None:
            setattr(options, name, Path(output))


def _see_places(options: argparse.Namespace) -> None:
    """Refuse, before anything is started, what could not be written in the end."""
    for path in (options.report, options.junit, options.cast, options.journal, options.picture):
        if path is not None and not path.absolute().parent.is_dir():
            raise ScenarioError(f"{path} cannot be written: there is no folder {path.parent}")
    if options.screenshot_dir is not None:
        try:
            options.screenshot_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ScenarioError(f"--screenshot-dir {options.screenshot_dir}: {error}") from error


async def play_headless(
    scenario: Scenario, settings: HostOptions, options: argparse.Namespace
) -> int:
    """Play and print what happens; the exit code."""
    host = Host(settings)
    cast = Cast(options.cast) if options.cast is not None else None
    async with contextlib.AsyncExitStack() as stack:
        if cast is not None:
            stack.callback(cast.close)
        stack.push_async_callback(host.stop)
        is_virtual = scenario.clock.mode == "virtual"
        await host.start(is_driven=not is_virtual)
        tell = _Printer(host, cast)
        if host.notice:
            tell.line(host.notice)
        tell.line(f"{scenario.title} ({scenario.id}, seed {scenario.seed})")
        player = host.make_player(scenario, on_change=tell)
        await host.play(player, is_virtual=is_virtual)
        report = player.report()
        tell.line(verdict(report) + place_of_failure(report, options.file))
    write_reports(report, options)
    return 0 if report.passed else EXIT_FAILED


def verdict(report: Report) -> str:
    """The last line of a run."""
    if report.passed:
        return f"PASSED {len(report.steps)} steps in {report.ended_at - report.started_at:.1f} s"
    return f"FAILED {report.message}"


def place_of_failure(report: Report, file: Path) -> str:
    """Where in *file* the step stands that failed, as `` (file:line)``; nothing if none did."""
    failed = next((step.number for step in report.steps if step.state == "failed"), None)
    if failed is None:
        return ""
    line = line_at(lines_of(file.read_text(encoding="utf-8")), ("step", failed - 1))
    return f" ({file}:{line})"


def write_reports(report: Report, options: argparse.Namespace) -> None:
    """Write the files that the command line asks for."""
    if options.report is not None:
        text = json.dumps(report.as_json(), indent=2, ensure_ascii=False)
        options.report.write_text(text + "\n", encoding="utf-8")
    if options.lines is not None:
        rows = [json.dumps(step, ensure_ascii=False) for step in report.as_json()["steps"]]
        options.lines.write_text("\n".join(rows) + "\n", encoding="utf-8")
    if options.junit is not None:
        options.junit.write_text(report.as_junit(), encoding="utf-8")


async def play_on_screen(
    scenario: Scenario, settings: HostOptions, options: argparse.Namespace
) -> int:
    """Play in the terminal app; the exit code is the scenario's.

    With --headless the app runs without a terminal, for the pictures, and ends with the scenario.
    """
    from tui.app import KubariumApp
    from tui.embedded import EmbeddedSource
    from tui.stage_screen import StageScreen

    host = Host(settings)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(host.stop)
        await host.start()
        app = KubariumApp(
            EmbeddedSource(host), notice=host.notice, language=language_of(options.lang)
        )
        player = host.make_player(scenario, on_change=app.show_player)
        player.is_interactive = not options.headless
        player.screen = StageScreen(app, options.screenshot_dir or Path.cwd())
        app.player = player
        for cause in scenario.abort.on:
            if cause.startswith("key:"):
                app.bind(cause.removeprefix("key:"), "abort_scenario", description="Abort")
        if options.cast is not None:
            cast = Cast(options.cast)
            stack.callback(cast.close)
            app.on_frame = cast.screen
        playing = asyncio.create_task(host.play(player))
        leave_on_signal(app.exit)

        def picture() -> None:
            if options.picture is not None:
                text = app.export_screenshot(title="Kubarium")
                options.picture.write_text(text, encoding="utf-8")

        playing.add_done_callback(lambda _task: app.call_later(picture))
        if options.headless:
            playing.add_done_callback(lambda _task: app.call_later(app.exit))
            await app.run_async(headless=True, size=(160, 50))
        else:
            await app.run_async()
        playing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await playing
        report = player.report()
    write_reports(report, options)
    print(verdict(report) if player.is_done else "stopped before the end")
    return 0 if report.passed else EXIT_FAILED


class _Printer:
    """Prints each step once, when it has ended, and puts it into the recording."""

    def __init__(self, host: Host, cast: Cast | None) -> None:
        self._printed = 0
        self._host = host
        self._cast = cast

    def __call__(self, player: Player) -> None:
        for result in player.results[self._printed :]:
            mark = {"passed": "✓", "failed": "✗", "skipped": "-"}[result.state]
            took = result.ended_at - result.started_at
            name = result.title or result.id or result.do
            step = player.scenario.step[result.number - 1]
            if step.say and result.state != "skipped":
                self.line(f"     {step.say}")
            self.line(f"  {mark} {result.number:>2}. {name}  [{took:.1f} s]  {result.message}")
        self._printed = len(player.results)

    def line(self, text: str) -> None:
        """Print one line."""
        print(text, flush=True)
        if self._cast is not None:
            self._cast.write(text.replace("\n", "\r\n") + "\r\n", at=self._host.cluster.loop.now)
