"""etcd's named guarantees, of our store and of a real etcd, by the same random programs.

Source: "KV API guarantees" and "Watch APIs", etcd v3.5 documentation.
"""

import itertools
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import attrs
import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from engine.store.kv import prefix_end
from engine.store.txn import Compare, DeleteRange, Operation, Put, Range, Txn
from tests.engine.store.etcd_process import EtcdProcess
from tests.engine.store.etcd_subject import Etcd
from tests.engine.store.our_subject import Ours
from tests.engine.store.subjects import Answer, Subject, kv_tuple
from tests.properties.store_model import Model, Write

NAMES = st.sampled_from([b"a", b"a/1", b"a/2", b"b", b"c"])
VALUES = st.none() | st.sampled_from([b"", b"x", b"y"])
WRITES = st.lists(
    st.tuples(NAMES, VALUES), min_size=1, max_size=4, unique_by=lambda write: write[0]
)
PROGRAM = st.lists(WRITES, min_size=1, max_size=12)

few = settings(max_examples=25, deadline=None, database=None, derandomize=True)
_runs = itertools.count()


@pytest.fixture(scope="module", params=["ours", pytest.param("etcd", marks=pytest.mark.etcd)])
def subject(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Subject]:
    """One store for all examples: each has keys of its own."""
    if request.param == "ours":
        yield Ours()
        return
    folder: Path = tmp_path_factory.mktemp("etcd")
    process = EtcdProcess(folder / "etcd")
    process.start()
    etcd = Etcd(process)
    yield etcd
    etcd.close()
    process.kill()


@attrs.define(eq=False)
class Run:
    """One example: the store and the model, given the same writes under a prefix of its own."""

    subject: Subject
    prefix: bytes = attrs.field(factory=lambda: b"/run/%06d/" % next(_runs))
    base: int = attrs.field(init=False)
    model: Model = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.base = self.subject.txn(Txn())[3]
        self.model = Model(states={self.base: {}}, revision=self.base)

    def write(self, writes: list[tuple[bytes, bytes | None]]) -> Answer:
        """One transaction of blind writes."""
        named = [(self.prefix + name, value) for name, value in writes]
        steps: tuple[Operation, ...] = tuple(
            DeleteRange(key) if value is None else Put(key, value) for key, value in named
        )
        self.model.write([Write(key, value) for key, value in named], 0.0)
        return self.subject.txn(Txn((), steps))

    def play(self, program: list[list[tuple[bytes, bytes | None]]]) -> None:
        """All transactions of a program."""
        for writes in program:
            self.write(writes)

    def watch(self, first: int) -> list[Answer]:
        """All that happened under the prefix from a revision on, batch by batch."""
        count = len(self.history(first))
        request = Range(self.prefix, prefix_end(self.prefix), revision=first)
        with closing(self.subject.follow(request)) as following:
            return following.batches(count)

    def history(self, first: int) -> list[Answer]:
        """The same as the model has it."""
        changes = self.model.history(self.prefix, prefix_end(self.prefix), first, None)
        return [(one.type, kv_tuple(one.kv), kv_tuple(one.prev_kv)) for one in changes]

    def read(self, revision: int = 0) -> Answer:
        """All keys under the prefix."""
        return self.subject.range(Range(self.prefix, prefix_end(self.prefix), revision=revision))

    def expected(self, revision: int = 0) -> Answer:
        """The same as the model has it."""
        kvs = self.model.keys(self.prefix, prefix_end(self.prefix), revision)
        return ("range", tuple(map(kv_tuple, kvs)), len(kvs), False)


def revision_of(event: Answer) -> int:
    """When an event happened."""
    revision: int = event[1][3]
    return revision


@few
@given(program=PROGRAM)
def test_ordered(subject: Subject, program: list[list[tuple[bytes, bytes | None]]]) -> None:
    """Events are ordered by revision: none comes before one that happened earlier."""
    run = Run(subject)
    run.play(program)

    revisions = [revision_of(event) for batch in run.watch(run.base + 1) for event in batch]

    assert revisions == sorted(revisions)


@few
@given(program=PROGRAM)
def test_unique(subject: Subject, program: list[list[tuple[bytes, bytes | None]]]) -> None:
    """No event comes twice."""
    run = Run(subject)
    run.play(program)

    events = [event[1][:1] + event[1][3:4] for batch in run.watch(run.base + 1) for event in batch]

    assert len(set(events)) == len(events)


@few
@given(program=PROGRAM)
def test_atomic(subject: Subject, program: list[list[tuple[bytes, bytes | None]]]) -> None:
    """The events of one revision come in one batch, never split over two."""
    run = Run(subject)
    run.play(program)

    batches = [{revision_of(event) for event in batch} for batch in run.watch(run.base + 1)]

    for one, two in itertools.combinations(batches, 2):
        assert not one & two


@few
@given(program=PROGRAM)
def test_reliable(subject: Subject, program: list[list[tuple[bytes, bytes | None]]]) -> None:
    """Nothing is left out: if there is an earlier and a later event, those between come too."""
    run = Run(subject)
    run.play(program)

    events = [event for batch in run.watch(run.base + 1) for event in batch]

    assert events == run.history(run.base + 1)


@few
@given(program=PROGRAM, skipped=st.integers(0, 12))
def test_resumable(
    subject: Subject, program: list[list[tuple[bytes, bytes | None]]], skipped: int
) -> None:
    """A broken watch goes on after the last revision it saw, and misses nothing."""
    run = Run(subject)
    run.play(program)
    first = min(run.base + 1 + skipped, run.model.revision + 1)

    events = [event for batch in run.watch(first) for event in batch]

    assert events == run.history(first)


@settings(few, max_examples=8)
@given(before=PROGRAM, after=PROGRAM)
def test_bookmarkable(
    subject: Subject,
    before: list[list[tuple[bytes, bytes | None]]],
    after: list[list[tuple[bytes, bytes | None]]],
) -> None:
    """A progress mark says that all events up to its revision have been delivered."""
    run = Run(subject)
    run.play(before)
    reached = run.model.revision
    request = Range(run.prefix, prefix_end(run.prefix), revision=run.base + 1)
    with closing(subject.follow(request)) as following:
        following.batches(len(run.history(run.base + 1)))
        mark = following.mark()

        run.play(after)
        late = following.batches(len(run.history(mark + 1)))

    assert mark == reached
    assert [event for batch in late for event in batch] == run.history(mark + 1)
    assert all(revision_of(event) > mark for batch in late for event in batch)


@few
@given(program=PROGRAM)
def test_linearizable(subject: Subject, program: list[list[tuple[bytes, bytes | None]]]) -> None:
    """A read shows every write that was answered before it, and any kept past exactly."""
    run = Run(subject)

    for writes in program:
        run.write(writes)
        assert run.read() == run.expected()

    for revision in range(run.base, run.model.revision + 1):
        assert run.read(revision) == run.expected(revision)


@few
@given(program=st.lists(st.tuples(NAMES, st.integers(-1, 1), WRITES), min_size=1, max_size=12))
def test_strictly_serializable(
    subject: Subject,
    program: list[tuple[bytes, int, list[tuple[bytes, bytes | None]]]],
) -> None:
    """A transaction sees exactly those before it: its claim holds or nothing of it happens."""
    run = Run(subject)
    for name, offset, writes in program:
        key = run.prefix + name
        current = run.model.now.get(key)
        guess = (current.mod_revision if current else 0) + offset
        named = [(run.prefix + written, value) for written, value in writes]
        steps: tuple[Operation, ...] = tuple(
            DeleteRange(one) if value is None else Put(one, value) for one, value in named
        )

        answer = subject.txn(Txn((Compare(key, "mod", "=", guess),), steps, (Range(key),)))

        if offset == 0:
            run.model.write([Write(one, value) for one, value in named], 0.0)
        assert (answer[1], answer[3]) == (offset == 0, run.model.revision)
        assert run.read() == run.expected()
