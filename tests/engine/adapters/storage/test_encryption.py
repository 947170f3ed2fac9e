"""Secrets on disk: nobody reads them without the key, and keys change."""

from pathlib import Path

import pytest

from engine.adapters.storage.encryption import (
    DecryptionError,
    Keyring,
    load_keyring,
    reencrypt,
    save_keyring,
    with_new_key,
)
from engine.adapters.storage.sqlite import SqliteLog
from engine.adapters.storage.sqlite_file import FileInUseError
from engine.api.core import ConfigMap, Secret
from engine.api.frozen import FrozenDict
from engine.api.meta import ObjectMeta
from engine.cluster import OBJECT_CODEC
from engine.errors import ConfigError
from engine.kernel.loop import Loop
from engine.store.watchable_store import Store

VALUE = "aHVudGVyMg=="
KEY = b"/registry/core/secrets/default/s"


def secret() -> Secret:
    """A Secret with something to hide."""
    meta = ObjectMeta(name="s", namespace="default")
    return Secret(metadata=meta, data=FrozenDict({"password": VALUE}))


def write(path: Path, keyring: Keyring) -> None:
    """A store with a Secret and a ConfigMap in it."""
    store = Store(Loop(), SqliteLog(path, keyring.codec(OBJECT_CODEC), lambda call: call()))
    store.put(KEY, secret())
    store.put(b"/registry/core/configmaps/default/c", ConfigMap(metadata=ObjectMeta(name="c")))
    store.close()


def read(path: Path, keyring: Keyring) -> Secret:
    """The Secret in that store."""
    log = SqliteLog(path, keyring.codec(OBJECT_CODEC), lambda call: call())
    try:
        found = {change.kv.key: change.kv.value for change in log.load().changes}[KEY]
    finally:
        log.close()
    assert isinstance(found, Secret)
    return found


def test_a_secret_is_not_in_the_file_and_comes_back(tmp_path: Path) -> None:
    """Encrypted with the first key, named in the value; other kinds are as they were."""
    keyring = load_keyring(tmp_path / "keys")
    write(tmp_path / "store.db", keyring)
    raw = b"".join(path.read_bytes() for path in tmp_path.glob("store.db*"))

    assert VALUE.encode() not in raw
    assert f"k8s:enc:aesgcm:v1:{keyring.newest}:".encode() in raw
    assert b'"ConfigMap"' in raw
    assert read(tmp_path / "store.db", keyring) == secret()


def test_keys_rotate(tmp_path: Path) -> None:
    """After it the old key is needed no more, and nothing that it encrypted is left."""
    store, old = tmp_path / "store.db", load_keyring(tmp_path / "keys")
    write(store, old)
    both = with_new_key(old)

    assert reencrypt(store, both) == 1
    assert reencrypt(store, both) == 0
    newest = Keyring({both.newest: both.keys[both.newest]})
    assert read(store, newest) == secret()
    with pytest.raises(DecryptionError, match="put the key back"):
        read(store, old)


def test_what_was_never_encrypted_is_read_and_then_encrypted(tmp_path: Path) -> None:
    """A store of before, or of a key file that came later."""
    store, keyring = tmp_path / "store.db", load_keyring(tmp_path / "keys")
    plain = Store(Loop(), SqliteLog(store, OBJECT_CODEC, lambda call: call()))
    plain.put(KEY, secret())
    plain.close()

    assert read(store, keyring) == secret()
    assert reencrypt(store, keyring) == 1
    assert VALUE.encode() not in store.read_bytes()


def test_a_damaged_value_is_told(tmp_path: Path) -> None:
    """Neither a changed value nor another key of the same name gives anything."""
    keyring = load_keyring(tmp_path / "keys")
    data = keyring.encrypt(b"text")

    with pytest.raises(DecryptionError, match="damaged"):
        keyring.decrypt(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(DecryptionError, match="damaged"):
        Keyring({keyring.newest: bytes(32)}).decrypt(data)


def test_a_cluster_that_runs_keeps_its_keys(tmp_path: Path) -> None:
    """Its file is not written behind its back."""
    store, keyring = tmp_path / "store.db", load_keyring(tmp_path / "keys")
    log = SqliteLog(store, OBJECT_CODEC, lambda call: call())

    with pytest.raises(FileInUseError):
        reencrypt(store, keyring)
    log.close()


def test_the_key_file_is_for_its_owner_only(tmp_path: Path) -> None:
    """It is made so, and refused otherwise; so is one that holds no keys."""
    path = tmp_path / "keys"
    keyring = load_keyring(path)

    assert path.stat().st_mode & 0o777 == 0o600
    assert load_keyring(path).keys == keyring.keys
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        load_keyring(path)
    save_keyring(path, Keyring({}))
    with pytest.raises(ConfigError, match="no aesgcm keys"):
        load_keyring(path)
