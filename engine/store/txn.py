"""Transactions: compare, then one list of operations or the other, as one revision.

Everything is checked before anything is changed, so a refused transaction leaves no trace.
"""

import operator
from collections.abc import Iterator
from typing import Any, Generic, Literal, TypeAlias, TypeVar

import attrs

from engine.store.errors import DuplicateKeyError, KeyMissingError
from engine.store.kv import (
    DeleteResult,
    KeyValue,
    PutResult,
    RangeResult,
    SortOrder,
    SortTarget,
    in_range,
)
from engine.store.kvstore import KVStore

V = TypeVar("V")

CompareTarget = Literal["value", "version", "create", "mod", "lease"]
CompareOperator = Literal["=", "!=", "<", ">"]

_OPERATORS = {"=": operator.eq, "!=": operator.ne, "<": operator.lt, ">": operator.gt}
_ATTRIBUTES = {
    "value": "value",
    "version": "version",
    "create": "create_revision",
    "mod": "mod_revision",
    "lease": "lease",
}


@attrs.frozen
class Compare:
    """A claim about a key, or about every key of a range.

    A key that does not exist has version, revisions and lease 0, and no value to compare with.
    """

    key: bytes
    target: CompareTarget
    op: CompareOperator
    operand: Any
    end: bytes | None = None


@attrs.frozen
class Put(Generic[V]):
    """Set a key. With *ignore_value* or *ignore_lease* the old one is kept."""

    key: bytes
    value: V
    lease: int = attrs.field(default=0, kw_only=True)
    prev_kv: bool = attrs.field(default=False, kw_only=True)
    ignore_value: bool = attrs.field(default=False, kw_only=True)
    ignore_lease: bool = attrs.field(default=False, kw_only=True)


@attrs.frozen
class DeleteRange:
    """Delete a key, or all keys in ``[key, end)``."""

    key: bytes
    end: bytes | None = None
    prev_kv: bool = attrs.field(default=False, kw_only=True)


@attrs.frozen
class Range:
    """Read a key, or ``[key, end)``; the fields are those of `KVStore.range`."""

    key: bytes
    end: bytes | None = None
    revision: int = attrs.field(default=0, kw_only=True)
    limit: int = attrs.field(default=0, kw_only=True)
    count_only: bool = attrs.field(default=False, kw_only=True)
    keys_only: bool = attrs.field(default=False, kw_only=True)
    sort_by: SortTarget = attrs.field(default="key", kw_only=True)
    order: SortOrder = attrs.field(default="none", kw_only=True)


@attrs.frozen
class Txn:
    """If every claim in *compare* holds do *success*, else *failure*; may be nested."""

    compare: "tuple[Compare, ...]" = ()
    success: "tuple[Operation, ...]" = ()
    failure: "tuple[Operation, ...]" = ()


@attrs.frozen
class TxnResult(Generic[V]):
    """Which branch was taken, and the answer of each of its operations in order."""

    revision: int
    succeeded: bool
    responses: "tuple[Response[V], ...]"


Operation: TypeAlias = Put[Any] | DeleteRange | Range | Txn
Response: TypeAlias = PutResult[V] | DeleteResult[V] | RangeResult[V] | TxnResult[V]


@attrs.frozen
class Plan:
    """A transaction whose branches are chosen, nested ones included."""

    succeeded: bool
    steps: "tuple[Put[Any] | DeleteRange | Range | Plan, ...]"


def plan(store: KVStore[V], txn: Txn) -> Plan:
    """Choose the branches of *txn* by the state before it and check all it would do.

    Raises:
        DuplicateKeyError: a key would be changed twice.
        KeyMissingError: a put would keep the value or lease of a key that does not exist.
        CompactedError: a range asks for a compacted revision.
        FutureRevisionError: a range asks for a revision that does not exist yet.
    """
    chosen = _choose(store, txn)
    puts: dict[bytes, None] = {}
    deletes: list[DeleteRange] = []
    for step in _flatten(chosen):
        if isinstance(step, Put):
            if step.key in puts:
                raise DuplicateKeyError(step.key)
            puts[step.key] = None
            if (step.ignore_value or step.ignore_lease) and store.get(step.key) is None:
                raise KeyMissingError(step.key)
        elif isinstance(step, DeleteRange):
            deletes.append(step)
        else:
            store.check_readable(step.revision)
    for delete in deletes:
        for key in puts:
            if in_range(key, delete.key, delete.end):
                raise DuplicateKeyError(key)
    return chosen


def leases_of(chosen: Plan) -> Iterator[int]:
    """The leases that the puts of *chosen* attach keys to."""
    for step in _flatten(chosen):
        if isinstance(step, Put) and step.lease:
            yield step.lease


def writes(chosen: Plan) -> bool:
    """Whether *chosen* has a put or a delete."""
    return any(not isinstance(step, Range) for step in _flatten(chosen))


def apply(store: KVStore[V], chosen: Plan, origin: object, time: float) -> TxnResult[V]:
    """Do what `plan` chose, inside the transaction under way."""
    responses: list[Response[V]] = []
    for step in chosen.steps:
        if isinstance(step, Put):
            responses.append(_put(store, step, origin, time))
        elif isinstance(step, DeleteRange):
            removed = store.delete_range(step.key, step.end, origin, time)
            kvs = tuple(removed) if step.prev_kv else ()
            responses.append(DeleteResult(store.revision + bool(removed), len(removed), kvs))
        elif isinstance(step, Range):
            responses.append(read(store, step))
        else:
            responses.append(apply(store, step, origin, time))
    return TxnResult(store.revision, chosen.succeeded, tuple(responses))


def read(store: KVStore[V], step: Range) -> RangeResult[V]:
    """The answer to one `Range`."""
    return store.range(
        step.key,
        step.end,
        revision=step.revision,
        limit=step.limit,
        count_only=step.count_only,
        keys_only=step.keys_only,
        sort_by=step.sort_by,
        order=step.order,
    )


def _put(store: KVStore[V], step: Put[V], origin: object, time: float) -> PutResult[V]:
    value, lease = step.value, step.lease
    if step.ignore_value or step.ignore_lease:
        prev = store.get(step.key)
        assert prev is not None
        value = prev.value if step.ignore_value else value
        lease = prev.lease if step.ignore_lease else lease
    change = store.put(step.key, value, lease, origin, time)
    return PutResult(change.revision, change.kv, change.prev_kv if step.prev_kv else None)


def _choose(store: KVStore[V], txn: Txn) -> Plan:
    succeeded = all(_holds(store, compare) for compare in txn.compare)
    branch = txn.success if succeeded else txn.failure
    return Plan(
        succeeded,
        tuple(_choose(store, step) if isinstance(step, Txn) else step for step in branch),
    )


def _flatten(chosen: Plan) -> Iterator[Put[Any] | DeleteRange | Range]:
    for step in chosen.steps:
        if isinstance(step, Plan):
            yield from _flatten(step)
        else:
            yield step


def _holds(store: KVStore[V], compare: Compare) -> bool:
    if compare.end is None:
        kv = store.get(compare.key)
        kvs: tuple[KeyValue[V], ...] = () if kv is None else (kv,)
    else:
        kvs = store.range(compare.key, compare.end).kvs
    claim = _OPERATORS[compare.op]
    if not kvs:
        return compare.target != "value" and bool(claim(0, compare.operand))
    attribute = _ATTRIBUTES[compare.target]
    return all(claim(getattr(kv, attribute), compare.operand) for kv in kvs)
