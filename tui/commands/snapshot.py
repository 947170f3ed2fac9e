"""`kubarium snapshot save|restore|status`: one file with everything a cluster's store holds."""

import argparse
from pathlib import Path

from engine.adapters.storage import snapshot
from engine.adapters.storage.encryption import FILE_NAME, load_keyring, save_keyring
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
        keys = options.data / FILE_NAME
        if keys.exists():
            save_keyring(keys_of(options.file), load_keyring(keys))
            print(f"{keys_of(options.file)}: the keys of its secrets; keep them apart from it")
    elif options.action == "restore":
        found = snapshot.restore(options.file, options.data / STORE_FILE)
        keys = keys_of(options.file)
        if keys.exists() and not (options.data / FILE_NAME).exists():
            save_keyring(options.data / FILE_NAME, load_keyring(keys))
        print(shown(options.data / STORE_FILE, found))
    else:
        print(shown(options.file, snapshot.status(options.file)))
    return 0


def keys_of(file: Path) -> Path:
    """Where the keys are that a snapshot's secrets are encrypted with."""
    return file.with_name(f"{file.name}.{FILE_NAME}")


def shown(path: Path, found: SnapshotStatus) -> str:
    """One line for one snapshot."""
    return (
        f"{path}: revision {found.revision} (compacted at {found.compact_revision}),"
        f" {found.keys} keys, {found.changes} changes, {found.size} bytes, digest {found.digest}"
    )
