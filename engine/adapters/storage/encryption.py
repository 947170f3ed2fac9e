"""Secrets encrypted at rest: AES-GCM around a codec, with keys kept in a file of their owner's.

The file is an EncryptionConfiguration as kube-apiserver reads one; its first key encrypts, every
key decrypts, and what was never encrypted is read as it is.

Source: k8s.io/apiserver storage/value/encrypt/aes, kubernetes v1.34.
"""

import base64
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import yaml
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from engine.adapters.storage import sqlite_file
from engine.api.core import Secret
from engine.errors import ConfigError
from engine.store.errors import StoreError
from engine.store.log import Codec

PREFIX = b"k8s:enc:aesgcm:v1:"
FILE_NAME = "encryption.yaml"
_KEY_SIZE = 32
_NONCE_SIZE = 12


class DecryptionError(StoreError):
    """A stored value cannot be decrypted: its key is missing, or it was changed."""


@attrs.frozen(repr=False)
class Keyring:
    """Named keys, the newest first. Its repr shows none."""

    keys: dict[str, bytes]

    @property
    def newest(self) -> str:
        """The name of the key that encrypts."""
        return next(iter(self.keys))

    def encrypt(self, data: bytes) -> bytes:
        """*data* so that nobody without the newest key reads or changes it."""
        name = self.newest
        nonce = os.urandom(_NONCE_SIZE)
        head = PREFIX + name.encode() + b":"
        return head + nonce + AESGCM(self.keys[name]).encrypt(nonce, data, head)

    def decrypt(self, data: bytes) -> bytes:
        """What was encrypted; *data* itself if it is not encrypted.

        Raises:
            DecryptionError: the key is not known, or the data is damaged.
        """
        if not data.startswith(PREFIX):
            return data
        name, _, rest = data[len(PREFIX) :].partition(b":")
        key = self.keys.get(name.decode(errors="replace"))
        if key is None:
            known = ", ".join(self.keys)
            raise DecryptionError(
                f"a secret is encrypted with the key {name.decode(errors='replace')!r}, and the "
                f"key file has only {known}; put the key back"
            )
        try:
            head = data[: len(data) - len(rest)]
            return AESGCM(key).decrypt(rest[:_NONCE_SIZE], rest[_NONCE_SIZE:], head)
        except (InvalidTag, ValueError) as error:
            raise DecryptionError(
                f"a secret encrypted with the key {name.decode()!r} is damaged, or the key is not "
                "the one of that name any more"
            ) from error

    def is_current(self, data: bytes) -> bool:
        """Whether the newest key has encrypted *data*."""
        return data.startswith(PREFIX + self.newest.encode() + b":")

    def codec(self, inner: Codec[Any]) -> Codec[Any]:
        """*inner*, with Secrets encrypted."""

        def encode(value: Any) -> bytes:
            data = inner.encode(value)
            return self.encrypt(data) if isinstance(value, Secret) else data

        def decode(data: bytes) -> Any:
            return inner.decode(self.decrypt(data))

        return attrs.evolve(inner, encode=encode, decode=decode)


def load_keyring(path: Path) -> Keyring:
    """The keys in the file at *path*, which is made with one key if it is not there.

    Raises:
        ConfigError: it cannot be read, others may read it, or it holds no keys.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            save_keyring(path, with_new_key(Keyring({})))
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise ConfigError(f"{path} holds keys and may be read by others; chmod 600 it")
        found = dict(_keys(yaml.safe_load(path.read_text(encoding="utf-8"))))
    except OSError as error:
        raise ConfigError(f"the keys in {path} cannot be used: {error.strerror}") from error
    except (yaml.YAMLError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ConfigError(f"{path} is no EncryptionConfiguration with aesgcm keys") from error
    if not found:
        raise ConfigError(f"{path} holds no aesgcm keys for secrets")
    return Keyring(found)


def save_keyring(path: Path, keyring: Keyring) -> None:
    """Write the keys, readable for their owner only, in one step."""
    keys = [
        {"name": name, "secret": base64.b64encode(key).decode()}
        for name, key in keyring.keys.items()
    ]
    document = {
        "kind": "EncryptionConfiguration",
        "apiVersion": "apiserver.config.k8s.io/v1",
        "resources": [
            {"resources": ["secrets"], "providers": [{"aesgcm": {"keys": keys}}, {"identity": {}}]}
        ],
    }
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(yaml.safe_dump(document, sort_keys=False))
        file.flush()
        os.fsync(descriptor)
    draft.replace(path)


def with_new_key(keyring: Keyring) -> Keyring:
    """*keyring* with a new key that encrypts from now on."""
    # Names never repeat, so that a key file of another cluster is told from a damaged value.
    name = f"key-{secrets.token_hex(4)}"
    return Keyring({name: secrets.token_bytes(_KEY_SIZE), **keyring.keys})


def reencrypt(path: Path, keyring: Keyring) -> int:
    """Encrypt every Secret in the store file at *path* with the newest key; how many there were.

    Nothing of what they were stays in the file.

    Raises:
        FileInUseError: a cluster runs on it.
        DecryptionError: a key is missing; nothing is changed.
        DamagedLogError: the file cannot be read.
    """
    with sqlite_file.lock(path):
        db = sqlite_file.open_file(path)
        try:
            changed = [
                (new, sqlite_file.checksum(row[0], row[1], new), row[0])
                for row in sqlite_file.read_rows(path, db)
                if (new := _renewed(row[1], row[2], keyring)) is not None
            ]
            db.execute("PRAGMA secure_delete = ON")
            db.execute("BEGIN IMMEDIATE")
            db.executemany("UPDATE change SET value = ?, checksum = ? WHERE id = ?", changed)
            db.execute("COMMIT")
            db.execute("VACUUM")
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:
            db.close()
    return len(changed)


def _renewed(key: bytes, value: bytes | None, keyring: Keyring) -> bytes | None:
    """What a row should hold instead; None if it is as it should be."""
    if value is None or keyring.is_current(value):
        return None
    if not value.startswith(PREFIX) and not key.startswith(b"/registry/core/secrets/"):
        return None
    return keyring.encrypt(keyring.decrypt(value))


def _keys(document: Any) -> Iterator[tuple[str, bytes]]:
    for rule in document["resources"]:
        if "secrets" not in rule["resources"]:
            continue
        for provider in rule["providers"]:
            for each in (provider.get("aesgcm") or {}).get("keys") or ():
                yield str(each["name"]), base64.b64decode(each["secret"], validate=True)
