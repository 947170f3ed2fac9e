"""The small files of a pod: what its containers see as /etc/hosts and the like, and their messages.

Each is written and removed by its name, without a look at the disk before.
"""

from pathlib import Path

from engine.adapters.podman import specs
from engine.adapters.podman.files import make_folder, remove_folder, write
from engine.adapters.podman.records import Owner, Sandbox
from engine.cri import commands as cri


def make(
    command: cri.CreateSandbox, owner: Owner, *, ip: str, host_resolv: str, host_hosts: str
) -> None:
    """Make the folders of a pod with its `specs.etc_files`.

    Raises:
        OSError: the disk refuses.
    """
    folder = owner.small_pod_folder(command.pod)
    for place in (folder, owner.pod_folder(command.pod)):
        make_folder(str(place))
    make_folder(f"{folder}/messages")
    make_folder(f"{owner.pod_folder(command.pod)}/logs")
    etc = specs.etc_files(command, ip=ip, host_resolv=host_resolv, host_hosts=host_hosts)
    for name, content in etc.items():
        write(f"{folder}/{name}", content.encode())


def remove(sandbox: Sandbox, folder: Path) -> None:
    """Remove all that, with the logs of the pod in *folder* and the termination messages."""
    containers = sandbox.containers.values()
    logs = f"{folder}/logs"
    remove_folder(folder, [*(one.log for one in containers if one.log is not None), logs])
    messages = f"{sandbox.folder}/messages"
    known = [one.message_file for one in containers if one.message_file is not None]
    etc = [f"{sandbox.folder}/{name}" for name in specs.ETC_FILES]
    remove_folder(sandbox.folder, [*known, messages, *etc])
