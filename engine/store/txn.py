"""Transactions: compare, then one list of operations or the other, as one revision.

Everything is checked before anything is changed, so a refused transaction leaves no trace.
"""

import operator
from collections.abc import Callable, Iterable, Iterator
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


def plan(store: KVStore[V], txn: Txn, check_lease: Callable[[int], object]) -> Plan:
    """Choose the branches of *txn* by the state before it and check all it would do.

    *check_lease* raises for a lease that is not granted.

    Raises:
        DuplicateKeyError: a key would be changed twice, in whichever branch.
        KeyMissingError: a put would keep the value or lease of a key that does not exist.
        LeaseNotFoundError: a put names no granted lease.
        CompactedError: a range asks for a compacted revision.
        FutureRevisionError: a range asks for a revision that does not exist yet.
    """
    # One step alone, as nearly every write is, touches no key twice.
    for branch in (txn.success, txn.failure):
        if len(branch) > 1 or (branch and isinstance(branch[0], Txn)):
            _claimed(branch)
    chosen = _choose(store, txn)
    steps = list(_flatten(chosen))
    for step in steps:
        if isinstance(step, Put):
            keeps = step.ignore_value or step.ignore_lease
            if keeps and store.get(step.key) is None:
                raise KeyMissingError(step.key)
            if step.lease:
                check_lease(step.lease)
    for step in steps:
        if isinstance(step, Range):
            store.check_readable(step.revision)
    return chosen


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


def _claimed(
    branch: Iterable[Operation],
) -> tuple[dict[bytes, None], list[DeleteRange]]:
    """The keys put and the ranges deleted by *branch*, whichever way its inner branches go.

    A put in one inner transaction and a deletion in a later one are let through, as by etcd.

    Raises:
        DuplicateKeyError: two of them touch the same key.

    Source: checkIntervals, etcdserver/api/v3rpc/key.go, etcd v3.5.
    """
    branch = tuple(branch)
    puts: dict[bytes, None] = {}
    deletes = [step for step in branch if isinstance(step, DeleteRange)]
    for step in branch:
        if isinstance(step, Txn):
            then_puts, then_deletes = _claimed(step.success)
            else_puts, else_deletes = _claimed(step.failure)
            before = dict(puts)
            # A key may be put in both branches of one inner transaction: only one will happen.
            for key in (*then_puts, *else_puts):
                _claim(key, before, deletes)
                puts[key] = None
            deletes = [*deletes, *then_deletes, *else_deletes]
    for step in branch:
        if isinstance(step, Put):
            _claim(step.key, puts, deletes)
            puts[step.key] = None
    return puts, deletes


def _claim(key: bytes, puts: dict[bytes, None], deletes: list[DeleteRange]) -> None:
    if key in puts or any(in_range(key, delete.key, delete.end) for delete in deletes):
        raise DuplicateKeyError(key)


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
