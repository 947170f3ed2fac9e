"""`kubarium panic`: ends every fault at once, also where no API server answers any more."""

import argparse
import asyncio
import sys
from pathlib import Path

from engine.adapters.podman.cleanup import clean_abandoned
from engine.api.kubarium import Fault
from engine.errors import EngineError
from engine.hosting.panic import Note, running, undo_all

EXIT_FAILED = 1


def add_options(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument(
        "--kubeconfig",
        type=Path,
        metavar="PATH",
        help="only the cluster that wrote it, or that it leads to",
    )


def run(options: argparse.Namespace) -> int:
    """Tell every cluster of ours on this machine, or the one that is named; 0 if all have done it.

    What clusters that died have left on the machine is undone as well.
    """
    notes = running(kubeconfig=options.kubeconfig)
    failed = [note for note in notes if not _tell(note)]
    if options.kubeconfig is not None and not notes:
        return _over_the_api(options.kubeconfig)
    if options.kubeconfig is None:
        for instance in asyncio.run(clean_abandoned()):
            print(f"{instance}: had died; what it left on this machine is gone")
        if not notes:
            print("no cluster of yours runs on this machine")
    return EXIT_FAILED if failed else 0


def _tell(note: Note) -> bool:
    count = undo_all(note)
    if count is None:
        print(
            f"{note.server}: process {note.pid} has not answered; it may hang. End it"
            f" (kill {note.pid}), and what it did is undone by `kubarium panic`",
            file=sys.stderr,
        )
        return False
    print(f"{note.server}: {count} fault{'' if count == 1 else 's'} undone")
    return True


def _over_the_api(kubeconfig: Path) -> int:
    """Delete all faults of a cluster that runs elsewhere."""
    from tui.attached import AttachedSource

    async def delete_all() -> int:
        source = AttachedSource.from_kubeconfig(kubeconfig)
        try:
            await source.start(lambda *_changed: None)
            faults = await source.list(Fault)
            for fault in faults:
                await source.delete(Fault, fault.metadata.name)
            return sum(fault.status.phase == "Active" for fault in faults)
        finally:
            await source.stop()

    try:
        count = asyncio.run(delete_all())
    except EngineError as error:
        print(
            f"kubarium panic: no cluster of {kubeconfig} runs on this machine, and its API server"
            f" does not answer ({error}). Run `kubarium panic` on the machine it runs on.",
            file=sys.stderr,
        )
        return EXIT_FAILED
    print(f"{kubeconfig}: {count} fault{'' if count == 1 else 's'} ended over the API")
    return 0
