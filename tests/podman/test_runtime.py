"""The runtime contract against real containers, with both ways of making a sandbox."""

import asyncio
import subprocess
from pathlib import Path

import pytest

from engine.adapters.podman.pod_cgroup import PARENT, PodCgroups
from engine.adapters.podman.volumes import PodVolumes
from engine.cri import commands as cri
from engine.cri import events
from engine.cri.runtime import LogOptions, RuntimeFailure
from tests.podman.driver import DEMO, Driver

pytestmark = [pytest.mark.podman, pytest.mark.asyncio(loop_scope="module")]


async def test_pod_answers_on_the_address_it_was_given(node: Driver) -> None:
    """The address in SandboxReady is where the container's port can be reached from the host."""
    sandbox, container = await node.run()

    answer = await node.http(container.container_id, "/")

    assert sandbox.ip
    assert answer.success, answer
    assert sandbox.pod.name in answer.message


async def test_containers_of_a_pod_share_the_network(node: Driver) -> None:
    """One container reaches another one of its pod on localhost."""
    sandbox, server = await node.run()
    await node.http(server.container_id, "/")
    client = await node.start(sandbox.pod, sandbox.sandbox_id, "client", command=("sleep", "100"))

    command = ("wget", "-q", "-O", "-", "http://127.0.0.1:8080/healthz")
    found = await node.check(client.container_id, cri.ExecCheck(command=command))

    assert found.message == "ok\n"


async def test_pods_of_two_nodes_reach_each_other(node: Driver) -> None:
    """Pod addresses are routed between nodes, without address translation."""
    other = Driver(node.host, f"{node.node}-peer", node.index + 100)
    sandbox, server = await node.run()
    await node.http(server.container_id, "/")
    _, client = await other.run(command=("sleep", "100"))

    command = ("wget", "-q", "-O", "-", f"http://{sandbox.ip}:8080/healthz")
    found = await other.check(client.container_id, cri.ExecCheck(command=command))
    other.runtime.power_off()
    await other.runtime.settle()

    assert found.message == "ok\n"


async def test_commands_may_be_repeated(node: Driver) -> None:
    """Making what exists, and removing what is gone, is answered as success."""
    pod = node.pod()
    first = await node.sandbox(pod)
    again = await node.sandbox(pod)
    started = await node.start(pod, first.sandbox_id)
    started_again = await node.start(pod, first.sandbox_id)

    node.runtime.submit(cri.RemoveSandbox(sandbox_id=first.sandbox_id))
    await node.expect(events.ContainerExited)
    await node.expect(events.SandboxRemoved)
    node.runtime.submit(cri.RemoveSandbox(sandbox_id=first.sandbox_id))
    gone = await node.expect(events.SandboxRemoved)

    assert again == first
    assert started_again == started
    assert gone.sandbox_id == first.sandbox_id


async def test_graceful_stop_lets_the_container_end_itself(node: Driver) -> None:
    """SIGTERM comes first; a container that heeds it exits with its own code."""
    _, container = await node.run(env=(("DRAIN_SECONDS", "0.05"),))
    await node.http(container.container_id, "/")

    node.runtime.submit(cri.StopContainer(container_id=container.container_id, grace=20))
    ended = await node.expect(events.ContainerExited)

    assert (ended.exit_code, ended.signal) == (0, 0)


async def test_stop_kills_when_the_grace_is_over(node: Driver) -> None:
    """A container that ignores SIGTERM is killed after its grace."""
    _, container = await node.run(
        command=("sh", "-c", "trap '' TERM; while true; do sleep 1; done")
    )

    node.runtime.submit(cri.StopContainer(container_id=container.container_id, grace=0.2))
    ended = await node.expect(events.ContainerExited)

    assert (ended.exit_code, ended.signal) == (137, 9)


async def test_exit_is_reported_with_its_code_and_message(node: Driver) -> None:
    """What the container leaves in its termination message file comes with its exit."""
    command = ("sh", "-c", "echo -n gave up > /dev/termination-log; exit 3")

    _, container = await node.run(command=command)
    ended = await node.expect(events.ContainerExited)

    assert ended.container_id == container.container_id
    assert (ended.exit_code, ended.message, ended.oom_killed) == (3, "gave up", False)


async def test_out_of_memory_is_told_from_other_kills(node: Driver) -> None:
    """A container over its memory limit is reported as OOM killed; a killed one is not."""
    limits = cri.Resources(memory_limit=64 << 20)
    _, greedy = await node.run("greedy", resources=limits)
    await node.http(greedy.container_id, "/")
    hold = cri.HttpCheck(host="", port=8080, path="/memory?bytes=300000000")
    node.runtime.submit(cri.RunCheck(token="x", container_id=greedy.container_id, check=hold))
    reports = [await node.event() for _ in range(2)]
    oom = next(report for report in reports if isinstance(report, events.ContainerExited))

    _, victim = await node.run("victim", resources=limits)
    node.runtime.submit(cri.SignalContainer(container_id=victim.container_id))
    killed = await node.expect(events.ContainerExited)

    assert (oom.exit_code, oom.oom_killed) == (137, True)
    assert (killed.exit_code, killed.oom_killed) == (137, False)


async def test_start_failures_name_their_reason(node: Driver) -> None:
    """A missing program, image or host path each fail the start with kubelet's reason."""
    pod = node.pod()
    sandbox = await node.sandbox(pod)
    start = cri.StartContainer(
        pod=pod, sandbox_id=sandbox.sandbox_id, name="c", attempt=0, image=DEMO
    )
    missing = cri.Volume(name="v", host_path="/no/such/place", host_path_type="Directory")
    mount = cri.Mount(volume="v", container_path="/v")
    commands = [
        cri.StartContainer(pod=pod, sandbox_id=sandbox.sandbox_id, name="a", attempt=0, image=DEMO,
                           command=("/no/such/program",)),
        cri.StartContainer(pod=pod, sandbox_id=sandbox.sandbox_id, name="b", attempt=0,
                           image="localhost/no/such:image"),
        cri.StartContainer(pod=pod, sandbox_id=sandbox.sandbox_id, name="c", attempt=0, image=DEMO,
                           volumes=(missing,), mounts=(mount,)),
    ]  # fmt: skip
    reasons = []
    for command in commands:
        node.runtime.submit(command)
        reasons.append((await node.expect(events.ContainerStartFailed)).reason)

    node.runtime.submit(start)
    await node.expect(events.ContainerStarted)

    assert reasons == ["RunContainerError", "CreateContainerError", "FailedMount"]


@pytest.mark.parametrize(
    ("image", "never", "reason"),
    [
        pytest.param("localhost/kubarium/none:v1", False, "ErrImagePull", id="not there"),
        pytest.param("localhost/kubarium/none:v1", True, "ErrImageNeverPull", id="never"),
        pytest.param("Not An Image", False, "InvalidImageName", id="not a name"),
    ],
)
async def test_absent_images_say_why(node: Driver, image: str, never: bool, reason: str) -> None:
    """An image that is not to be had is answered with the reason kubectl shows."""
    node.runtime.submit(cri.PullImage(pod=node.pod(), image=image, never_pull=never))

    failed = await node.expect(events.ImagePullFailed)

    assert failed.reason == reason


async def test_content_volumes_change_under_a_running_container(node: Driver) -> None:
    """UpdateVolume swaps all files of a ConfigMap volume; the container sees the new ones."""
    pod = node.pod()
    sandbox = await node.sandbox(pod)
    volume = cri.Volume(name="config", files=(cri.FileContent(path="a", data=b"one"),))
    mount = cri.Mount(volume="config", container_path="/etc/config")
    container = await node.start(pod, sandbox.sandbox_id, volumes=(volume,), mounts=(mount,))
    before = await node.http(container.container_id, "/file?path=/etc/config/a")

    fresh = cri.Volume(name="config", files=(cri.FileContent(path="b", data=b"two"),))
    node.runtime.submit(cri.UpdateVolume(pod=pod, volume=fresh))
    await node.sandbox(pod)  # answered after the update, being of the same pod
    after = await node.http(container.container_id, "/file?path=/etc/config/b")
    old = await node.http(container.container_id, "/file?path=/etc/config/a")

    assert (before.message, after.message, old.success) == ("one", "two", False)


@pytest.mark.parametrize("medium", ["", "Memory"])
async def test_empty_directory_is_shared_by_the_pod_and_ends_with_it(
    node: Driver, medium: str
) -> None:
    """What one container writes the other reads; nothing is left on the host afterwards."""
    pod = node.pod()
    sandbox = await node.sandbox(pod)
    settings = {
        "volumes": (cri.Volume(name="scratch", medium=medium),),
        "mounts": (cri.Mount(volume="scratch", container_path="/scratch"),),
        "command": ("sleep", "100"),
    }
    writer = await node.start(pod, sandbox.sandbox_id, "writer", **settings)
    reader = await node.start(pod, sandbox.sandbox_id, "reader", **settings)
    await node.check(writer.container_id, cri.ExecCheck(command=("sh", "-c", "echo hi>/scratch/f")))
    found = await node.check(reader.container_id, cri.ExecCheck(command=("cat", "/scratch/f")))
    folder = node.runtime.machine.owner.pod_folder(pod)

    node.runtime.submit(cri.RemoveSandbox(sandbox_id=sandbox.sandbox_id))
    for kind in (events.ContainerExited, events.ContainerExited, events.SandboxRemoved):
        await node.expect(kind)

    assert found.message == "hi\n"
    assert not folder.exists()
    assert not PodVolumes.of(node.runtime.machine.owner, pod).shm.exists()


def there(*patterns: str | Path) -> list[Path]:
    """The paths that there are."""
    return [path for one in patterns for path in Path("/").glob(str(one).removeprefix("/"))]


async def test_a_stopped_sandbox_holds_nothing_of_the_host(node: Driver) -> None:
    """No process, interface, cgroup, volume or address is left, but its container's log."""
    pod = node.pod("task")
    sandbox = await node.sandbox(pod, resources=cri.Resources(cpu_request=50))
    secret = cri.Volume(
        name="s", files=(cri.FileContent(path="key", data=b"secret"),), is_secret=True
    )
    volumes = (secret, cri.Volume(name="e"), cri.Volume(name="m", medium="Memory"))
    mounts = tuple(cri.Mount(volume=one.name, container_path=f"/{one.name}") for one in volumes)
    command = ("sh", "-c", "echo done > /e/file; cat /e/file")
    started = await node.start(
        pod, sandbox.sandbox_id, volumes=volumes, mounts=mounts, command=command
    )
    await node.expect(events.ContainerExited)
    machine = node.runtime.machine
    pause = machine.sandboxes[sandbox.sandbox_id].pause
    places = PodVolumes.of(machine.owner, pod)

    node.runtime.submit(cri.StopSandbox(sandbox_id=sandbox.sandbox_id))
    await node.expect(events.SandboxStopped)
    await PodCgroups().finish([sandbox.sandbox_id])
    log = [piece async for piece in node.runtime.logs(started.container_id, LogOptions(tail=1))]

    cgroups = f"/sys/fs/cgroup/**/{PARENT}/{sandbox.sandbox_id}"
    folders = (f"/proc/{pause}", places.folder, places.shm, places.mounts_folder)
    assert there(cgroups, *folders) == []
    assert b"".join(log) == b"done\n"
    node.runtime.submit(cri.RemoveSandbox(sandbox_id=sandbox.sandbox_id))
    await node.expect(events.SandboxRemoved)
    assert there(machine.owner.pod_folder(pod)) == []


async def test_every_user_may_use_the_folder_of_a_volume(node: Driver) -> None:
    """Empty directories are open to all, those in memory and secrets sticky; groups own theirs."""
    pod = node.pod()
    sandbox = await node.sandbox(pod)
    files = (cri.FileContent(path="key", data=b"value"),)
    volumes = (
        cri.Volume(name="empty"),
        cri.Volume(name="memory", medium="Memory"),
        cri.Volume(name="map", files=files),
        cri.Volume(name="secret", files=files, is_secret=True),
        cri.Volume(name="of-group", group=2000),
        cri.Volume(name="map-of-group", files=files, group=2000),
    )
    folders = [f"/v/{volume.name}" for volume in volumes]
    started = await node.start(
        pod,
        sandbox.sandbox_id,
        volumes=volumes,
        mounts=tuple(
            cri.Mount(volume=volume.name, container_path=folder)
            for volume, folder in zip(volumes, folders, strict=True)
        ),
        security=cri.Security(run_as_user=1000),
        command=("sleep", "300"),
    )
    look = f"touch /v/empty/f /v/memory/f && stat -c '%a %g' {' '.join(folders)}"

    found = await node.check(started.container_id, cri.ExecCheck(command=("sh", "-c", look)))

    modes = ["777 0", "1777 0", "777 0", "1777 0", "2777 2000", "2777 2000"]
    assert found.message.splitlines() == modes


async def test_what_is_mounted_below_can_be_read_only_too(node: Driver, tmp_path: Path) -> None:
    """With recursiveReadOnly; and nothing of it stays mounted."""
    below = tmp_path / "below"
    below.mkdir()
    await asyncio.to_thread(
        subprocess.run, ["mount", "-t", "tmpfs", "none", str(below)], check=True
    )
    try:
        pod = node.pod()
        sandbox = await node.sandbox(pod)
        mount = cri.Mount(volume="v", container_path="/h", read_only=True, is_recursive=True)
        volumes = (cri.Volume(name="v", host_path=str(tmp_path)),)
        started = await node.start(
            pod, sandbox.sandbox_id, mounts=(mount,), volumes=volumes, command=("sleep", "300")
        )
        look = cri.ExecCheck(command=("grep", " /h/below tmpfs ro", "/proc/mounts"))
        shown = await node.check(started.container_id, look)
        touch = cri.ExecCheck(command=("touch", "/h/below/file"))
        written = await node.check(started.container_id, touch)
        node.runtime.submit(cri.RemoveSandbox(sandbox_id=sandbox.sandbox_id))
        while not isinstance(await node.event(), events.SandboxRemoved):
            pass
        left = [
            volume.name for volume in PodVolumes.of(node.runtime.owner, pod).mounts_folder.glob("*")
        ]
    finally:
        await asyncio.to_thread(subprocess.run, ["umount", "-l", str(below)], check=True)

    assert (shown.success, written.success, left) == (True, False, [])


async def test_checks_tell_success_from_failure(node: Driver) -> None:
    """HTTP by status, TCP by connecting, commands by exit code; each says why it failed."""
    _, container = await node.run()
    await node.http(container.container_id, "/fail?probe=readiness")
    checks: list[cri.HttpCheck | cri.TcpCheck | cri.ExecCheck] = [
        cri.HttpCheck(host="", port=8080, path="/healthz"),
        cri.HttpCheck(host="", port=8080, path="/readyz"),
        cri.TcpCheck(host="", port=8080),
        cri.TcpCheck(host="", port=8081),
        cri.ExecCheck(command=("sh", "-c", "test $KUBARIUM_DEMO_VERSION = v1")),
        cri.ExecCheck(command=("sh", "-c", "echo no; exit 4")),
        cri.ExecCheck(command=("/no/such/program",)),
    ]

    found = [await node.check(container.container_id, check) for check in checks]

    assert [one.success for one in found] == [True, False, True, False, True, False, False]
    assert "500" in found[1].message
    assert found[5].message == "no\n"


async def test_commands_can_run_through_podman(node: Driver) -> None:
    """Where we may not enter namespaces, Podman runs the command; code and output are the same."""
    _, container = await node.run()

    code, output = await node.host.client.exec(
        container.container_id, ["sh", "-c", "echo no; exit 4"]
    )

    assert (code, output) == (4, b"no\n")


async def test_check_that_takes_too_long_fails(node: Driver) -> None:
    """A check without an answer in its time is a failed check."""
    _, container = await node.run()
    await node.http(container.container_id, "/")

    slow = cri.HttpCheck(host="", port=8080, path="/slow?seconds=30")
    by_http = await node.check(container.container_id, slow, seconds=0.3)
    endless = cri.ExecCheck(command=("sleep", "30"))
    by_exec = await node.check(container.container_id, endless, seconds=0.3)

    assert not by_http.success
    assert not by_exec.success
    assert "0.3" in by_exec.message


async def test_log_is_read_followed_and_cut(node: Driver) -> None:
    """The whole log, its tail, and what is still to come until the container ends."""
    _, container = await node.run(
        command=("sh", "-c", "for i in 1 2 3; do echo line $i; done; sleep 0.3; echo last")
    )
    following = LogOptions(follow=True)

    followed = b"".join(
        [piece async for piece in node.runtime.logs(container.container_id, following)]
    )
    await node.expect(events.ContainerExited)
    tail = node.runtime.logs(container.container_id, LogOptions(tail=2))
    tailed = b"".join([piece async for piece in tail])

    assert followed == b"line 1\nline 2\nline 3\nlast\n"
    assert tailed == b"line 3\nlast\n"


async def test_log_of_an_unknown_container_is_refused(node: Driver) -> None:
    """There is no log without a container."""
    with pytest.raises(RuntimeFailure):
        async for _ in node.runtime.logs("nobody", LogOptions()):
            pass


async def test_power_off_kills_in_silence_and_leaves_an_empty_node(node: Driver) -> None:
    """After a power cut nothing is reported, nothing runs, and the same pod can come back."""
    pod = node.pod()
    before = await node.sandbox(pod)
    container = await node.start(pod, before.sandbox_id)
    await node.http(container.container_id, "/")
    heard = len(node.seen)

    node.runtime.power_off()
    listed = node.runtime.list_sandboxes()
    after = await node.sandbox(pod)
    again = await node.start(pod, after.sandbox_id)
    answer = await node.http(again.container_id, "/")
    await node.runtime.settle()

    assert listed == ()
    assert answer.success
    assert not any(isinstance(e, events.ContainerExited) for e in node.seen[heard:])


async def test_host_network_and_shared_processes(node: Driver) -> None:
    """A host-network pod has no address of its own; containers can share a process namespace."""
    plain = node.pod()
    on_host = await node.sandbox(plain, host_network=True)
    served = await node.start(plain, on_host.sandbox_id, env=(("PORT", "18999"),))
    answer = await node.http(served.container_id, "/healthz", port=18999)

    pod = node.pod()
    shared = await node.sandbox(pod, share_process_namespace=True)
    await node.start(pod, shared.sandbox_id, "one", command=("sleep", "12321"))
    two = await node.start(pod, shared.sandbox_id, "two", command=("sleep", "100"))
    processes = await node.check(two.container_id, cri.ExecCheck(command=("ps",)))

    assert on_host.ip == ""
    assert answer.success
    assert "12321" in processes.message


async def test_host_port_leads_to_the_pod(node: Driver) -> None:
    """A published port answers on the node's address while the pod is there; it can be taken."""
    ports = (cri.PortMapping(container_port=8080, host_port=18997, host_ip="127.0.0.1"),)
    pod, rival = node.pod(), node.pod("rival")
    sandbox = await node.sandbox(pod, ports=ports)
    container = await node.start(pod, sandbox.sandbox_id)
    await node.http(container.container_id, "/")
    through_port = cri.HttpCheck(host="127.0.0.1", port=18997)

    answer = await node.check(container.container_id, through_port)
    node.runtime.submit(cri.CreateSandbox(pod=rival, hostname="rival", ports=ports))
    refused = await node.expect(events.SandboxFailed)
    node.runtime.submit(cri.RemoveSandbox(sandbox_id=sandbox.sandbox_id))
    await node.expect(events.ContainerExited)
    await node.expect(events.SandboxRemoved)
    again = await node.sandbox(rival, ports=ports)

    assert pod.name in answer.message
    assert "hostPort 18997" in refused.message
    assert again.ip


async def test_usage_is_measured(node: Driver) -> None:
    """Memory is what the container uses now; CPU what it used since the last look."""
    _, container = await node.run()
    await node.http(container.container_id, "/")

    node.runtime.measure()
    (usage,) = node.runtime.usage()

    assert usage.name == "web"
    assert 1 << 20 < usage.memory < 100 << 20


async def test_pods_get_their_hosts_and_resolver(node: Driver) -> None:
    """/etc/hosts, /etc/resolv.conf and the host name are what the sandbox was asked for."""
    pod = node.pod()
    sandbox = await node.sandbox(
        pod,
        dns_servers=("10.96.0.10",),
        dns_searches=("default.svc.cluster.local",),
        dns_options=("ndots:5",),
        hosts=(cri.HostsEntry(ip="192.0.2.7", hostnames=("printer",)),),
    )
    container = await node.start(pod, sandbox.sandbox_id, command=("sleep", "100"))
    command = ("sh", "-c", "cat /etc/resolv.conf /etc/hosts /etc/hostname; hostname")

    found = (await node.check(container.container_id, cri.ExecCheck(command=command))).message

    assert "search default.svc.cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n" in found
    assert "192.0.2.7\tprinter" in found
    assert f"{sandbox.ip}\t{pod.name}" in found
    assert found.endswith(f"{pod.name}\n{pod.name}\n")


async def test_podman_shows_what_runs(node: Driver) -> None:
    """The containers are ordinary Podman containers, seen by `podman ps` on our service."""
    sandbox, _ = await node.run()
    command = ["podman", "--url", node.host.service.url, "ps", "--format", "{{.Names}} {{.Status}}"]

    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    listed, _ = await process.communicate()

    assert f".web.0.{sandbox.pod.name}.default." in listed.decode()
