"""A real etcd as a subject of tests, through its JSON gateway."""

import http.client
import json
import socket
from collections.abc import Iterable
from typing import Any

import attrs

from engine.store.errors import (
    CompactedError,
    DuplicateKeyError,
    FutureRevisionError,
    KeyMissingError,
    LeaseExistsError,
    LeaseNotFoundError,
    StoreError,
)
from engine.store.txn import Compare, DeleteRange, Operation, Put, Range, Txn
from tests.engine.store.etcd_process import EtcdProcess, b64, unb64
from tests.engine.store.subjects import Answer

_ERRORS: dict[str, type[StoreError]] = {
    "required revision has been compacted": CompactedError,
    "required revision is a future revision": FutureRevisionError,
    "duplicate key given in txn request": DuplicateKeyError,
    "key not found": KeyMissingError,
    "requested lease not found": LeaseNotFoundError,
    "lease already exists": LeaseExistsError,
}
_TARGETS = {"value": "VALUE", "version": "VERSION", "create": "CREATE", "mod": "MOD"}
_TARGETS["lease"] = "LEASE"
_OPERATORS = {"=": "EQUAL", "!=": "NOT_EQUAL", "<": "LESS", ">": "GREATER"}
_OPERANDS = {"create": "create_revision", "mod": "mod_revision"}
_KINDS = {
    "response_put": "put",
    "response_delete_range": "delete",
    "response_range": "range",
    "response_txn": "txn",
}


@attrs.define(eq=False)
class Etcd:
    """A real etcd."""

    process: EtcdProcess
    _connection: http.client.HTTPConnection = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", self.process.port, timeout=30.0)

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def txn(self, txn: Txn) -> Answer:
        """Do a transaction."""
        answer = self._post("/v3/kv/txn", self._txn(txn))
        return answer if isinstance(answer, tuple) else self._shown("txn", answer, top=True)

    def range(self, request: Range) -> Answer:
        """Read."""
        answer = self._post("/v3/kv/range", self._range(request))
        return answer if isinstance(answer, tuple) else self._shown("range", answer)

    def compact(self, revision: int) -> Answer:
        """Compact."""
        return self._done(self._post("/v3/kv/compaction", {"revision": revision, "physical": True}))

    def grant(self, ttl: int, lease_id: int) -> Answer:
        """Grant a lease."""
        return self._done(self._post("/v3/lease/grant", {"TTL": ttl, "ID": lease_id}))

    def revoke(self, lease_id: int) -> Answer:
        """Revoke a lease."""
        return self._done(self._post("/v3/lease/revoke", {"ID": lease_id}))

    def lease_keys(self, lease_id: int) -> Answer:
        """The keys of a lease."""
        answer = self._post("/v3/lease/timetolive", {"ID": lease_id, "keys": True})
        if isinstance(answer, tuple):
            return answer
        if answer.get("TTL") == "-1":
            return ("error", LeaseNotFoundError)
        return tuple(sorted(unb64(key) for key in answer.get("keys", ())))

    def watch(self, request: Range, *, ignored: str | None, count: int) -> Answer:
        """The first *count* events from a past revision."""
        body: dict[str, Any] = {"start_revision": request.revision, "prev_kv": True}
        body |= self._span(request.key, request.end)
        if ignored:
            body["filters"] = ["NO" + ignored.upper()]
        stream = http.client.HTTPConnection("127.0.0.1", self.process.port, timeout=5.0)
        events: list[Answer] = []
        try:
            stream.request("POST", "/v3/watch", json.dumps({"create_request": body}))
            response = stream.getresponse()
            while len(events) < count:
                result = json.loads(response.readline())["result"]
                if result.get("compact_revision"):
                    return ("compacted", int(result["compact_revision"]))
                events.extend(self.event(event) for event in result.get("events", ()))
        except TimeoutError:
            events.append(("nothing more",))
        finally:
            if stream.sock is not None:
                stream.sock.shutdown(socket.SHUT_RDWR)
            stream.close()
        return tuple(events)

    def follow(self, request: Range) -> "EtcdFollowing":
        """Watch a range from a past revision, with progress marks."""
        body = self._span(request.key, request.end)
        body |= {"start_revision": request.revision, "prev_kv": True, "progress_notify": True}
        return EtcdFollowing(self, body)

    def event(self, event: dict[str, Any]) -> Answer:
        """An event as both stores show it."""
        kind = "delete" if event.get("type") == "DELETE" else "put"
        prev = event.get("prev_kv")
        return (kind, self._kv(event["kv"]), self._kv(prev) if prev else ())

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any] | Answer:
        self._connection.request("POST", path, json.dumps(body))
        answer: dict[str, Any] = json.loads(self._connection.getresponse().read())
        if "error" in answer:
            for text, kind in _ERRORS.items():
                if text in answer["error"]:
                    return ("error", kind)
            raise AssertionError(answer)
        return answer

    @staticmethod
    def _done(answer: dict[str, Any] | Answer) -> Answer:
        if isinstance(answer, tuple):
            return answer
        return ("done", int(answer["header"]["revision"]))

    @staticmethod
    def _span(key: bytes, end: bytes | None) -> dict[str, Any]:
        # An empty key means the first possible one to us; etcd spells that as one zero byte.
        span = {"key": b64(key or b"\0")}
        return span if end is None else span | {"range_end": b64(end)}

    def _range(self, request: Range) -> dict[str, Any]:
        return self._span(request.key, request.end) | {
            "revision": request.revision,
            "limit": request.limit,
            "count_only": request.count_only,
            "keys_only": request.keys_only,
            "sort_target": {**_TARGETS, "key": "KEY"}[request.sort_by],
            "sort_order": request.order.upper(),
        }

    def _txn(self, txn: Txn) -> dict[str, Any]:
        return {
            "compare": [self._compare(compare) for compare in txn.compare],
            "success": self._operations(txn.success),
            "failure": self._operations(txn.failure),
        }

    def _compare(self, compare: Compare) -> dict[str, Any]:
        operand = compare.operand
        body = self._span(compare.key, compare.end)
        body |= {"target": _TARGETS[compare.target], "result": _OPERATORS[compare.op]}
        body[_OPERANDS.get(compare.target, compare.target)] = (
            b64(operand) if isinstance(operand, bytes) else operand
        )
        return body

    def _operations(self, operations: Iterable[Operation]) -> list[dict[str, Any]]:
        shown: list[dict[str, Any]] = []
        for step in operations:
            match step:
                case Put():
                    body = {
                        "key": b64(step.key),
                        "value": "" if step.ignore_value else b64(step.value),
                        "lease": step.lease,
                        "prev_kv": step.prev_kv,
                        "ignore_value": step.ignore_value,
                        "ignore_lease": step.ignore_lease,
                    }
                    shown.append({"request_put": body})
                case DeleteRange():
                    span = self._span(step.key, step.end)
                    shown.append({"request_delete_range": span | {"prev_kv": step.prev_kv}})
                case Range():
                    shown.append({"request_range": self._range(step)})
                case Txn():
                    shown.append({"request_txn": self._txn(step)})
        return shown

    @staticmethod
    def _kv(kv: dict[str, Any]) -> Answer:
        return (
            unb64(kv["key"]),
            unb64(kv.get("value", "")),
            int(kv.get("create_revision", 0)),
            int(kv["mod_revision"]),
            int(kv.get("version", 0)),
            int(kv.get("lease", 0)),
        )

    def _shown(self, kind: str, answer: dict[str, Any], *, top: bool = False) -> Answer:
        match kind:
            case "put":
                prev = answer.get("prev_kv")
                return ("put", self._kv(prev) if prev else ())
            case "delete":
                kvs = map(self._kv, answer.get("prev_kvs", ()))
                return ("delete", int(answer.get("deleted", 0)), *kvs)
            case "range":
                kvs = map(self._kv, answer.get("kvs", ()))
                count = int(answer.get("count", 0))
                return ("range", tuple(kvs), count, answer.get("more", False))
        responses = tuple(
            self._shown(_KINDS[name], body)
            for response in answer.get("responses", ())
            for name, body in response.items()
        )
        revision = int(answer["header"]["revision"]) if top else None
        return ("txn", answer.get("succeeded", False), responses, revision)


@attrs.define(eq=False)
class EtcdFollowing:
    """A watch of a real etcd, on a connection of its own."""

    subject: Etcd
    body: dict[str, Any]
    _stream: http.client.HTTPConnection = attrs.field(init=False)
    _answer: http.client.HTTPResponse = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        port = self.subject.process.port
        self._stream = http.client.HTTPConnection("127.0.0.1", port, timeout=20.0)
        self._stream.request("POST", "/v3/watch", json.dumps({"create_request": self.body}))
        self._answer = self._stream.getresponse()
        assert self._next()["created"]

    def batches(self, count: int) -> list[Answer]:
        """What was delivered since the last call, waiting until it is *count* events."""
        found: list[Answer] = []
        while sum(map(len, found)) < count:
            events = self._next().get("events", ())
            if events:
                found.append(tuple(map(self.subject.event, events)))
        return found

    def mark(self) -> int:
        """The revision of the next progress mark."""
        result = self._next()
        assert not result.get("events")
        return int(result["header"]["revision"])

    def close(self) -> None:
        """Stop watching."""
        if self._stream.sock is not None:
            self._stream.sock.shutdown(socket.SHUT_RDWR)
        self._answer.close()
        self._stream.close()

    def _next(self) -> dict[str, Any]:
        result: dict[str, Any] = json.loads(self._answer.readline())["result"]
        return result
