"""What simulated containers have inside: files, some shared with others, and what a shell finds."""

from collections.abc import Awaitable, Callable

import attrs

from engine.cri.commands import Volume
from engine.kernel.loop import Loop
from engine.simulation.console.desk import Machine
from engine.simulation.console.files import Files, files_of, write_content
from engine.simulation.containers import SimulatedContainer, SimulatedSandbox
from engine.simulation.images import split_reference
from engine.simulation.storage import SimulatedStorage, Tree

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SHELL_IMAGES = frozenset(("busybox", "alpine", "ubuntu", "debian", "bash"))


@attrs.define(eq=False, kw_only=True)
class Interiors:
    """The insides of one node's containers; what lies on the node itself outlives them."""

    loop: Loop
    storage: SimulatedStorage | None = None
    _host: dict[str, Tree] = attrs.field(factory=dict, init=False)

    def files(self, sandbox: SimulatedSandbox, container: SimulatedContainer) -> Files:
        """The container's file system; made when somebody first looks."""
        if container.files is None:
            trees = self._trees(sandbox, container)
            container.files = files_of(container.command, sandbox.command, sandbox.ip, trees)
        return container.files

    def machine(
        self,
        sandbox: SimulatedSandbox,
        container: SimulatedContainer,
        *,
        sleep: Callable[[float], Awaitable[None]],
        kill: Callable[[str], object],
        has_terminal: bool = False,
    ) -> Machine:
        """What a shell in the container finds around it."""
        command = container.command
        env = {"PATH": _PATH, "HOSTNAME": sandbox.command.hostname, "HOME": "/root"}
        if has_terminal:
            env["TERM"] = "xterm"
        security = command.security
        user, group = security.run_as_user or 0, security.run_as_group or 0
        others = [*security.supplemental_groups]
        if security.fs_group is not None:
            others.append(security.fs_group)
        return Machine(
            files=self.files(sandbox, container),
            env=env | dict(command.env),
            hostname=sandbox.command.hostname,
            processes=(" ".join(main_command(container)) or command.name,),
            working_dir=command.working_dir,
            now=lambda: self.loop.now,
            sleep=sleep,
            kill=kill,
            user=user,
            groups=tuple(dict.fromkeys([group, *sorted(others)])),
        )

    def refresh(self, sandbox: SimulatedSandbox, volume: Volume) -> None:
        """Show the new content of a volume in the containers that mount it, but by a path in it."""
        for container in sandbox.containers.values():
            command = container.command
            if volume.name not in {known.name for known in command.volumes}:
                continue
            volumes = tuple(
                volume if known.name == volume.name else known for known in command.volumes
            )
            container.command = attrs.evolve(command, volumes=volumes)
            if container.files is None or volume.files is None:
                continue
            for mount in command.mounts:
                if mount.volume == volume.name and not mount.sub_path:
                    path = mount.container_path.rstrip("/") or "/"
                    container.files.remove(path)
                    write_content(container.files, path, "", volume.files, group=volume.group)

    def _trees(self, sandbox: SimulatedSandbox, container: SimulatedContainer) -> dict[str, Tree]:
        """The volumes that the container shares with others: of the cluster, the node, its pod."""
        found = {}
        for volume in container.command.volumes:
            goes_with_pod = not volume.driver or "ephemeral" in volume.attributes
            if not goes_with_pod and self.storage is not None:
                handle = volume.attributes.get("handle", volume.name)
                found[volume.name] = self.storage.tree(handle, volume.size_limit)
            elif volume.host_path:
                found[volume.name] = self._host.setdefault(volume.host_path, Tree())
            elif volume.files is None:
                # On a disk nothing bounds it: the kubelet looks, and evicts.
                size = volume.size_limit if volume.medium else 0
                found[volume.name] = sandbox.trees.setdefault(volume.name, Tree(size))
        return found


def main_command(container: SimulatedContainer) -> tuple[str, ...]:
    """What process 1 is; empty if only its image knows."""
    command = container.command
    if command.command or command.args:
        return command.command + command.args
    repository = split_reference(command.image)[0]
    return ("sh",) if repository.rpartition("/")[2] in _SHELL_IMAGES else ()
