"""What every container runtime promises, as functions over a harness. One body for all runtimes.

A harness submits commands and waits for events, in virtual or in wall time. `demo` is an image
that runs until stopped, ends on SIGTERM and serves HTTP on 8080; `shell` one that has ``sh``.
"""

from collections.abc import Callable
from typing import Protocol, TypeVar

import attrs

from engine.cri import commands, events
from engine.cri.commands import Command, PodIdentity
from engine.cri.runtime import Runtime

E = TypeVar("E")

POD = PodIdentity(namespace="default", name="web", uid="00000000-0000-4000-8000-000000000001")


class Harness(Protocol):
    """One node's runtime and what it has reported."""

    demo: str
    shell: str
    events: list[object]

    @property
    def runtime(self) -> Runtime:
        """The runtime under test."""
        ...

    def submit(self, command: Command) -> None:
        """Have a command done."""
        ...

    def wait_for(self, cls: type[E], *, seconds: float = 30.0) -> E:
        """The next event of that class since the last wait for one; fails after *seconds*."""
        ...

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        ...


def make_sandbox(harness: Harness, pod: PodIdentity = POD) -> events.SandboxReady:
    """A pod's sandbox."""
    harness.submit(commands.CreateSandbox(pod=pod, hostname=pod.name))
    return harness.wait_for(events.SandboxReady)


def start(
    harness: Harness,
    sandbox: events.SandboxReady,
    *command: str,
    name: str = "main",
    attempt: int = 0,
) -> events.ContainerStarted:
    """A running container: the demo, or a shell image with *command*."""
    image = harness.shell if command else harness.demo
    harness.submit(commands.PullImage(pod=sandbox.pod, image=image))
    harness.wait_for(events.ImagePulled)
    harness.submit(
        commands.StartContainer(
            pod=sandbox.pod,
            sandbox_id=sandbox.sandbox_id,
            name=name,
            attempt=attempt,
            image=image,
            command=command,
        )
    )
    return harness.wait_for(events.ContainerStarted)


def wait_until_it_listens(harness: Harness, started: events.ContainerStarted) -> None:
    """Ask the demo for its page until it is there: it then listens to signals too."""
    while True:
        harness.submit(
            commands.RunCheck(
                token="page",
                container_id=started.container_id,
                check=commands.HttpCheck(host="", port=8080),
                timeout=10.0,
            )
        )
        if harness.wait_for(events.CheckFinished).success:
            return
        harness.pass_time(0.1)


def a_sandbox_has_an_address_and_is_listed(harness: Harness) -> None:
    """What was made is there, with the address that was reported."""
    ready = make_sandbox(harness)

    listed = harness.runtime.list_sandboxes()

    assert ready.ip
    assert [(item.sandbox_id, item.ip) for item in listed] == [(ready.sandbox_id, ready.ip)]


def making_a_sandbox_twice_makes_one(harness: Harness) -> None:
    """A repeated command is answered as success and changes nothing."""
    first = make_sandbox(harness)

    second = make_sandbox(harness)

    assert second.sandbox_id == first.sandbox_id
    assert len(harness.runtime.list_sandboxes()) == 1


def removing_what_is_gone_is_answered(harness: Harness) -> None:
    """RemoveSandbox is answered even when there is nothing to remove."""
    ready = make_sandbox(harness)
    harness.submit(commands.RemoveSandbox(sandbox_id=ready.sandbox_id))
    harness.wait_for(events.SandboxRemoved)

    harness.submit(commands.RemoveSandbox(sandbox_id=ready.sandbox_id))

    assert harness.wait_for(events.SandboxRemoved).sandbox_id == ready.sandbox_id
    assert harness.runtime.list_sandboxes() == ()


def a_missing_image_is_refused(harness: Harness) -> None:
    """An image nobody has is answered with ErrImagePull and words."""
    harness.submit(commands.PullImage(pod=POD, image="localhost/kubarium/fail-nothing:v1"))

    failed = harness.wait_for(events.ImagePullFailed)

    assert failed.reason == "ErrImagePull"
    assert failed.message


def an_absent_image_is_not_fetched_with_never(harness: Harness) -> None:
    """Never means never."""
    image = "localhost/kubarium/fail-nothing:v1"
    harness.submit(commands.PullImage(pod=POD, image=image, never_pull=True))

    assert harness.wait_for(events.ImagePullFailed).reason in {"ErrImageNeverPull", "ErrImagePull"}


def an_exit_is_reported_once_with_its_code(harness: Harness) -> None:
    """A process that ends is reported after its start, once, with the code it ended with."""
    sandbox = make_sandbox(harness)
    started = start(harness, sandbox, "sh", "-c", "exit 3")

    exited = harness.wait_for(events.ContainerExited)
    harness.pass_time(1.0)

    assert (exited.container_id, exited.exit_code) == (started.container_id, 3)
    reported = [item for item in harness.events if isinstance(item, events.ContainerExited)]
    assert reported == [exited]


def stopping_lets_a_process_end_by_itself(harness: Harness) -> None:
    """A process that listens to SIGTERM ends with its own code within the grace period."""
    started = start(harness, make_sandbox(harness))
    wait_until_it_listens(harness, started)

    harness.submit(commands.StopContainer(container_id=started.container_id, grace=10.0))

    assert harness.wait_for(events.ContainerExited).exit_code in {0, 143}


def stopping_kills_what_does_not_listen(harness: Harness) -> None:
    """A process that ignores SIGTERM is killed when the grace period is over."""
    started = start(harness, make_sandbox(harness), "sleep", "300")

    harness.submit(commands.StopContainer(container_id=started.container_id, grace=1.0))

    assert harness.wait_for(events.ContainerExited).exit_code == 137


def a_kill_is_immediate(harness: Harness) -> None:
    """SIGKILL ends a container with 137."""
    started = start(harness, make_sandbox(harness))

    harness.submit(commands.SignalContainer(container_id=started.container_id))

    assert harness.wait_for(events.ContainerExited).exit_code == 137


def removing_a_sandbox_ends_its_containers(harness: Harness) -> None:
    """Nothing is left of a removed sandbox."""
    sandbox = make_sandbox(harness)
    start(harness, sandbox)

    harness.submit(commands.RemoveSandbox(sandbox_id=sandbox.sandbox_id))

    harness.wait_for(events.SandboxRemoved)
    assert harness.runtime.list_sandboxes() == ()
    assert harness.runtime.usage() == ()


def a_stopped_sandbox_keeps_what_its_containers_left(harness: Harness) -> None:
    """Its address is free, nothing more starts in it, and the end of its container is known."""
    sandbox = make_sandbox(harness)
    started = start(harness, sandbox, "sh", "-c", "exit 4", name="task")
    harness.wait_for(events.ContainerExited)

    harness.submit(commands.StopSandbox(sandbox_id=sandbox.sandbox_id))
    harness.wait_for(events.SandboxStopped)

    (listed,) = harness.runtime.list_sandboxes()
    (container,) = listed.containers
    assert (listed.is_stopped, listed.ip) == (True, "")
    assert (container.container_id, container.exit_code) == (started.container_id, 4)

    harness.submit(commands.RemoveSandbox(sandbox_id=sandbox.sandbox_id))
    harness.wait_for(events.SandboxRemoved)
    assert harness.runtime.list_sandboxes() == ()


def stopping_a_sandbox_twice_is_answered(harness: Harness) -> None:
    """A repeated command changes nothing, and what is gone counts as stopped."""
    sandbox = make_sandbox(harness)
    for _ in range(2):
        harness.submit(commands.StopSandbox(sandbox_id=sandbox.sandbox_id))
        harness.wait_for(events.SandboxStopped)
    harness.submit(commands.RemoveSandbox(sandbox_id=sandbox.sandbox_id))
    harness.wait_for(events.SandboxRemoved)

    harness.submit(commands.StopSandbox(sandbox_id=sandbox.sandbox_id))

    assert harness.wait_for(events.SandboxStopped).sandbox_id == sandbox.sandbox_id


def a_container_is_listed_with_its_state(harness: Harness) -> None:
    """A kubelet that starts can adopt what runs and see what has ended."""
    sandbox = make_sandbox(harness)
    running = start(harness, sandbox)
    start(harness, sandbox, "sh", "-c", "exit 4", name="task")
    harness.wait_for(events.ContainerExited)

    (listed,) = harness.runtime.list_sandboxes()

    states = {item.name: (item.state, item.exit_code) for item in listed.containers}
    assert states == {"main": ("running", 0), "task": ("exited", 4)}
    assert running.container_id in {item.container_id for item in listed.containers}


def a_check_is_answered_under_its_token(harness: Harness) -> None:
    """Each check has one answer, which says whether it succeeded."""
    started = start(harness, make_sandbox(harness), "sleep", "300")
    for token, program in (("yes", "true"), ("no", "false")):
        harness.submit(
            commands.RunCheck(
                token=token,
                container_id=started.container_id,
                check=commands.ExecCheck(command=(program,)),
                timeout=10.0,
            )
        )

    answers = [harness.wait_for(events.CheckFinished) for _ in range(2)]

    assert {item.token: item.success for item in answers} == {"yes": True, "no": False}


def pods_can_have_users_of_their_own(harness: Harness) -> None:
    """Root in such a pod is nobody on the host, and nobody in another such pod."""
    if not harness.runtime.info().has_user_namespaces:
        return
    firsts = []
    for number in (1, 2):
        pod = attrs.evolve(POD, name=f"own-{number}", uid=f"{number}{POD.uid[1:]}")
        command = commands.CreateSandbox(pod=pod, hostname=pod.name, has_own_users=True)
        harness.submit(command)
        started = start(harness, harness.wait_for(events.SandboxReady), "sleep", "300")
        look = commands.ExecCheck(command=("cat", "/proc/self/uid_map"))
        container = started.container_id
        harness.submit(
            commands.RunCheck(token=pod.name, container_id=container, check=look, timeout=10.0)
        )
        zero, first, count = harness.wait_for(events.CheckFinished).message.split()
        firsts.append(int(first))
        assert (zero, count) == ("0", "65536")

    assert len({first // 65_536 for first in firsts} - {0}) == 2


def a_power_cut_leaves_nothing(harness: Harness) -> None:
    """After a power cut the node is empty and usable, and has reported nothing."""
    start(harness, make_sandbox(harness))
    before = list(harness.events)

    harness.runtime.power_off()
    harness.pass_time(0.5)

    assert harness.runtime.list_sandboxes() == ()
    assert harness.events == before
    assert make_sandbox(harness).ip


def a_failed_containers_last_words_are_its_message(harness: Harness) -> None:
    """With *message_from_log* the end of its log stands for a message it did not leave."""
    sandbox = make_sandbox(harness)
    harness.submit(commands.PullImage(pod=sandbox.pod, image=harness.shell))
    harness.wait_for(events.ImagePulled)
    for name, code in (("bad", 3), ("good", 0)):
        harness.submit(
            commands.StartContainer(
                pod=sandbox.pod,
                sandbox_id=sandbox.sandbox_id,
                name=name,
                attempt=0,
                image=harness.shell,
                command=("sh", "-c", f"echo last words; sleep 0.2; exit {code}"),
                message_from_log=True,
            )
        )

    ends = [harness.wait_for(events.ContainerExited) for _ in range(2)]

    assert {end.name: end.message for end in ends} == {"bad": "last words\n", "good": ""}


def a_foreign_runtime_handler_is_refused(harness: Harness) -> None:
    """A handler that nobody has configured fails the sandbox in the runtimes' words."""
    harness.submit(commands.CreateSandbox(pod=POD, hostname=POD.name, runtime_handler="none-such"))

    failed = harness.wait_for(events.SandboxFailed)

    assert failed.message.endswith('no runtime for "none-such" is configured')
    assert harness.runtime.list_sandboxes() == ()


CONTRACT: tuple[Callable[[Harness], None], ...] = (
    a_sandbox_has_an_address_and_is_listed,
    making_a_sandbox_twice_makes_one,
    removing_what_is_gone_is_answered,
    a_missing_image_is_refused,
    an_absent_image_is_not_fetched_with_never,
    an_exit_is_reported_once_with_its_code,
    stopping_lets_a_process_end_by_itself,
    stopping_kills_what_does_not_listen,
    a_kill_is_immediate,
    removing_a_sandbox_ends_its_containers,
    a_stopped_sandbox_keeps_what_its_containers_left,
    stopping_a_sandbox_twice_is_answered,
    a_container_is_listed_with_its_state,
    a_check_is_answered_under_its_token,
    a_failed_containers_last_words_are_its_message,
    a_foreign_runtime_handler_is_refused,
    pods_can_have_users_of_their_own,
    a_power_cut_leaves_nothing,
)
"""Every promise, to be run against every runtime."""
