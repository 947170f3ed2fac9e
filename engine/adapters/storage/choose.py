"""Where a cluster's changes are kept: nowhere, in a file, or in an etcd that we lead."""

import asyncio
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Generic, TypeVar

import attrs

from engine.adapters.storage import sqlite_file
from engine.adapters.storage.etcd import LOST, EtcdLog
from engine.adapters.storage.etcd_election import Election
from engine.adapters.storage.etcd_gateway import EtcdAddress, parse_address
from engine.adapters.storage.sqlite import SqliteLog
from engine.errors import AdapterError, ConfigError
from engine.store.log import ChangeLog, Codec

V = TypeVar("V")

DEFAULT_PREFIX = "/kubarium/"
FILE = "store.db"


class LeadershipLostError(AdapterError):
    """Another Kubarium leads the store in etcd now; this one must end."""


@attrs.frozen(kw_only=True)
class StoreOptions:
    """An etcd as the command line names it.

    Attributes:
        url: ``etcd://host:port[,host:port…]``; ``etcds://`` means TLS.
        ca_file: who signed etcd's certificate; None for the system's authorities.
        cert_file: our certificate; None for none.
        key_file: its key.
        user: who we are to etcd; None if it asks nobody.
        password: the user's.
        prefix: what our keys begin with; clusters with prefixes of their own share an etcd.
    """

    url: str
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    user: str | None = None
    password: str | None = None
    prefix: str | None = None

    def keys(self) -> bytes:
        """The prefix of our keys, checked; it ends with a slash.

        Raises:
            ConfigError: it is not of the form ``/name/``.
        """
        prefix = DEFAULT_PREFIX if self.prefix is None else self.prefix
        parts = prefix.strip("/").split("/")
        if not prefix.startswith("/") or not all(parts) or not prefix.isprintable():
            raise ConfigError(
                f"--store-prefix {prefix!r}: a path such as /kubarium/ or /clusters/red was"
                f" expected"
            )
        return f"/{'/'.join(parts)}/".encode()

    def address(self) -> EtcdAddress:
        """The same, checked.

        Raises:
            ConfigError: the URL is wrong, or a file is not there.
        """
        for path in (self.ca_file, self.cert_file, self.key_file):
            if path is not None and not Path(path).is_file():
                raise ConfigError(f"{path}: there is no such file")
        if self.key_file is not None and self.cert_file is None:
            raise ConfigError("--store-key needs --store-cert beside it")
        address = parse_address(
            self.url,
            ca_file=self.ca_file,
            cert_file=self.cert_file,
            key_file=self.key_file,
            user=self.user,
            password=self.password,
        )
        if not address.is_tls and (self.ca_file or self.cert_file):
            raise ConfigError(f"store {self.url!r}: certificates need etcds:// instead of etcd://")
        if address.user is not None and not address.password:
            # The password may be left out of the URL, where everybody on the machine can read it.
            address = attrs.evolve(address, password=self.password)
        return address


@attrs.define(eq=False)
class Storage(Generic[V]):
    """The change log that *data* or *etcd* asks for; without both there is none."""

    codec: Codec[V]
    data: Path | None = None
    etcd: StoreOptions | None = None
    _election: Election | None = attrs.field(default=None, init=False)
    _lock: BinaryIO | None = attrs.field(default=None, init=False)
    _sqlite: SqliteLog[V] | None = attrs.field(default=None, init=False)
    _etcd: EtcdLog[V] | None = attrs.field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        if self.data is not None and self.etcd is not None:
            raise ConfigError("a cluster is kept in --data or in --store, not in both")

    @property
    def size(self) -> Callable[[], int] | None:
        """What tells the bytes that history takes, if that can be known."""
        log = self._sqlite or self._etcd
        return None if log is None else log.size

    async def lead(self, on_waiting: Callable[[str], object]) -> None:
        """Wait until the store is ours to write; *on_waiting* hears why not yet.

        A file is ours from now on: nothing of another process that has it is touched before.

        Raises:
            ConfigError: the address cannot be used.
            EtcdRefusedError: etcd does not let us in.
            StoreError: the file is in use.
        """
        if self.data is not None and self._lock is None:
            self._lock = sqlite_file.lock(self.data / FILE)
        if self.etcd is None or self._election is not None:
            return
        identity = f"{socket.gethostname()} (process {os.getpid()})"
        election = Election(self.etcd.address(), self.etcd.keys() + b"leader", identity)
        stop = threading.Event()
        loop = asyncio.get_running_loop()

        def tell(reason: str) -> None:
            loop.call_soon_threadsafe(on_waiting, reason)

        campaign = asyncio.create_task(
            asyncio.to_thread(election.campaign, stop, on_waiting=tell), name="campaign"
        )
        try:
            await asyncio.shield(campaign)
        except BaseException:
            stop.set()
            await asyncio.gather(campaign, return_exceptions=True)
            await asyncio.to_thread(election.resign)
            raise
        self._election = election

    def open(
        self,
        post: Callable[[Callable[[], object]], object],
        soon: Callable[[Callable[[], object]], object] | None = None,
    ) -> ChangeLog[V] | None:
        """The log; one in etcd only after `lead`.

        *post* brings a callback to the loop's thread, *soon* has one called after this turn of it.

        Raises:
            StoreError: the file is in use, damaged or newer than we are.
        """
        if self.data is not None:
            path, held = self.data / FILE, self._lock
            self._sqlite = SqliteLog(path, self.codec, post, soon=soon, held=held)
            return self._sqlite
        if self.etcd is None:
            return None
        assert self._election is not None
        self._etcd = EtcdLog(
            self.etcd.address(), self.codec, post, self._election, self.etcd.keys()
        )
        return self._etcd

    def release(self) -> None:
        """Let somebody else have the store, if we had it. Twice is once."""
        if self._lock is not None:
            self._lock.close()
        if self._election is not None:
            self._election.resign()

    @staticmethod
    def is_final(alarm: str | None) -> bool:
        """Whether no write will ever succeed again: somebody else leads."""
        return alarm == LOST
