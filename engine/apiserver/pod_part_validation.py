"""Checks ephemeral containers, changes of resources, users and stop signals, raising nothing.

Source: ValidatePodEphemeralContainersUpdate, ValidatePodResize, validateHostUsers and
validateStopSignal, pkg/apis/core/validation, kubernetes v1.34.
"""

from collections.abc import Iterable

from engine.api.container import Container
from engine.api.pod import Pod, PodSpec
from engine.apiserver.errors import Cause
from engine.apiserver.validation import forbidden, invalid, unsupported

_RESIZABLE = ("cpu", "memory")
_NOT_EPHEMERAL = "cannot be set for an Ephemeral Container"
_NOT_WITH_OWN_USERS = "when `hostUsers` is false"
_NO_SYSTEM = "may not be set for containers with empty `spec.os.name`"
_LINUX_SIGNALS = (
    "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL",
    "PIPE", "POLL", "PROF", "PWR", "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP",
    "TTIN", "TTOU", "URG", "USR1", "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ", "RTMIN", "RTMAX",
    *(f"RTMIN+{number}" for number in range(1, 16)),
    *(f"RTMAX-{number}" for number in range(1, 15)),
)  # fmt: skip
_SIGNALS = {
    "linux": tuple(f"SIG{name}" for name in _LINUX_SIGNALS),
    "windows": ("SIGKILL", "SIGTERM"),
}
_STATIC = "kubernetes.io/config.source"


def validate_ephemeral_containers(spec: PodSpec, path: str) -> list[Cause]:
    """What ephemeral containers must not have, besides what no container may have."""
    causes: list[Cause] = []
    targets = {container.name for container in (*spec.containers, *spec.init_containers)}
    for index, container in enumerate(spec.ephemeral_containers):
        place = f"{path}.ephemeralContainers[{index}]"
        resources = container.resources
        for field, is_set in (
            ("ports", container.ports),
            ("livenessProbe", container.liveness_probe),
            ("readinessProbe", container.readiness_probe),
            ("startupProbe", container.startup_probe),
            ("lifecycle", container.lifecycle),
            ("resources", resources.requests or resources.limits),
            ("resizePolicy", container.extra.get("resizePolicy")),
            ("restartPolicy", container.restart_policy),
        ):
            if is_set:
                causes.append(forbidden(f"{place}.{field}", _NOT_EPHEMERAL))
        for number, mount in enumerate(container.volume_mounts):
            if mount.sub_path:
                where = f"{place}.volumeMounts[{number}].subPath"
                causes.append(forbidden(where, _NOT_EPHEMERAL))
        target = container.target_container_name
        if target and target not in targets:
            causes.append(
                Cause(
                    field=f"{place}.targetContainerName",
                    message=f'Not found: "{target}"',
                    reason="FieldValueNotFound",
                )
            )
    return causes


def validate_own_users(spec: PodSpec, path: str) -> list[Cause]:
    """What a pod whose users are not the host's (hostUsers: false) cannot have."""
    causes = [
        forbidden(f"{path}.{field}", _NOT_WITH_OWN_USERS)
        for field, is_set in (
            ("hostPID", spec.extra.get("hostPID")),
            ("hostIPC", spec.extra.get("hostIPC")),
            ("hostNetwork", spec.host_network),
        )
        if is_set
    ]
    for field, containers in (
        ("containers", spec.containers),
        ("initContainers", spec.init_containers),
        ("ephemeralContainers", spec.ephemeral_containers),
    ):
        causes += [
            forbidden(f"{path}.{field}[{index}].volumeDevices", _NOT_WITH_OWN_USERS)
            for index, container in enumerate(containers)
            if container.extra.get("volumeDevices")
        ]
    return causes


def validate_stop_signals(spec: PodSpec, path: str) -> list[Cause]:
    """The signals that end containers: those of Linux, for pods that say they need it."""
    causes: list[Cause] = []
    system = (spec.extra.get("os") or {}).get("name")
    for field, containers in (
        ("containers", spec.containers),
        ("initContainers", spec.init_containers),
    ):
        for index, container in enumerate(containers):
            extra = container.lifecycle.extra if container.lifecycle is not None else {}
            if "stopSignal" not in extra:
                continue
            place = f"{path}.{field}[{index}].lifecycle.stopSignal"
            if not system:
                causes.append(forbidden(place, _NO_SYSTEM))
            elif extra["stopSignal"] not in (allowed := _SIGNALS.get(system, ())):
                causes.append(unsupported(place, extra["stopSignal"], tuple(sorted(allowed))))
    return causes


def validate_ephemeral_create(pod: Pod) -> list[Cause]:
    """A pod that is new (it has no resource version) must have no ephemeral containers."""
    if pod.spec.ephemeral_containers and not pod.metadata.resource_version:
        return [forbidden("spec.ephemeralContainers", "cannot be set on create")]
    return []


def validate_ephemeral_update(new: Pod, old: Pod) -> list[Cause]:
    """Ephemeral containers come, but neither change nor go."""
    path = "spec.ephemeralContainers"
    if _STATIC in old.metadata.annotations and (old.metadata.annotations[_STATIC] != "api"):
        return [forbidden("", "static pods do not support ephemeral containers")]
    wanted = {container.name: container for container in new.spec.ephemeral_containers}
    causes = []
    for container in old.spec.ephemeral_containers:
        found = wanted.get(container.name)
        if found is None:
            message = f'existing ephemeral containers "{container.name}" may not be removed\n'
            causes.append(forbidden(path, message))
        elif found != container:
            message = f'existing ephemeral containers "{container.name}" may not be changed\n'
            causes.append(forbidden(path, message))
    return causes


def validate_resize(new: Pod, old: Pod, *, was: str, now: str) -> list[Cause]:
    """The class of service stays, and only CPU and memory change."""
    causes: list[Cause] = []
    if _STATIC in old.metadata.annotations and old.metadata.annotations[_STATIC] != "api":
        return [forbidden("", "pod resize is not supported for static pods")]
    if was and was != now:
        message = "Pod QOS Class may not change as a result of resizing"
        causes.append(invalid("spec", now, message))
    for field, olds, news in (
        ("containers", old.spec.containers, new.spec.containers),
        ("initContainers", old.spec.init_containers, new.spec.init_containers),
    ):
        causes += _changes(f"spec.{field}", olds, news, is_init=field == "initContainers")
    return causes


def _changes(
    path: str, olds: Iterable[Container], news: Iterable[Container], *, is_init: bool
) -> list[Cause]:
    causes = []
    for index, (old, new) in enumerate(zip(olds, news, strict=True)):
        if old.resources == new.resources:
            continue
        place = f"{path}[{index}].resources"
        if is_init and old.restart_policy != "Always":
            message = "resources for non-sidecar init containers are immutable"
            causes.append(forbidden(place, message))
            continue
        for kind, before, after in (
            ("requests", old.resources.requests, new.resources.requests),
            ("limits", old.resources.limits, new.resources.limits),
        ):
            for name in dict.fromkeys((*before, *after)):
                if before.get(name) == after.get(name):
                    continue
                if name not in _RESIZABLE:
                    message = "only cpu and memory resources are mutable"
                    causes.append(forbidden(f"{place}.{kind}", message))
                elif name not in after:
                    message = f"resource {kind} cannot be removed"
                    causes.append(forbidden(f"{place}.{kind}", message))
    return causes
