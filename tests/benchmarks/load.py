"""The load generator against a server that answers at once: requests a second on one core.

Generator and server run on cores of their own where there are two; what the generator takes of its
core is measured too. Target: 3,000 requests a second held for the whole run, without errors.
"""

import asyncio
import os
import resource
import subprocess
import sys
from contextlib import suppress

from engine.adapters.load_generator import Address, LoadGenerator
from engine.load.profile import Profile
from tests.benchmarks.harness import Measurement, report

RATE = 3_000.0
SECONDS = 8.0
RUNS = 3


class Answer(asyncio.Protocol):
    """Answers every request with two bytes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """As many answers as there are requests."""
        count = data.count(b"\r\n\r\n")
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        self.transport.write(answer * count)  # type: ignore[attr-defined]  # a Transport


async def serve() -> None:
    """Serve until standard input ends; the port is printed first."""
    server = await asyncio.get_running_loop().create_server(Answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()


async def send(port: int, rate: float, seconds: float) -> tuple[float, int, float, float]:
    """Requests per second, errors, 99th percentile in ms, share of a core."""
    generator = LoadGenerator(
        profile=Profile(rate=rate, duration=seconds),
        addresses=[Address(name="server", host="127.0.0.1", port=port)],
        concurrency=64,
    )
    before = resource.getrusage(resource.RUSAGE_SELF)
    await generator.run()
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    found = generator.stats.all
    took = generator.age
    return (
        found.histogram.total / took,
        found.failed,
        found.histogram.percentile(0.99) * 1000,
        cpu / took,
    )


def main() -> int:
    """Measure and report."""
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.load", "serve"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert server.stdout is not None
    port = int(server.stdout.readline())
    with suppress(OSError, AttributeError):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    paced = sorted(asyncio.run(send(port, RATE, SECONDS)) for _ in range(RUNS))[RUNS // 2]
    open_ = sorted(asyncio.run(send(port, 0.0, 4.0)) for _ in range(RUNS))[RUNS // 2]
    server.communicate(timeout=10)
    rows = [
        Measurement(name="paced at 3,000/s: held", unit="req/s", ours=paced[0], target=RATE * 0.99),
        Measurement(name="errors", unit="", ours=paced[1], target=0, higher_is_better=False),
        Measurement(name="99th percentile", unit="ms", ours=paced[2]),
        Measurement(name="of one core", unit="share", ours=paced[3]),
        Measurement(name="as many as go", unit="req/s", ours=open_[0], target=RATE),
    ]
    return 0 if report("Load generator on one core", rows) else 1


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        asyncio.run(serve())
    else:
        raise SystemExit(main())
