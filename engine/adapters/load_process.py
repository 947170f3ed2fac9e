"""Real traffic for a Load object, sent by a process of its own so that the cluster keeps its core.

It follows the service rules: who is no endpoint any more gets nothing more.
"""

import asyncio
import contextlib
import json
import sys
from collections.abc import Callable
from math import inf
from typing import Any

import attrs

from engine.api.load import Load
from engine.kernel.journal import Journal
from engine.load.profile import Profile
from engine.load.stats import LoadStats
from engine.proxy.rules import RuleSet

CHANNEL = "load"
FOLLOW_SECONDS = 0.25


@attrs.define(eq=False, repr=False)
class LoadProcesses:
    """All that were begun, by the uid of their Load; reports enter by uid, as plain data."""

    journal: Journal
    by_uid: "dict[str, LoadProcess]" = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self.journal.register(CHANNEL, self._take)

    def add(self, process: "LoadProcess") -> "LoadProcess":
        """Hand reports to *process* from now on."""
        self.by_uid[process.load.metadata.uid] = process
        return process

    async def close(self) -> None:
        """Wait until every process has gone."""
        for process in self.by_uid.values():
            await process.close()

    def _take(self, report: tuple[str, dict[str, Any]]) -> None:
        uid, status = report
        process = self.by_uid.get(uid)
        if process is not None:
            process.take(status)


@attrs.define(eq=False, repr=False)
class LoadProcess:
    """`engine.load.controller.Traffic` over the network; what it measures enters by the journal."""

    load: Load
    profile: Profile
    rules: Callable[[], RuleSet]
    names: Callable[[], dict[str, str]]
    journal: Journal
    _status: dict[str, Any] = attrs.field(init=False)
    _task: "asyncio.Task[None]" = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._status = LoadStats().as_status(age=0.0, phase="Running")
        self._task = asyncio.get_running_loop().create_task(self._run())

    def status(self) -> dict[str, Any]:
        """How it stood at the last report."""
        return self._status

    def stop(self) -> None:
        """Send nothing more."""
        self._task.cancel()

    async def close(self) -> None:
        """Wait until the process has gone."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    def take(self, status: dict[str, Any]) -> None:
        """A report has come; called in a step of the loop."""
        self._status = status

    def _addresses(self) -> list[list[Any]]:
        spec, namespace = self.load.spec, self.load.metadata.namespace
        service = self.rules().services.get(f"{namespace}/{spec.service}")
        names = self.names()
        for frontend, target in service.frontends.items() if service is not None else ():
            if frontend.port == spec.port and frontend.protocol == "tcp":
                return [
                    [names.get(found.ip, f"{found.ip}:{found.port}"), found.ip, found.port]
                    for found in target.backends
                ]
        return []

    async def _run(self) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "engine.adapters.load_generator",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        spec = self.load.spec
        profile = attrs.asdict(self.profile)
        if profile["duration"] == inf:
            profile["duration"] = 1e9
        known = self._addresses()
        task = {
            "profile": profile, "addresses": known, "path": spec.path,
            "host": f"{spec.service}.{self.load.metadata.namespace}.svc.cluster.local",
            "concurrency": spec.concurrency, "timeout": spec.timeout_seconds,
        }  # fmt: skip
        process.stdin.write(json.dumps(task).encode() + b"\n")
        following = asyncio.create_task(self._follow(process.stdin, known))
        try:
            while line := await process.stdout.readline():
                self.journal.post(CHANNEL, (self.load.metadata.uid, json.loads(line)))
        finally:
            following.cancel()
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            # Without this the pipe's transport outlives its loop.
            process.stdin.close()
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                await process.stdin.wait_closed()

    async def _follow(self, stdin: asyncio.StreamWriter, known: list[list[Any]]) -> None:
        while True:
            await asyncio.sleep(FOLLOW_SECONDS)
            found = self._addresses()
            if found != known:
                known = found
                stdin.write(json.dumps(found).encode() + b"\n")
