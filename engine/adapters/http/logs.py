"""The log subresource: which container's log, which part of it."""

from collections.abc import AsyncIterator, Callable

from engine.adapters.http.request import ApiRequest
from engine.adapters.http.streams.targets import container_name, status_of
from engine.api.codec import DecodeError, parse_time
from engine.api.pod import Pod
from engine.apiserver.errors import BadRequestError, Cause, InvalidError
from engine.cri.runtime import LogOptions

LogSource = Callable[[str, str, LogOptions], AsyncIterator[bytes]]
"""A container's log in pieces, by node, container ID (without the runtime's name) and options."""


def log_target(pod: Pod, request: ApiRequest) -> tuple[str, str]:
    """The node and container ID whose log is asked for.

    Raises:
        BadRequestError: the container is not named and there are several, is unknown, or has not
            been started.
    """
    name = container_name(pod, request.query.get("container", ""))
    status = status_of(pod, name)
    container_id = ""
    if status is not None:
        container_id = status.container_id
        if request.flag("previous"):
            ended = status.last_state.terminated
            if ended is None:
                raise BadRequestError(
                    f'previous terminated container "{name}" in pod "{pod.metadata.name}" not found'
                )
            container_id = ended.container_id
        elif status.state.terminated is not None:
            container_id = status.state.terminated.container_id or container_id
        elif status.state.waiting is not None and status.last_state.terminated is not None:
            container_id = status.last_state.terminated.container_id or container_id
    if not pod.spec.node_name:
        raise BadRequestError(f"pod {pod.metadata.name} does not have a host assigned")
    if not container_id:
        reason = "ContainerCreating"
        if status is not None and status.state.waiting is not None:
            reason = status.state.waiting.reason or reason
        raise BadRequestError(
            f'container "{name}" in pod "{pod.metadata.name}" is waiting to start: {reason}'
        )
    return pod.spec.node_name, container_id.rpartition("://")[2]


def log_options(request: ApiRequest, now: float) -> LogOptions:
    """The part of the log that is asked for.

    Raises:
        BadRequestError: a parameter is no number or no time.
        InvalidError: it is out of range, or two of them contradict each other.
    """
    since: float | None = None
    seconds = request.number("sinceSeconds")
    if seconds is not None and request.query.get("sinceTime", ""):
        message = "at most one of `sinceTime` or `sinceSeconds` may be specified"
        raise _invalid("sinceSeconds", message)
    for name, least in (("sinceSeconds", 1), ("tailLines", 0), ("limitBytes", 1)):
        number = request.number(name)
        if number is not None and number < least:
            wanted = "must be greater than or equal to 0" if not least else "must be greater than 0"
            raise _invalid(name, f"Invalid value: {number}: {wanted}")
    if seconds is not None:
        since = now - seconds
    elif text := request.query.get("sinceTime", ""):
        try:
            since = parse_time(text)
        except DecodeError as error:
            raise BadRequestError(str(error)) from error
    return LogOptions(
        follow=request.flag("follow"),
        tail=request.number("tailLines"),
        since=since,
        timestamps=request.flag("timestamps"),
        limit_bytes=request.number("limitBytes"),
    )


def _invalid(field: str, message: str) -> InvalidError:
    return InvalidError.of("PodLogOptions", "", [Cause(field=field, message=message)])
