"""`kubarium encryption rotate|reencrypt|status`: the keys that encrypt Secrets on disk."""

import argparse
from pathlib import Path

from engine.adapters.storage import sqlite_file
from engine.adapters.storage.encryption import (
    FILE_NAME,
    Keyring,
    load_keyring,
    reencrypt,
    save_keyring,
    with_new_key,
)
from engine.errors import ConfigError
from tui.commands.snapshot import STORE_FILE


def add_parser(parser: argparse.ArgumentParser) -> None:
    """The arguments of the three actions."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    for name, help_text in (
        ("rotate", "add a new key, encrypt every secret with it"),
        ("reencrypt", "encrypt every secret with the newest key"),
        ("status", "say which keys there are"),
    ):
        action = actions.add_parser(name, help=help_text)
        action.add_argument(
            "--data", type=Path, metavar="DIR", required=True, help="where the cluster is kept"
        )
        if name != "status":
            action.add_argument(
                "--drop-old",
                action="store_true",
                help="forget the other keys: snapshots taken before cannot be read any more",
            )
        action.set_defaults(action=name)


def run(options: argparse.Namespace) -> int:
    """Do what was asked, on a cluster that does not run, and say what was done.

    Raises:
        ConfigError: there is no cluster, or its keys cannot be used.
        StoreError: the cluster runs, or its store cannot be read.
    """
    store, path = options.data / STORE_FILE, options.data / FILE_NAME
    if not store.exists():
        raise ConfigError(f"there is no cluster at {options.data}")
    keyring = load_keyring(path)
    if options.action != "status":
        # A cluster that runs would go on with the keys it knows.
        sqlite_file.lock(store).close()
        if options.action == "rotate":
            # The old keys stay in the file until every secret is readable without them.
            keyring = with_new_key(keyring)
            save_keyring(path, keyring)
        count = reencrypt(store, keyring)
        print(f"{store}: {count} values encrypted anew with {keyring.newest}")
        if options.drop_old:
            keyring = Keyring({keyring.newest: keyring.keys[keyring.newest]})
            save_keyring(path, keyring)
    print(f"{path}: keys {', '.join(keyring.keys)}; {keyring.newest} encrypts")
    return 0
