"""`kubarium compact` and `kubarium defrag`: upkeep of a store, running or stopped."""

import argparse
import asyncio
from pathlib import Path
from typing import Any

from engine.errors import ConfigError
from tui.commands.snapshot import STORE_FILE


def add_compact_options(parser: argparse.ArgumentParser) -> None:
    """What `kubarium compact` takes."""
    parser.add_argument(
        "revision",
        nargs="?",
        type=_revision,
        metavar="REVISION",
        help="forget what was superseded before it (the newest)",
    )
    _add_place(parser)


def add_defrag_options(parser: argparse.ArgumentParser) -> None:
    """What `kubarium defrag` takes."""
    _add_place(parser)


def compact(options: argparse.Namespace) -> int:
    """Forget old history.

    Raises:
        EngineError: it cannot be done; the message says why.
    """
    if options.data is not None:
        from engine.adapters.storage import maintenance

        revision = maintenance.compact(options.data / STORE_FILE, options.revision)
    else:
        query = "" if options.revision is None else f"?revision={options.revision}"
        revision = _ask(options, f"compact{query}")["revision"]
    print(f"compacted revision {revision}")
    return 0


def defrag(options: argparse.Namespace) -> int:
    """Give space on disk back.

    Raises:
        EngineError: it cannot be done; the message says why.
    """
    if options.data is not None:
        from engine.adapters.storage import maintenance

        before, after = maintenance.defragment(options.data / STORE_FILE)
    else:
        found = _ask(options, "defrag")
        before, after = found["before"], found["after"]
    print(f"finished defragmenting: {before} bytes before, {after} now")
    return 0


def _add_place(parser: argparse.ArgumentParser) -> None:
    place = parser.add_mutually_exclusive_group()
    place.add_argument(
        "--data", type=Path, metavar="DIR", help="the directory of a cluster that does not run"
    )
    place.add_argument(
        "--kubeconfig",
        type=Path,
        metavar="PATH",
        help="of one that runs, as `serve` wrote it",
    )
    parser.add_argument("--context", default="", help="which context of the kubeconfig")


def _revision(text: str) -> int:
    if not text.isdecimal() or not int(text):
        msg = f"a revision such as 1234 was expected, not {text!r}"
        raise argparse.ArgumentTypeError(msg)
    return int(text)


def _ask(options: argparse.Namespace, path: str) -> dict[str, Any]:
    from engine.hosting.options import default_kubeconfig

    return asyncio.run(_post(options.kubeconfig or default_kubeconfig(), options.context, path))


async def _post(kubeconfig: Path, context: str, path: str) -> dict[str, Any]:
    import aiohttp

    from tui.kubeconfig import read_kubeconfig

    access = read_kubeconfig(kubeconfig, context=context)
    url = f"{access.server}/debug/store/{path}"
    try:
        async with (
            aiohttp.ClientSession(headers=access.headers()) as session,
            session.post(url, ssl=access.tls()) as answer,
        ):
            found: dict[str, Any] = await answer.json(content_type=None)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise ConfigError(
            f"the cluster at {access.server} does not answer: {error}; "
            "for one that does not run, name its --data directory"
        ) from error
    if answer.status != 200:
        raise ConfigError(str(found.get("message", found)))
    return found
