"""A change log in a real etcd: every change is a key there, and only the elected leader writes."""

import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import Any, Generic, TypeVar

import attrs

from engine.adapters.storage.etcd_election import Election
from engine.adapters.storage.etcd_gateway import (
    EtcdAddress,
    EtcdGateway,
    EtcdRefusedError,
    EtcdUnavailableError,
    b64,
    unb64,
)
from engine.adapters.storage.group_writer import (
    After,
    Compaction,
    Grant,
    GroupWriter,
    Note,
    Revocation,
    WriteRefusedError,
)
from engine.store.errors import DamagedLogError, NewerFormatError
from engine.store.kv import Change, KeyValue, prefix_end, tombstone
from engine.store.log import Codec, Recovered

V = TypeVar("V")

FORMAT = 1
# etcd refuses transactions of more than 128 operations and requests above 1.5 MiB by default; the
# gateway's base64 is not counted there.
_OPERATIONS = 100
_BYTES = 1_000_000
_PAGE = 500
# The alarm of a leader that is none any more; nothing heals it.
LOST = "another Kubarium leads this store now; this one writes no more, restart it to stand by"


@attrs.define(eq=False)
class EtcdLog(Generic[V]):
    """Keeps a store under *prefix* in etcd. *election* must be won before the log is loaded.

    ``<prefix>change/<revision>/<key>/<sub>`` holds one change each; ``<prefix>head`` the newest
    whole revision and the compact one. A commit too large for one etcd transaction is written in
    several, and counts once the head names it. Every transaction carries the election's fence, and
    the revision of the head it follows: one that was given up and arrives late does nothing.
    """

    address: EtcdAddress
    codec: Codec[V]
    post: Callable[[Callable[[], object]], object]
    election: Election
    prefix: bytes = b"/kubarium/"
    retry_interval: float = 1.0
    _gateway: EtcdGateway = attrs.field(init=False)
    _writer: GroupWriter[V] = attrs.field(init=False)
    _records: int = attrs.field(default=0, init=False)
    _bytes: int = attrs.field(default=0, init=False)
    _head: int = attrs.field(default=1, init=False)
    _compacted: int = attrs.field(default=0, init=False)
    # etcd's own revision of our head key, as of the last transaction.
    _head_revision: int = attrs.field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self.resume()

    # --- on the loop's thread ---

    @property
    def place(self) -> str:
        """The endpoints."""
        hosts = ",".join(f"{host}:{port}" for host, port in self.address.endpoints)
        return f"etcd {hosts}{self.prefix.decode()}"

    def load(self) -> Recovered[V]:
        """What etcd holds, after clearing what a former leader left half done.

        Raises:
            DamagedLogError: a record is wrong.
            NewerFormatError: a newer version wrote it.
            EtcdUnavailableError: etcd does not answer.
            WriteRefusedError: somebody else leads.
        """
        answer = self._gateway.call("/v3/kv/range", {"key": b64(self._name("head"))})
        if answer.get("kvs"):
            self._head_revision = int(answer["kvs"][0]["mod_revision"])
            head = json.loads(unb64(answer["kvs"][0]["value"]))
            if head["format"] > FORMAT:
                raise NewerFormatError(
                    f"the store in etcd has format {head['format']}, written by a newer Kubarium;"
                    f" this one reads up to format {FORMAT}. Update Kubarium."
                )
            self._head, self._compacted = head["revision"], head["compact_revision"]
        unfinished = self._name("change", self._head + 1)
        end = prefix_end(self._name("change/"))
        self._send([_delete(unfinished, end)], self._head)
        return Recovered(
            revision=self._head,
            compact_revision=self._compacted,
            changes=self._read_changes(),
            leases=self._read_leases(),
        )

    def start(
        self, on_durable: Callable[[int], object], on_alarm: Callable[[str | None], object]
    ) -> None:
        """Start the writer thread; see `ChangeLog.start`."""
        self.election.on_lost = lambda: self.post(partial(on_alarm, LOST))
        self._writer.start(on_durable, on_alarm)

    def append(self, changes: Sequence[Change[V]]) -> None:
        """Keep one commit."""
        self._writer.put(list(changes))

    def compact(self, revision: int, dropped: Sequence[tuple[int, bytes]]) -> None:
        """Remember that *revision* is compacted and delete *dropped*."""
        self._writer.put(Compaction(revision, dropped))

    def grant(self, lease_id: int, ttl: float) -> None:
        """Keep a lease."""
        self._writer.put(Grant(lease_id, ttl))

    def revoke(self, lease_id: int) -> None:
        """Forget a lease."""
        self._writer.put(Revocation(lease_id))

    def after(self, callback: Callable[[], object]) -> None:
        """Call *callback* once all that was handed over so far is in etcd."""
        self._writer.put(After(callback))

    def size(self) -> int:
        """The bytes of our records in etcd, about: what compaction dropped counts as the mean."""
        return self._bytes

    def suspend(self) -> None:
        """Write what is still waiting and leave etcd alone; we go on leading."""
        self._writer.close()
        self._gateway.close()

    def resume(self) -> None:
        """Speak to etcd again; see `ChangeLog.resume`."""
        self._gateway = EtcdGateway(self.address)
        self._writer = GroupWriter(self.post, self._write, retry_interval=self.retry_interval)

    def close(self) -> None:
        """Write what is still waiting, then let somebody else lead."""
        self.suspend()
        self.election.resign()

    def _read_changes(self) -> Iterator[Change[V]]:
        changes = (self._read(*pair) for pair in self._pages(self._name("change/")))
        # Names order the changes of one revision by key; they happened in the order of `sub`.
        for _, group in groupby(changes, key=attrgetter("revision")):
            yield from sorted(group, key=attrgetter("sub"))

    def _read(self, name: bytes, data: bytes) -> Change[V]:
        self._count(1, len(name) + len(data))
        return self._decode(name, data)

    def _count(self, records: int, size: int) -> None:
        self._records += records
        self._bytes += size

    def _read_leases(self) -> dict[int, float]:
        pages = self._pages(self._name("lease/"))
        return {int(key.rpartition(b"/")[2]): float(data) for key, data in pages}

    def _pages(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """All keys under *prefix*, a page at a time; nobody else writes while we lead."""
        start = prefix
        while True:
            body = {"key": b64(start), "range_end": b64(prefix_end(prefix)), "limit": _PAGE}
            answer = self._gateway.call("/v3/kv/range", body)
            kvs = answer.get("kvs", ())
            for kv in kvs:
                yield unb64(kv["key"]), unb64(kv.get("value", ""))
            if not answer.get("more"):
                return
            start = unb64(kvs[-1]["key"]) + b"\0"

    # --- on the writer's thread ---

    def _write(self, changes: list[Change[V]], notes: list[Note]) -> None:
        """Make one group durable, in as many etcd transactions as it takes."""
        # A lease is there before the keys attached to it, and outlives them.
        for note in notes:
            if isinstance(note, Grant):
                self._write_note(note)
        operations: list[dict[str, Any]] = []
        size = 0
        for position, change in enumerate(changes):
            data = self._encode(change)
            slot = self._slot(change.revision, change.kv.key)
            operations.append(_put(b"%s%05x" % (slot, change.sub), data))
            size += len(slot) + len(data)
            is_whole = position + 1 == len(changes) or changes[position + 1].sub == 0
            if len(operations) >= _OPERATIONS or size >= _BYTES or position + 1 == len(changes):
                reached = change.revision if is_whole else change.revision - 1
                self._send(operations, max(self._head, reached))
                self._count(len(operations), size)
                operations, size = [], 0
        for note in notes:
            if not isinstance(note, Grant):
                self._write_note(note)

    def _write_note(self, note: Note) -> None:
        if isinstance(note, Grant):
            name = self._name("lease", note.lease_id)
            self._send([_put(name, str(note.ttl).encode())], self._head)
        elif isinstance(note, Compaction):
            self._compacted = max(self._compacted, note.revision)
            self._send([], self._head)
            for first in range(0, len(note.dropped), _OPERATIONS):
                slots = [self._slot(*one) for one in note.dropped[first : first + _OPERATIONS]]
                self._send([_delete(slot, prefix_end(slot)) for slot in slots], self._head)
                dropped = min(len(slots), self._records)
                self._count(-dropped, -(self._bytes * dropped // max(1, self._records)))
        else:
            self._send([_delete(self._name("lease", note.lease_id), None)], self._head)

    def _send(self, operations: list[dict[str, Any]], head: int) -> None:
        """One fenced transaction that also moves the head."""
        data = {"format": FORMAT, "revision": head, "compact_revision": self._compacted}
        put_head = _put(self._name("head"), json.dumps(data).encode())
        try:
            self._transact([*operations, put_head])
        except EtcdUnavailableError as error:
            raise WriteRefusedError(f"{error}; writing goes on once it does") from error
        except EtcdRefusedError as error:
            raise WriteRefusedError(f"{error}; writing goes on once it takes it") from error
        self._head = head

    def _transact(self, operations: list[dict[str, Any]]) -> None:
        head = b64(self._name("head"))
        follows = {"key": head, "target": "MOD", "result": "EQUAL"}
        follows["mod_revision"] = self._head_revision  # type: ignore[assignment]  # JSON
        leader = b64(self.election.key)
        answer = self._gateway.call(
            "/v3/kv/txn",
            {
                "compare": [self.election.fence(), follows],
                "success": operations,
                "failure": [{"request_range": {"key": key}} for key in (leader, head)],
            },
        )
        if answer.get("succeeded"):
            self._head_revision = int(answer["header"]["revision"])
            return
        found = [response["response_range"].get("kvs") for response in answer["responses"]]
        if not found[0] or int(found[0][0]["create_revision"]) != self.election.created:
            raise WriteRefusedError(LOST, is_final=True)
        # A transaction whose answer was lost has arrived; writing the same again is harmless.
        self._head_revision = int(found[1][0]["mod_revision"]) if found[1] else 0
        raise EtcdUnavailableError("etcd took a transaction without an answer")

    # --- names and records ---

    def _name(self, kind: str, number: int | None = None) -> bytes:
        name = self.prefix + kind.encode()
        return name if number is None else b"%s/%016x" % (name, number)

    def _slot(self, main: int, key: bytes) -> bytes:
        """What the names of the changes of *key* at revision *main* begin with."""
        return b"%s/%s/" % (self._name("change", main), key.hex().encode())

    def _encode(self, change: Change[V]) -> bytes:
        kv = change.kv
        origin = None if change.origin is None else self.codec.encode_origin(change.origin)
        head = json.dumps(
            {
                "sub": change.sub,
                "type": change.type,
                "create_revision": kv.create_revision,
                "version": kv.version,
                "lease": kv.lease,
                "time": change.time,
                "origin": None if origin is None else b64(origin),
            }
        ).encode()
        value = self.codec.encode(kv.value) if change.type == "put" else b""
        record = head + b"\n" + value
        return b"%08x" % zlib.crc32(record) + record

    def _decode(self, name: bytes, data: bytes) -> Change[V]:
        record = data[8:]
        if data[:8] != b"%08x" % zlib.crc32(record):
            raise DamagedLogError(
                f"{name.decode()} in etcd does not match its checksum: restore a snapshot of etcd,"
                f" or give another prefix to begin with an empty cluster"
            )
        _, main, key, _ = name.rsplit(b"/", 3)
        revision, raw = int(main, 16), bytes.fromhex(key.decode())
        line, _, value = record.partition(b"\n")
        head = json.loads(line)
        origin = None
        if head["origin"] is not None:
            origin = self.codec.decode_origin(unb64(head["origin"]))
        kv: KeyValue[V] = tombstone(raw, revision)
        if head["type"] == "put":
            kv = KeyValue(
                raw,
                self.codec.decode(value),
                head["create_revision"],
                revision,
                head["version"],
                head["lease"],
            )
        return Change(revision, head["sub"], head["type"], kv, None, origin, head["time"])


def _put(key: bytes, value: bytes) -> dict[str, Any]:
    return {"request_put": {"key": b64(key), "value": b64(value)}}


def _delete(key: bytes, end: bytes | None) -> dict[str, Any]:
    span = {"key": b64(key)} if end is None else {"key": b64(key), "range_end": b64(end)}
    return {"request_delete_range": span}
