"""`kubarium lab`: list, start, check, test and export labs."""

import argparse
import asyncio
import contextlib
import getpass
import json
import signal
import sys
from pathlib import Path
from typing import Any

from engine.errors import EngineError
from tui.cli import EXIT_FAILED, EXIT_USAGE
from tui.language import say, speak

MARKS = {"passed": "✓", "shown": "✓", "failed": "✗", "active": "▶", "waiting": "·"}


def add_parser(parser: argparse.ArgumentParser, add_cluster_options: Any) -> None:
    """What the command takes."""
    actions = parser.add_subparsers(title="what to do", metavar="ACTION", required=True)

    listed = actions.add_parser("list", help="the course's labs and how far you are")
    listed.add_argument("-o", "--output", choices=("text", "json"), default="text")
    listed.set_defaults(run=run, action=_list)

    start = actions.add_parser("start", help="do a lab, in the terminal app or beside kubectl")
    start.add_argument("name", metavar="LAB", help="a lab of the course, or a file")
    start.add_argument(
        "--no-screen", action="store_true", help="no app: serve the cluster and say what happens"
    )
    start.add_argument("--fresh", action="store_true", help="forget what was reached before")
    add_cluster_options(start, is_scenario=True)
    start.set_defaults(run=run, action=_start, wants_containers=True)

    check = actions.add_parser("check", help="what the running lab still misses")
    check.add_argument("name", metavar="LAB")
    check.add_argument("-o", "--output", choices=("text", "json"), default="text")
    check.set_defaults(run=run, action=_check)

    for name, text in (
        ("hint", "pay for the next hint of the running lab's task"),
        ("answer", "answer the task"),
        ("solution", "open the task's solution"),
        ("reset", "put the running lab's cluster back"),
    ):
        asked = actions.add_parser(name, help=text)
        asked.add_argument("name", metavar="LAB")
        if name == "answer":
            asked.add_argument("text", metavar="TEXT")
        asked.set_defaults(run=run, action=_ask, word=name)

    test = actions.add_parser("test", help="prove that tasks fail at first and pass by solution")
    test.add_argument("names", metavar="LAB", nargs="*", help="labs or files (all of the course)")
    test.add_argument("--seeds", type=int, default=1, metavar="N", help="as so many learners (1)")
    test.add_argument("--real", action="store_true", help="on real containers, by the wall clock")
    test.add_argument("-o", "--output", choices=("text", "json"), default="text")
    test.set_defaults(run=run, action=_test, wants_containers=True)

    export = actions.add_parser("export", help="progress for a teacher")
    export.add_argument("name", metavar="LAB", nargs="?", default="", help="one lab (all)")
    export.add_argument("--format", choices=("json", "csv"), default="json", dest="form")
    export.add_argument("-f", "--file", type=Path, metavar="PATH", help="where to (the screen)")
    export.add_argument("--all-learners", action="store_true", help="not only your own")
    export.set_defaults(run=run, action=_export)

    for action in actions.choices.values():
        action.add_argument(
            "--learner", default="", metavar="NAME", help="who you are (your login)"
        )
        action.add_argument("--lang", default="", metavar="LANG", help="en or ko (the locale's)")


def run(options: argparse.Namespace) -> int:
    """Do what was asked; 2 when a file or a name is wrong."""
    from engine.lab.course import language
    from engine.scenario.schema import ScenarioError

    options.learner = options.learner or login()
    try:
        speak(language(options.lang))
        code: int = options.action(options)
    except ScenarioError as error:
        print(error, file=sys.stderr)
        return EXIT_USAGE
    return code


def login() -> str:
    """Who the learner is unless told otherwise."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "learner"


def progress() -> Any:
    """Where progress is kept."""
    from engine.hosting.options import state_folder
    from engine.lab.progress import Progress

    return Progress(state_folder() / "labs")


def _list(options: argparse.Namespace) -> int:
    from engine.lab.course import entries, language

    lang = language(options.lang)
    kept = progress()
    found = []
    for entry in entries("lab", lang):
        state = kept.load(options.learner, entry.id)
        done = sum(task.is_over for task in state.tasks) if state is not None else 0
        found.append(
            {
                "id": entry.id, "chapter": entry.chapter, "title": entry.title,
                "level": entry.level, "minutes": entry.minutes, "runsOn": entry.runs_on,
                "tasksDone": done, "tasks": len(state.tasks) if state is not None else None,
                "points": state.points if state is not None else 0,
                "passed": state is not None and state.is_passed,
            }
        )  # fmt: skip
    if options.output == "json":
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return 0
    print_course(found, lang)
    return 0


def print_course(found: list[dict[str, Any]], lang: str) -> None:
    """Chapters and what is in them, in columns that mind wide characters."""
    from tui.render.text import fit

    minutes = "분" if lang == "ko" else "min"
    points = "점" if lang == "ko" else "points"
    chapter = ""
    for entry in found:
        if entry["chapter"] != chapter:
            chapter = entry["chapter"]
            print(f"\n{chapter}")
        mark = "✓" if entry.get("passed") else "▶" if entry.get("tasksDone") else " "
        reached = f"{entry['points']:>3} {points}" if entry.get("tasks") else ""
        real = "podman" if entry["runsOn"] == "podman" else ""
        line = (
            f" {mark} {fit(entry['id'], 22)} {fit(entry['title'], 50)} {entry['minutes']:>3}"
            f" {minutes}  {fit(entry['level'], 12)} {fit(real, 7)}{reached}"
        )
        print(line.rstrip())


def _start(options: argparse.Namespace) -> int:
    from engine.lab.course import find_lab, language

    lab = find_lab(options.name, learner=options.learner, lang=language(options.lang))
    options.lang = language(options.lang)
    return asyncio.run(start_lab(lab, options, progress(), has_screen=not options.no_screen))


async def start_lab(lab: Any, options: argparse.Namespace, kept: Any, *, has_screen: bool) -> int:
    """A cluster of the lab's own, with the app or without; what is reached is kept."""
    from tui.lab_host import LabHost

    running = LabHost(lab, options, kept)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(running.stop)
        await running.start()
        if has_screen:
            await _on_screen(running)
        else:
            await _without_screen(running)
    state = running.session.state
    print(f"{lab.title}: {state.points} / {state.total}" + ("  ✓" if state.is_passed else ""))
    return 0


async def _on_screen(running: Any) -> None:
    from tui.app import KubariumApp
    from tui.commands.open import leave_on_signal
    from tui.embedded import EmbeddedSource

    app = KubariumApp(
        EmbeddedSource(running.host), notice=running.host.notice, language=running.language
    )
    app.show_lab(running)
    running.on_change = lambda _session: app.show_lab_progress()
    leave_on_signal(app.exit)
    await app.run_async()


async def _without_screen(running: Any) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(signum, stop.set)
    host = running.host
    print(f"kubarium: {host.summary}; try: kubectl --kubeconfig {host.kubeconfig} get nodes")
    teller = _Teller()
    running.on_change = teller
    teller(running.session)
    await asyncio.wait(
        {asyncio.ensure_future(stop.wait()), host.failed}, return_when=asyncio.FIRST_COMPLETED
    )
    if host.failed.done():
        host.failed.result()


class _Teller:
    """Prints tasks as they begin and end, and what is missing when that changes."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[str, tuple[str, ...]]] = {}

    def __call__(self, session: Any) -> None:
        for task, state in zip(session.lab.task, session.state.tasks, strict=True):
            now = (state.state, state.missing)
            before = self._told.get(task.id, ("waiting", ()))
            if now == before:
                continue
            self._told[task.id] = now
            if state.state != before[0]:
                print(f"\n{MARKS[state.state]} {task.title}  ({state.points or task.points})")
                if state.state == "active":
                    print(task.text.strip())
                elif state.is_over and task.why:
                    print(task.why.strip())
            for line in state.missing:
                print(f"   ○ {line}")
        sys.stdout.flush()


def _check(options: argparse.Namespace) -> int:
    from engine.lab.course import find_lab, language

    lab = find_lab(options.name, learner=options.learner, lang=language(options.lang))
    state = progress().load(options.learner, lab.id)
    if state is None:
        print(say("{lab} has not been started; start it: kubarium lab start {lab}", lab=lab.id))
        return EXIT_FAILED
    if options.output == "json":
        print(json.dumps(state.as_json(), indent=2, ensure_ascii=False))
        return 0 if state.is_done else EXIT_FAILED
    print(
        f"{lab.title}  {state.points}/{state.total}"
        + ("" if state.is_running else f"  {say('(not running)')}")
    )
    for task, found in zip(lab.task, state.tasks, strict=False):
        print(f" {MARKS[found.state]} {task.title}  {found.points}/{task.points}")
        if found.state in ("active", "failed"):
            for line in found.missing:
                print(f"     ○ {line}")
    return 0 if state.is_done else EXIT_FAILED


def _ask(options: argparse.Namespace) -> int:
    from engine.lab.course import find_lab

    lab = find_lab(options.name, learner=options.learner)
    kept = progress()
    state = kept.load(options.learner, lab.id)
    if state is None or not state.is_running:
        print(
            say("{lab} is not running; start it: kubarium lab start {lab}", lab=lab.id),
            file=sys.stderr,
        )
        return EXIT_FAILED
    words = [options.word, *([options.text] if options.word == "answer" else [])]
    reply = asyncio.run(_await_reply(kept, options.learner, lab.id, words))
    if reply is None:
        print(say("the running lab did not answer; is it still there?"), file=sys.stderr)
        return EXIT_FAILED
    print(say(reply[1]), file=sys.stdout if reply[0] else sys.stderr)
    return 0 if reply[0] else EXIT_FAILED


async def _await_reply(kept: Any, learner: str, lab: str, words: list[str]) -> Any:
    answer = kept.path(learner, lab).with_suffix(".answer")
    answer.unlink(missing_ok=True)
    kept.ask(learner, lab, words)
    for _ in range(50):
        await asyncio.sleep(0.1)
        if answer.exists():
            with contextlib.suppress(ValueError):
                found = json.loads(answer.read_text(encoding="utf-8"))
                answer.unlink(missing_ok=True)
                return found
    return None


def _test(options: argparse.Namespace) -> int:
    from engine.lab.course import entries, find_lab, language

    lang = language(options.lang)
    names = options.names or [entry.id for entry in entries("lab")]
    failed = False
    results = []
    for name in names:
        for number in range(max(1, options.seeds)):
            learner = f"test-{number}"
            lab = find_lab(name, learner=learner, lang=lang)
            proofs = _prove(lab, options)
            good = len(proofs) == len(lab.task) and all(proof.holds for proof in proofs)
            failed = failed or not good
            results.append(
                {
                    "lab": lab.id, "learner": learner, "passed": good,
                    "tasks": [
                        {"task": p.task, "failsAtStart": p.fails_at_start,
                         "passesBySolution": p.passes_by_solution, "message": p.message}
                        for p in proofs
                    ],
                }
            )  # fmt: skip
            if options.output == "text":
                print(f"{'✓' if good else '✗'} {lab.id}  ({learner})")
                for proof in proofs:
                    if not proof.holds:
                        print(f"    ✗ {proof.task}: {proof.message}")
    if options.output == "json":
        print(json.dumps(results, indent=2, ensure_ascii=False))
    return EXIT_FAILED if failed else 0


def _prove(lab: Any, options: argparse.Namespace) -> Any:
    from engine.lab.schema import LabError

    if options.real:
        from tui.lab_host import prove_for_real

        return asyncio.run(prove_for_real(lab))
    if "podman" in lab.needs:
        raise LabError(f"{lab.id} needs real containers; test it with --real")
    from engine.lab.tester import prove

    return prove(lab)


def _export(options: argparse.Namespace) -> int:
    from engine.lab.course import find_lab
    from engine.lab.schema import ExportSpec
    from engine.lab.state import as_csv, rows

    states = progress().all("" if options.all_learners else options.learner)
    fields = ExportSpec().fields
    if options.name:
        lab = find_lab(options.name, learner=options.learner)
        states = [state for state in states if state.lab == lab.id]
        fields = lab.export.fields
    else:
        fields = ("lab", *fields)
    table = rows(states, fields)
    if options.form == "csv":
        text = as_csv(table)
    else:
        text = json.dumps(table, indent=2, ensure_ascii=False) + "\n"
    if options.file is None:
        sys.stdout.write(text)
        return 0
    try:
        options.file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise EngineError(f"{options.file} cannot be written: {error.strerror}") from error
    print(f"{len(table)} tasks in {options.file}")
    return 0
