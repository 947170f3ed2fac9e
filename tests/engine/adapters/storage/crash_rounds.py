"""Kills a process that writes to a SQLite log, again and again, and looks at what is left.

Run as a script, because it forks; prints one JSON line. Every revision's content follows from the
seed and the state before it, so what must be on disk can be worked out after each kill: every
acknowledged revision, no half of one, and nothing that was never written.
"""

import json
import os
import random
import select
import signal
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path

from engine.adapters.storage.sqlite import SqliteLog
from engine.kernel.loop import Loop
from engine.store.kv import Change, KeyValue
from engine.store.kvstore import KVStore
from engine.store.log import BYTES
from engine.store.txn import DeleteRange, Operation, Put
from engine.store.watchable_store import Store

POINTS = (
    "before-write",
    "after-write",
    "before-commit",
    "after-commit",
    "before-compact",
    "after-compact",
    "before-shrink",
    "after-shrink",
)
KEYS = 40


def write_next(store: Store[bytes], seed: int) -> None:
    """Make the next revision: one key, a few keys at once, or a deletion."""
    chance = random.Random(f"{seed}/{store.revision}")
    steps: dict[bytes, Operation] = {}
    for _ in range(chance.choice((1, 1, 1, 2, 5))):
        key = b"key/%03d" % chance.randrange(KEYS)
        is_delete = chance.random() < 0.2 and store.get(key) is not None
        value = chance.randbytes(chance.choice((0, 16, 300, 6000)))
        steps[key] = DeleteRange(key) if is_delete else Put(key, value)
    store.txn(success=steps.values())


def compaction_at(revision: int, seed: int) -> int:
    """The revision to compact at when the store has reached *revision*, or 0."""
    if revision % 37:
        return 0
    return revision - random.Random(f"{seed}/compact/{revision}").randrange(30)


def work(path: Path, seed: int, acks: int, point: str, countdown: int) -> None:
    """Write without end, telling *acks* each durable revision; die at the named point."""
    hits = 0

    def failpoint(name: str) -> None:
        nonlocal hits
        if name == point:
            hits += 1
            if hits >= countdown:
                os.kill(os.getpid(), signal.SIGKILL)

    inbox: list[object] = []
    log: SqliteLog[bytes] = SqliteLog(path, BYTES, inbox.append, failpoint=failpoint)
    loop = Loop()
    store: Store[bytes] = Store(loop, log)
    chance = random.Random(seed)
    while True:
        for _ in range(chance.choice((1, 1, 4, 30))):
            write_next(store, seed)
            revision = store.revision
            store.on_durable(revision, partial(os.write, acks, b"%d\n" % revision))
            goal = compaction_at(revision, seed)
            if goal > store.compact_revision:
                store.compact(goal)
        loop.run_for(1.0)
        while store.revision - store.durable_revision > 60 or inbox:
            if inbox:
                inbox.pop(0)()  # type: ignore[operator]
            else:
                time.sleep(0.0002)


def expected(seed: int, revision: int) -> Store[bytes]:
    """The store as it must be at *revision*, uncompacted."""
    store: Store[bytes] = Store(Loop())
    while store.revision < revision:
        write_next(store, seed)
    return store


def faults(path: Path, seed: int, acked: int) -> tuple[list[str], int]:
    """What is wrong with the file after a kill, and the revision it is at."""
    log: SqliteLog[bytes] = SqliteLog(path, BYTES, lambda callback: callback())
    found: KVStore[bytes] = KVStore()
    recovered = log.load()
    found.load(recovered.changes, recovered.revision, recovered.compact_revision)
    while found.purge(1000) is not None:
        pass
    log.close()
    wrong = []
    if found.revision < acked:
        wrong.append(f"revision {acked} was acknowledged, {found.revision} is on disk")
    wanted = expected(seed, found.revision)
    wrong.extend(
        f"the state at {at} is not what was written"
        for at in (found.revision, max(found.compact_revision, 1))
        if contents(found, at) != contents(wanted.kv, at)
    )
    after = found.compact_revision
    if history(found, after) != history(wanted.kv, after):
        wrong.append(f"the changes after {after} are not what was written")
    return wrong, found.revision


def contents(kv: KVStore[bytes], revision: int) -> tuple[KeyValue[bytes], ...]:
    """All keys at *revision*."""
    return kv.range(b"", b"\0", revision=revision).kvs


def history(kv: KVStore[bytes], after: int) -> list[Change[bytes]]:
    """All changes after a revision, without their times, which depend on when the kill came."""
    return [change._replace(time=0.0) for change in kv.changes if change.revision > after]


def one_round(path: Path, seed: int, point: str, chance: random.Random) -> tuple[int, str]:
    """Let a worker write until it dies; return the newest revision it acknowledged, and how."""
    reader, writer = os.pipe()
    worker = os.fork()
    if worker == 0:
        os.close(reader)
        try:
            work(path, seed, writer, point, chance.randrange(1, 30))
        finally:
            os._exit(70)
    os.close(writer)
    # A named point that never comes would let the worker run on.
    deadline = time.monotonic() + (chance.uniform(0.002, 0.06) if not point else 3.0)
    received = b""
    while (left := deadline - time.monotonic()) > 0:
        if select.select([reader], [], [], left)[0]:
            chunk = os.read(reader, 65536)
            if not chunk:
                break
            received += chunk
    how = point if left > 0 else "random moment"
    os.kill(worker, signal.SIGKILL)
    while chunk := os.read(reader, 65536):
        received += chunk
    os.close(reader)
    _, status = os.waitpid(worker, 0)
    if not os.WIFSIGNALED(status):
        raise SystemExit(f"the worker ended by itself: {status}")
    return max([int(line) for line in received.split()], default=0), how


def main(directory: Path, rounds: int, seed: int) -> dict[str, object]:
    """Kill *rounds* workers; a new file after every ten."""
    chance = random.Random(seed)
    kills: Counter[str] = Counter()
    wrong: list[str] = []
    acked = revisions = 0
    for number in range(rounds):
        if number % 10 == 0:
            path = directory / f"{number}.db"
            acked = 1
        point = POINTS[number // 2 % len(POINTS)] if number % 2 else ""
        file_seed = seed * 1000 + number // 10
        newest, how = one_round(path, file_seed, point, chance)
        acked = max(acked, newest)
        kills[how] += 1
        found, acked = faults(path, file_seed, acked)
        wrong.extend(f"round {number} ({how}): {fault}" for fault in found)
        if number % 10 == 9:
            revisions += acked
    return {"rounds": rounds, "kills": dict(kills), "wrong": wrong, "revisions": revisions}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))  # noqa: T201 - its answer
