"""What a simulated runtime has beyond the contract: logs, load, an outage."""

from engine.config import NodeConfig
from engine.cri import commands, events
from engine.cri.commands import PodIdentity
from engine.cri.runtime import LogOptions
from engine.cri.streams import StreamOptions
from engine.kernel.loop import Loop
from engine.kernel.rng import RandomStreams
from engine.simulation.process import Output
from engine.simulation.runtime import SimulatedRuntime

POD = PodIdentity(namespace="default", name="web", uid="u-1")
DEMO = "localhost/kubarium/demo:v1"


def run_demo(image: str = DEMO, *command: str) -> tuple[Loop, SimulatedRuntime, str]:
    """A runtime with one running container, and the container's id."""
    loop = Loop(now=1000.0)
    seen: list[object] = []
    runtime = SimulatedRuntime(
        loop=loop,
        config=NodeConfig(name="node-1", pod_cidr="10.244.1.0/24"),
        random=RandomStreams(3)["runtime"],
        emit=seen.append,
    )
    runtime.submit(commands.CreateSandbox(pod=POD, hostname="web"))
    runtime.submit(commands.PullImage(pod=POD, image=image))
    loop.run_for(5.0)
    (sandbox,) = runtime.list_sandboxes()
    runtime.submit(
        commands.StartContainer(
            pod=POD,
            sandbox_id=sandbox.sandbox_id,
            name="main",
            attempt=0,
            image=image,
            command=command,
            resources=commands.Resources(memory_limit=64 * 2**20),
        )
    )
    loop.run_for(1.0)
    (started,) = [item for item in seen if isinstance(item, events.ContainerStarted)]
    return loop, runtime, started.container_id


async def test_log_begins_with_a_line_that_says_who_it_is() -> None:
    """The demo says its name, version and port, as the real one does."""
    _, runtime, container_id = run_demo()

    pieces = [piece async for piece in runtime.logs(container_id, LogOptions())]

    assert pieces == [b"web (v1) listens on port 8080\n"]


async def test_follower_gets_what_comes_until_the_end() -> None:
    """Following ends when the container does, and misses nothing."""
    script = ("sh", "-c", "echo one; sleep 5; echo two; sleep 5")
    loop, runtime, container_id = run_demo("busybox:1.36", *script)

    async def pause() -> None:
        loop.run_for(1.0)

    runtime.pause = pause

    pieces = [piece async for piece in runtime.logs(container_id, LogOptions(follow=True))]

    assert pieces == [b"one\n", b"two\n"]


async def test_a_command_of_a_hook_leaves_its_mark() -> None:
    """What it writes is there for who looks later, whatever process 1 does."""
    loop, runtime, container_id = run_demo("busybox:1.36", "sleep", "1000")
    look = StreamOptions(command=("cat", "/tmp/mark"))
    said = bytearray()
    before = await runtime.exec(container_id, look, Output(said.extend))
    said.clear()

    check = commands.ExecCheck(command=("sh", "-c", "echo yes > /tmp/mark"))
    runtime.submit(commands.RunCheck(token="t", container_id=container_id, check=check))
    loop.run_for(1.0)
    after = await runtime.exec(container_id, look, Output(said.extend))

    assert (before, after) == (1, 0)
    assert said == b"yes\n"


def test_usage_stays_within_limits() -> None:
    """What a container uses is something, and never more than it may."""
    _, runtime, _ = run_demo()

    (usage,) = runtime.usage()

    assert usage.cpu > 0
    assert 0 < usage.memory <= 64 * 2**20


def test_too_much_memory_ends_a_container() -> None:
    """Load beyond the limit is an OOM kill."""
    _, runtime, container_id = run_demo()

    runtime.set_load(container_id, memory=128 * 2**20)

    (sandbox,) = runtime.list_sandboxes()
    assert sandbox.containers[0].oom_killed


def test_commands_during_an_outage_are_done_after_it() -> None:
    """Nothing that was asked while the runtime was down is lost."""
    loop, runtime, container_id = run_demo()
    runtime.go_down()
    runtime.submit(commands.SignalContainer(container_id=container_id))
    loop.run_for(10.0)
    assert runtime.list_sandboxes()[0].containers[0].state == "running"

    runtime.come_up()
    loop.run_for(1.0)

    assert runtime.list_sandboxes()[0].containers[0].state == "exited"
