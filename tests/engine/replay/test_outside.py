"""What somebody from outside does in a simulated container is in the journal of the run."""

import asyncio
from pathlib import Path

from engine.api.container import Container
from engine.api.meta import ObjectMeta
from engine.api.pod import Pod, PodSpec
from engine.cri.streams import StreamOptions
from engine.host import Host
from engine.hosting.options import HostOptions
from engine.replay.journal_file import read_journal
from engine.replay.replayer import Replayer
from engine.simulation.process import Output
from tests.builders import DEMO
from tui.embedded import EmbeddedSource

WAITING = "until test -f /tmp/go; do sleep 1; done; cat /tmp/go > /dev/termination-log; exit 7"


def test_a_file_written_by_exec_is_replayed(tmp_path: Path) -> None:
    """A program that waits for a file ends at the same revision in the replay."""

    async def run() -> tuple[int, str]:
        options = HostOptions(
            runtime="simulated",
            listen=("127.0.0.1", 0),
            kubeconfig=tmp_path / "kubeconfig",
            journal=tmp_path / "journal",
        )
        host = Host(options)
        try:
            await host.start(is_driven=False)
            source, loop = EmbeddedSource(host), host.cluster.loop
            main = Container(name="main", image=DEMO, command=("sh", "-c", WAITING))
            spec = PodSpec(containers=(main,), restart_policy="Never", node_name="node-1")
            await source.create(
                Pod(metadata=ObjectMeta(name="waiting", namespace="default"), spec=spec)
            )
            loop.run_for(20.0)
            runtime = host.cluster.nodes["node-1"].runtime
            (container,) = [
                container
                for sandbox in runtime.list_sandboxes()
                for container in sandbox.containers
                if sandbox.pod.name == "waiting"
            ]
            command = ("sh", "-c", "echo now > /tmp/go && chmod 600 /tmp/go && mkdir /tmp/more")
            said = Output(lambda _data: None)
            code = await runtime.exec(container.container_id, StreamOptions(command=command), said)
            loop.run_for(20.0)
            pod = await source.get(Pod, "waiting", "default")
            ended = pod.status.container_statuses[0].state.terminated
            assert ended is not None
            return code + ended.exit_code, ended.message
        finally:
            await host.stop()

    assert asyncio.run(run()) == (7, "now\n")

    verdict = Replayer(read_journal(tmp_path / "journal")).run()

    assert not verdict.problem
    assert verdict.is_same
