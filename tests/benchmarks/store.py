"""The store beside a real etcd on the same disk: ``python -m tests.benchmarks.store``.

One durable put is a bare fdatasync (about 105 us where this was written), 7 us of SQLite, and 25 to
50 us of handing over to the writer's thread and back, so one writer cannot exceed about 7,000/s.
etcd through gRPC's own client reaches 2,300/s there; through bare frames, which cost a client next
to nothing, 4,000/s. The target is against the former; the latter is shown beside it. Hand-overs
suffer first from a busy machine: with both cores taken the row of one writer says little.
"""

import asyncio
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from engine.adapters.storage.sqlite import SqliteLog
from engine.kernel.loop import Loop
from engine.store.kv import prefix_end
from engine.store.log import BYTES
from engine.store.watchable_store import Store
from tests.benchmarks.etcd_client import AsyncGrpcClient, GrpcClient, put_request, range_request
from tests.benchmarks.harness import Measurement, compare, report
from tests.engine.store.etcd_process import EtcdProcess

VALUE = 256
KEYS = 100_000


def value() -> bytes:
    """A value that does not compress."""
    return os.urandom(VALUE)


def key(number: int) -> bytes:
    """A key as long as Kubernetes' are."""
    return b"/registry/pods/namespace-%02d/%09d" % (number % 100, number)


def resident(pid: int | str = "self") -> float:
    """The resident memory of a process in MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def our_puts(directory: Path, writers: int, total: int) -> float:
    """Durable puts a second by as many coroutines as *writers*."""

    async def run() -> float:
        asyncio_loop = asyncio.get_running_loop()
        path = directory / f"ours-{time.monotonic_ns()}.db"
        log: SqliteLog[bytes] = SqliteLog(path, BYTES, asyncio_loop.call_soon_threadsafe)
        store: Store[bytes] = Store(Loop(), log)

        async def write(number: int) -> None:
            for step in range(total // writers):
                done = asyncio_loop.create_future()
                result = store.put(key(number * total + step), value())
                store.on_durable(result.revision, partial(done.set_result, None))
                await done

        started = time.perf_counter()
        await asyncio.gather(*[write(number) for number in range(writers)])
        rate = total / (time.perf_counter() - started)
        store.close()
        path.unlink()
        return rate

    return asyncio.run(run())


def etcd_awaited_puts(etcd: EtcdProcess, writers: int, total: int) -> float:
    """Puts a second by as many coroutines as *writers*, each awaiting etcd's answer."""

    async def run() -> float:
        _, client = await asyncio.get_running_loop().create_connection(
            AsyncGrpcClient, "127.0.0.1", etcd.port
        )
        first = random.randrange(10**8)

        async def write(number: int) -> None:
            for step in range(total // writers):
                await client.put(put_request(key(first + number * total + step), value()))

        started = time.perf_counter()
        await asyncio.gather(*[write(number) for number in range(writers)])
        rate = total / (time.perf_counter() - started)
        client.close()
        return rate

    return asyncio.run(run())


def etcd_client_puts(etcd: EtcdProcess, writers: int, total: int) -> float:
    """The same through gRPC's own client library, as a Python program would talk to etcd."""

    async def run() -> float:
        first = random.randrange(10**8)
        async with grpc.aio.insecure_channel(f"127.0.0.1:{etcd.port}") as channel:
            put: Any = channel.unary_unary("/etcdserverpb.KV/Put")

            async def write(number: int) -> None:
                for step in range(total // writers):
                    await put(put_request(key(first + number * total + step), value()))

            started = time.perf_counter()
            await asyncio.gather(*[write(number) for number in range(writers)])
            return total / (time.perf_counter() - started)

    return asyncio.run(run())


def etcd_puts(etcd: EtcdProcess, writers: int, total: int) -> float:
    """Puts a second with as many calls in flight as *writers*."""
    client = GrpcClient(etcd.port)
    first = random.randrange(10**8)
    started = time.perf_counter()
    client.call_all(
        "Put",
        (put_request(key(first + number), value()) for number in range(total)),
        in_flight=writers,
    )
    rate = total / (time.perf_counter() - started)
    client.close()
    return rate


def watch_cost(keys: int, watchers: int, *, is_disjoint: bool) -> float:
    """Microseconds from the call of a put to its return, all deliveries made."""
    store: Store[bytes] = Store(Loop())
    for number in range(keys):
        store.put(key(number), b"")
    for number in range(watchers):
        start = key(number * (keys // watchers)) if is_disjoint else b"/registry/pods/"
        store.watch(start, prefix_end(start), deliver=bool)
    data = value()
    names = [key(random.randrange(keys)) for _ in range(4000)]
    started = time.perf_counter()
    for name in names:
        store.put(name, data)
    return (time.perf_counter() - started) / len(names) * 1e6


def our_range(*, is_old: bool) -> Callable[[], float]:
    """Milliseconds for 10,000 keys, at the head or three versions back."""
    store: Store[bytes] = Store(Loop())
    for number in range(40_000):
        store.put(key(number % 10_000), value())
    revision = 15_000 if is_old else 0

    def measure() -> float:
        started = time.perf_counter()
        store.range(b"/registry/", prefix_end(b"/registry/"), revision=revision)
        return (time.perf_counter() - started) * 1e3

    return measure


def etcd_range(etcd: EtcdProcess, *, is_old: bool) -> Callable[[], float]:
    """Milliseconds for 10,000 keys over gRPC, at the head or at an old revision."""
    client = GrpcClient(etcd.port)
    prefix = b"/range/%d/" % is_old
    client.call_all(
        "Put", (put_request(prefix + key(n), value()) for n in range(10_000)), in_flight=50
    )
    body = etcd.call("/v3/kv/range", {"key": "AA=="})
    revision = int(body["header"]["revision"]) if is_old else 0
    if is_old:
        again = (put_request(prefix + key(n % 10_000), value()) for n in range(30_000))
        client.call_all("Put", again, in_flight=50)

    def measure() -> float:
        started = time.perf_counter()
        client.call_all("Range", [range_request(prefix, prefix_end(prefix), revision)])
        return (time.perf_counter() - started) * 1e3

    return measure


def in_child(name: str, *arguments: object) -> float:
    """What the function *name* of this module measures in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.store", name, *map(str, arguments)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def child_memory(directory: str) -> float:
    """The memory of a process that holds 100,000 keys and writes them to its log."""
    store: Store[bytes] = Store(
        Loop(), SqliteLog(Path(directory, "m.db"), BYTES, lambda run: run())
    )
    for number in range(KEYS):
        store.put(key(number), value())
    store.close()
    return resident()


def child_fill(directory: str) -> float:
    """Write 300,000 revisions of 100,000 keys."""
    store: Store[bytes] = Store(
        Loop(), SqliteLog(Path(directory, "r.db"), BYTES, lambda run: run())
    )
    for number in range(3 * KEYS):
        store.put(key(number % KEYS), value())
    store.close()
    return 0.0


def child_recover(directory: str) -> float:
    """Seconds of CPU to read them back."""
    started = time.process_time()
    store: Store[bytes] = Store(
        Loop(), SqliteLog(Path(directory, "r.db"), BYTES, lambda run: run())
    )
    spent = time.process_time() - started
    assert store.revision == 3 * KEYS + 1
    store.close()
    return spent


def etcd_memory(directory: Path) -> float:
    """The memory of an etcd that holds 100,000 keys."""
    etcd = EtcdProcess(directory / f"etcd-{time.monotonic_ns()}")
    etcd.start()
    try:
        client = GrpcClient(etcd.port)
        puts = (put_request(key(number), value()) for number in range(KEYS))
        client.call_all("Put", puts, in_flight=100)
        client.close()
        return resident(etcd.pid)
    finally:
        etcd.kill()


def measurements(directory: Path, etcd: EtcdProcess) -> Iterator[Measurement]:
    """All rows."""
    for writers, total in ((1, 3000), (100, 30_000)):
        yield compare(
            f"durable puts, {writers} writer{'s' * (writers > 1)}",
            "puts/s",
            partial(our_puts, directory, writers, total),
            partial(etcd_client_puts, etcd, writers, total),
            target=2.0,
        )
        yield compare(
            "  etcd through a client of bare frames",
            "puts/s",
            partial(our_puts, directory, writers, total),
            partial(etcd_awaited_puts, etcd, writers, total),
        )
        yield compare(
            "  etcd driven by bare frames, nobody awaiting",
            "puts/s",
            partial(etcd_puts, etcd, writers, total),
        )
    yield compare(
        "memory with 100,000 keys of 256 bytes",
        "MB",
        lambda: in_child("child_memory", tempfile.mkdtemp(dir=directory)),
        runs=1,
        target=150.0,
        higher_is_better=False,
    )
    yield compare("  the same in etcd", "MB", lambda: etcd_memory(directory), runs=1)
    for watchers in (1, 100, 1000):
        yield compare(
            f"put with {watchers} watchers of one prefix",
            "us",
            partial(watch_cost, 1000, watchers, is_disjoint=False),
        )
    yield compare(
        "1,000 disjoint watchers of 100,000 keys / 1",
        "us",
        lambda: watch_cost(KEYS, 1000, is_disjoint=True),
        lambda: watch_cost(KEYS, 1, is_disjoint=True),
        target=2.0,
        higher_is_better=False,
    )
    for is_old in (False, True):
        yield compare(
            f"range of 10,000 keys, {'old' if is_old else 'newest'} revision",
            "ms",
            our_range(is_old=is_old),
            etcd_range(etcd, is_old=is_old),
            higher_is_better=False,
        )
    child_fill(str(directory))
    yield compare(
        "recovery, 100,000 keys and 300,000 revisions",
        "CPU s",
        lambda: in_child("child_recover", directory),
        target=3.0,
        higher_is_better=False,
    )


def main() -> int:
    """Measure everything beside an etcd whose data is on the same disk."""
    base = Path(os.environ.get("BENCH_DIR", "."))
    with tempfile.TemporaryDirectory(dir=base, prefix=".bench-") as name:
        directory = Path(name).absolute()
        etcd = EtcdProcess(directory / "etcd")
        etcd.start()
        try:
            rows = list(measurements(directory, etcd))
        finally:
            etcd.kill()
    return 0 if report("Store: beside etcd", rows) else 1


CHILDREN = {run.__name__: run for run in (child_memory, child_fill, child_recover)}

if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(CHILDREN[sys.argv[1]](sys.argv[2]))
    else:
        raise SystemExit(main())
