"""How a simulated container behaves: data, from its image, its command and annotations.

Annotations of the pod, ``simulation.kubarium.dev/NAME``, or ``NAME.CONTAINER`` for one container:

* ``start-seconds``: how long starting takes;
* ``start-fails``: why the container, once made, cannot be run;
* ``exit-after``, ``exit-code``, ``exit-message``: the process ends by itself;
* ``crash-restarts``: it stops ending by itself after so many restarts;
* ``ready-after``: every check fails for so many seconds after the start;
* ``check-fails``: checks of this path, port or command fail (``*`` for all), from
  ``check-fails-after`` to ``check-fails-until`` seconds after the start;
* ``stop-seconds``: how long it takes to end after SIGTERM (``never``: until it is killed);
* ``cpu``, ``memory``: what it uses, as quantities.
"""

from collections.abc import Mapping
from math import inf
from typing import Any

import attrs

from engine.api.quantity import parse_int, parse_millis
from engine.cri.commands import ExecCheck, GrpcCheck, HttpCheck, RunCheck, StartContainer
from engine.simulation.images import DEMO, split_reference
from engine.simulation.modelled import is_known, is_modelled
from engine.simulation.shell import Course, course_of

PREFIX = "simulation.kubarium.dev/"
BROKEN_DEMO = "v3"
DEMO_PORT = 8080
DEMO_DRAIN_SECONDS = 1.5
_DEMO_PATHS = frozenset(
    [
        "/",
        "/info",
        "/healthz",
        "/readyz",
        "/slow",
        "/fail",
        "/cpu",
        "/work",
        "/memory",
        "/exit",
        "/env",
        "/file",
    ]
)
OOM_SECONDS = 2.0


@attrs.frozen(kw_only=True)
class Behavior:
    """What a container does by itself and how it answers.

    Attributes:
        exit_after: seconds until it ends by itself; None for never.
        stop_seconds: seconds from SIGTERM to the end; infinite if it does not listen.
        check_fails: the path, port or command whose checks fail; ``*`` for all, empty for none.
        cpu: millicores it uses; None for a model's guess.
        memory: bytes it uses; None for a model's guess.
        is_modelled: the shell of the simulation runs its command.
        listens: something answers at its ports: its command may be a server.
        output: (seconds since the start, line).
    """

    start_seconds: float = 0.1
    start_fails: str = ""
    exit_after: float | None = None
    exit_code: int = 0
    exit_message: str = ""
    oom_killed: bool = False
    stop_seconds: float = 0.1
    stop_code: int = 0
    ready_after: float = 0.0
    check_fails: str = ""
    check_fails_after: float = 0.0
    check_fails_until: float = inf
    is_demo: bool = False
    is_modelled: bool = False
    listens: bool = True
    cpu: int | None = None
    memory: int | None = None
    output: tuple[tuple[float, str], ...] = ()


@attrs.frozen(kw_only=True)
class Outcome:
    """What a check finds, and how long it takes to; *is_unknown*: it could not be made."""

    success: bool
    message: str = ""
    seconds: float = 0.0
    is_unknown: bool = False


def behavior_of(command: StartContainer, annotations: Mapping[str, str]) -> Behavior:
    """How the container of *command* behaves in a pod with *annotations*.

    A setting that cannot be read is as if it were not there.
    """
    repository, tag = split_reference(command.image)
    is_demo = repository == DEMO and not command.command
    version = tag if is_demo else ""
    found = Behavior(
        is_demo=is_demo,
        check_fails="*" if version == BROKEN_DEMO else "",
        stop_seconds=DEMO_DRAIN_SECONDS if is_demo else 0.1,
        output=((0.0, _startup_line(command, version)),),
    )
    argv = command.command + command.args if command.command else command.args
    course = course_of(argv)
    if course is None and repository.endswith("hello-world"):
        course = Course(seconds=0.1, output=((0.0, "Hello from Docker!"),))
    if course is not None:
        # Process 1 without a handler of its own ignores SIGTERM.
        found = attrs.evolve(
            found,
            exit_after=course.seconds,
            exit_code=course.exit_code,
            stop_seconds=inf,
            output=course.output,
            listens=not is_known(argv),
        )
    if is_modelled(command):
        found = attrs.evolve(
            found,
            exit_after=None,
            exit_code=0,
            stop_seconds=inf,
            output=(),
            is_modelled=True,
            listens=False,
        )
    return _with_oom(_annotated(found, command, annotations), command)


def check_outcome(  # noqa: C901 - one case a kind of check
    command: RunCheck, behavior: Behavior, *, age: float
) -> Outcome:
    """What *command* finds in a container that has run for *age* seconds."""
    check, took = command.check, 0.0
    if isinstance(check, ExecCheck):
        what = " ".join(check.command)
        known = _outcome_of(check, command.timeout)
        if not known.success:
            return known
        took = known.seconds
        refusal = f"{check.command[0] if check.command else ''}: failed"
    elif not behavior.listens:
        return _refused(check.port)
    elif isinstance(check, HttpCheck):
        what = check.path.partition("?")[0] or "/"
        answer = _demo_answer(check) if behavior.is_demo else None
        if answer is not None:
            return answer
        if check.any_status:
            return Outcome(success=True)
        refusal = "HTTP probe failed with statuscode: 500"
    elif isinstance(check, GrpcCheck):
        what = check.service or str(check.port)
        if behavior.is_demo:
            return Outcome(success=False, message="this server does not speak HTTP/2")
        refusal = 'service unhealthy (responded with "NOT_SERVING")'
    else:
        what = str(check.port)
        if behavior.is_demo and check.port != DEMO_PORT:
            return _refused(check.port)
        if behavior.is_demo and behavior.check_fails == "*":
            return Outcome(success=True)
        refusal = _refused(check.port).message
    if age < behavior.ready_after:
        return Outcome(success=False, message=refusal)
    is_due = behavior.check_fails_after <= age < behavior.check_fails_until
    if is_due and behavior.check_fails in {"*", what}:
        return Outcome(success=False, message=refusal)
    return Outcome(success=True, message="ok", seconds=took)


def _demo_answer(check: HttpCheck) -> Outcome | None:
    """What the demo server always answers to that; None if that depends on how it is."""
    if check.port != DEMO_PORT:
        return _refused(check.port)
    if check.scheme == "HTTPS":
        return Outcome(success=False, message="http: server gave HTTP response to HTTPS client")
    if (check.path.partition("?")[0] or "/") in _DEMO_PATHS:
        return None
    message = "HTTP probe failed with statuscode: 404"
    return Outcome(success=check.any_status, message=message)


def _outcome_of(check: ExecCheck, timeout: float) -> Outcome:
    """What a command finds that does the same everywhere; nothing bad for others."""
    course = course_of(check.command)
    if course is None:
        return Outcome(success=True)
    if course.seconds is None or course.seconds > timeout:
        return timed_out(check, timeout)
    return Outcome(success=not course.exit_code, seconds=course.seconds)


def timed_out(check: ExecCheck, seconds: float) -> Outcome:
    """What comes of a command that has not ended after *seconds*."""
    what = " ".join(check.command)
    message = f'command timed out: "{what}" timed out after {seconds:g}s'
    return Outcome(success=False, message=message, seconds=seconds)


def _refused(port: int) -> Outcome:
    return Outcome(success=False, message=f"dial tcp :{port}: connect: connection refused")


def _startup_line(command: StartContainer, version: str) -> str:
    if version:
        return f"{command.pod.name} ({version}) listens on port {DEMO_PORT}"
    return f"{command.name} ({command.image}) started"


def _annotated(  # noqa: C901 - one case a setting
    behavior: Behavior, command: StartContainer, annotations: Mapping[str, str]
) -> Behavior:
    def text(name: str) -> str:
        general = annotations.get(f"{PREFIX}{name}", "")
        return annotations.get(f"{PREFIX}{name}.{command.name}", general)

    changes: dict[str, Any] = {}
    for name in (
        "start-seconds",
        "exit-after",
        "ready-after",
        "check-fails-after",
        "check-fails-until",
    ):
        seconds = _number(text(name))
        if seconds is not None:
            changes[name.replace("-", "_")] = seconds
    if text("stop-seconds") == "never":
        changes["stop_seconds"] = inf
    elif (stop := _number(text("stop-seconds"))) is not None:
        changes["stop_seconds"] = stop
    if (code := _number(text("exit-code"))) is not None:
        changes["exit_code"] = int(code)
    if text("start-fails"):
        changes["start_fails"] = text("start-fails")
    if text("exit-message"):
        changes["exit_message"] = text("exit-message")
    if text("check-fails"):
        changes["check_fails"] = text("check-fails")
    try:
        if text("cpu"):
            changes["cpu"] = parse_millis(text("cpu"))
        if text("memory"):
            changes["memory"] = parse_int(text("memory"))
    except ValueError:
        pass
    restarts = _number(text("crash-restarts"))
    if restarts is not None and command.attempt >= restarts:
        changes["exit_after"] = None
    return attrs.evolve(behavior, **changes) if changes else behavior


def _with_oom(behavior: Behavior, command: StartContainer) -> Behavior:
    limit = command.resources.memory_limit
    if not limit or behavior.memory is None or behavior.memory <= limit:
        return behavior
    return attrs.evolve(behavior, exit_after=OOM_SECONDS, exit_code=137, oom_killed=True)


def _number(text: str) -> float | None:
    try:
        return float(text.removesuffix("s")) if text else None
    except ValueError:
        return None
