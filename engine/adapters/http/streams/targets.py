"""Which container a stream is for, and why it cannot be had. Pure.

Source: pkg/registry/core/pod/strategy.go (streamLocation, LogLocation), kubernetes v1.34.
"""

from collections.abc import Mapping

from engine.api.container import ContainerStatus
from engine.api.pod import Pod
from engine.apiserver.errors import BadRequestError, InternalError
from engine.cri.streams import StreamOptions

_TRUE = ("true", "1", "True", "TRUE", "t", "T")


def container_name(pod: Pod, name: str) -> str:
    """The container that is meant by *name*, or by no name.

    Raises:
        BadRequestError: the pod has no such container, or none is named and there are several.
    """
    spec = pod.spec
    known = (*spec.containers, *spec.init_containers, *spec.ephemeral_containers)
    if name:
        if not any(container.name == name for container in known):
            raise BadRequestError(f"container {name} is not valid for pod {pod.metadata.name}")
        return name
    names = [container.name for container in spec.containers]
    if len(names) == 1:
        return names[0]
    message = (
        f"a container name must be specified for pod {pod.metadata.name}, "
        f"choose one of: [{' '.join(names)}]"
    )
    if spec.init_containers:
        inits = " ".join(container.name for container in spec.init_containers)
        message += f" or one of the init containers: [{inits}]"
    raise BadRequestError(message)


def node_of(pod: Pod) -> str:
    """The node that the pod is on.

    Raises:
        BadRequestError: it is on none.
    """
    if not pod.spec.node_name:
        raise BadRequestError(f"pod {pod.metadata.name} does not have a host assigned")
    return pod.spec.node_name


def status_of(pod: Pod, name: str) -> ContainerStatus | None:
    """What the kubelet last said of the container."""
    status = pod.status
    for found in (
        *status.container_statuses,
        *status.init_container_statuses,
        *status.ephemeral_container_statuses,
    ):
        if found.name == name:
            return found
    return None


def running_container(pod: Pod, name: str) -> str:
    """The id of a container that runs, without the runtime's name.

    Raises:
        InternalError: it does not run.
    """
    status = status_of(pod, name)
    if status is None or status.state.running is None or not status.container_id:
        raise InternalError(f'unable to upgrade connection: container not found ("{name}")')
    return status.container_id.rpartition("://")[2]


def exec_options(query: Mapping[str, str], command: tuple[str, ...]) -> StreamOptions:
    """The options of an exec or, without *command*, of an attach.

    Raises:
        BadRequestError: no stream is asked for.
    """
    wanted = {name: query.get(name, "") in _TRUE for name in ("stdin", "stdout", "stderr", "tty")}
    if not (wanted["stdin"] or wanted["stdout"] or wanted["stderr"]):
        raise BadRequestError("you must specify at least 1 of stdin, stdout, stderr")
    if wanted["tty"]:
        wanted["stderr"] = False  # a terminal has one output
    return StreamOptions(command=command, **wanted)
