"""`kubarium snapshot save|restore|status`: one file with everything a cluster's store holds."""

import argparse
from pathlib import Path

from engine.adapters.storage import snapshot
from engine.adapters.storage.snapshot import SnapshotStatus

STORE_FILE = "store.db"


def add_parser(parser: argparse.ArgumentParser) -> None:
    """The arguments of the three actions."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    data = argparse.ArgumentParser(add_help=False)
    data.add_argument(
        "--data", type=Path, metavar="DIR", required=True, help="where the cluster is kept"
    )
    save = actions.add_parser(
        "save", parents=[data], help="write a snapshot, of a running cluster too"
    )
    restore = actions.add_parser(
        "restore", parents=[data], help="make a new --data directory from a snapshot"
    )
    status = actions.add_parser("status", help="check a snapshot and say what it holds")
    for action, action_name in ((save, "save"), (restore, "restore"), (status, "status")):
        action.add_argument("file", type=Path, metavar="FILE", help="the snapshot")
        action.set_defaults(action=action_name)


def run(options: argparse.Namespace) -> int:
    """Do what was asked and print what the snapshot holds.

    Raises:
        StoreError: a file is missing, in the way, damaged or too new.
    """
    if options.action == "save":
        print(shown(options.file, snapshot.save(options.data / STORE_FILE, options.file)))
    elif options.action == "restore":
        found = snapshot.restore(options.file, options.data / STORE_FILE)
        print(shown(options.data / STORE_FILE, found))
    else:
        print(shown(options.file, snapshot.status(options.file)))
    return 0


def shown(path: Path, found: SnapshotStatus) -> str:
    """One line for one snapshot."""
    return (
        f"{path}: revision {found.revision} (compacted at {found.compact_revision}),"
        f" {found.keys} keys, {found.changes} changes, {found.size} bytes, digest {found.digest}"
    )
