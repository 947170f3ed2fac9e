"""What Podman's own files tell of a container that has just been started.

Reading them takes a hundredth of what Podman takes to say the same.
"""

import json
import re
from pathlib import Path

import attrs

from engine.adapters.podman.files import read
from engine.adapters.podman.records import Container, Owner, Sandbox
from engine.adapters.podman.specs import log_file, message_file
from engine.cri.commands import StartContainer
from engine.cri.status import ProcessUser

_USER = re.compile(rb'"user":\s*(\{[^{}]*\})')  # a tenth of what reading all of it takes


@attrs.frozen
class UserData:
    """Where the service keeps files of each container: *kept* those that stay, *passing* others."""

    kept: Path
    passing: Path

    @classmethod
    def of(cls, state: Path, driver: str) -> "UserData":
        """Where the service with its files in *state* keeps them."""
        name = f"{driver}-containers"
        return cls(state / "storage" / name, state / "run" / name)

    def pid(self, container_id: str) -> int:
        """The first process of a running container.

        Raises:
            OSError: nothing is known of it there.
            ValueError: its file is not whole.
        """
        return int(read(f"{self.passing}/{container_id}/userdata/pidfile"))

    def user(self, container_id: str) -> ProcessUser | None:
        """As whom it was started; None if its specification does not tell."""
        return started_as(self.kept / container_id / "userdata" / "config.json")

    def control(self, container_id: str) -> Path:
        """The pipe on which conmon takes orders."""
        return self.kept / container_id / "userdata" / "ctl"


def started_as(specification: Path) -> ProcessUser | None:
    """As whom the process of an OCI *specification* is started; None if the file does not tell."""
    try:
        found = _USER.search(specification.read_bytes())
    except OSError:
        return None
    if found is None:
        return None
    user = json.loads(found[1])
    groups = tuple(user.get("additionalGids") or ())
    return ProcessUser(uid=user["uid"], gid=user["gid"], groups=groups)


def started(
    userdata: UserData,
    command: StartContainer,
    sandbox: Sandbox,
    owner: Owner,
    *,
    container_id: str,
    image_id: str,
    stop_signal: str,
) -> Container:
    """The container of *command*, which runs.

    Raises:
        OSError, ValueError: the files do not tell; Podman has to be asked.
    """
    return Container(
        id=container_id,
        sandbox=sandbox,
        name=command.name,
        attempt=command.attempt,
        image=command.image,
        pid=userdata.pid(container_id),
        log=log_file(command, owner),
        control=userdata.control(container_id),
        message_file=message_file(command, owner),
        message_from_log=command.message_from_log,
        image_id=image_id,
        stop_signal=stop_signal,
        user=userdata.user(container_id),
    )
