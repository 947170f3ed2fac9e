"""What `kubarium play` takes; apart from the command, so that others start without its engine."""

import argparse
from pathlib import Path


def add_options(parser: argparse.ArgumentParser) -> None:
    """What `play` takes beside the options of its cluster."""
    parser.add_argument(
        "file", type=Path, metavar="FILE", help="a scenario (TOML), or its name in the course"
    )
    parser.add_argument(
        "--headless", action="store_true", help="no screen: print progress and a verdict"
    )
    parser.add_argument(
        "--var",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="set a variable of the scenario; may be repeated",
    )
    parser.add_argument("--lang", metavar="LANGUAGE", help="language of the prose: en, ko (locale)")
    parser.add_argument("--report", type=Path, metavar="PATH", help="write the result as JSON")
    parser.add_argument("--junit", type=Path, metavar="PATH", help="write the result as JUnit XML")
    parser.add_argument("--cast", type=Path, metavar="PATH", help="record it for asciinema")
    parser.add_argument(
        "--screenshot-dir", type=Path, metavar="DIR", help="where snapshot steps put their SVGs"
    )
    parser.add_argument(
        "--journal", type=Path, metavar="PATH", help="put down every input, for `kubarium replay`"
    )
