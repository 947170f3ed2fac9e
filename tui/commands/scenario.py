"""`kubarium scenario list|check|schema`: for those who write scenarios."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from engine.lab.checking import checked
from engine.lab.course import course_files, entries, language
from engine.scenario.json_schema import json_schema
from engine.scenario.schema import ScenarioError
from tui.cli import EXIT_USAGE
from tui.commands.play import variables_of


def add_actions(parser: argparse.ArgumentParser) -> None:
    """The actions and their options."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    check = actions.add_parser("check", help="say what is wrong with scenario or lab files")
    check.add_argument(
        "files", nargs="*", type=Path, metavar="FILE",
        help="scenarios, labs, translations, an index (all of the course)",
    )  # fmt: skip
    check.add_argument("--var", action="append", default=[], metavar="NAME=VALUE")
    check.set_defaults(run=_check)
    listed = actions.add_parser("list", help="the course's scenarios, in order")
    listed.add_argument("--lang", default="", metavar="LANGUAGE", help="en or ko (the locale's)")
    listed.add_argument("-o", "--output", choices=("text", "json"), default="text")
    listed.set_defaults(run=_list)
    schema = actions.add_parser("schema", help="print the JSON Schema of the format, for editors")
    schema.set_defaults(run=_schema)


def _list(options: argparse.Namespace) -> int:
    """Chapter by chapter: what can be played by name."""
    from tui.commands.lab import print_course

    try:
        lang = language(options.lang)
    except ScenarioError as error:
        print(error, file=sys.stderr)
        return EXIT_USAGE
    found: list[dict[str, Any]] = [
        {
            "id": entry.id, "chapter": entry.chapter, "title": entry.title, "level": entry.level,
            "minutes": entry.minutes, "runsOn": entry.runs_on, "summary": entry.summary,
        }
        for entry in entries("scenario", lang)
    ]  # fmt: skip
    if options.output == "json":
        print(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        print_course(found, lang)
    return 0


def _check(options: argparse.Namespace) -> int:
    """Load each file; 0 when all are right, 2 when one is not."""
    wrong = 0
    for file in options.files or course_files():
        try:
            print(f"{file}: {checked(file, variables=variables_of(options.var))}")
        except ScenarioError as error:
            wrong += 1
            print(error, file=sys.stderr)
    return EXIT_USAGE if wrong else 0


def _schema(_options: argparse.Namespace) -> int:
    """Print the schema."""
    print(json.dumps(json_schema(), indent=2))
    return 0
