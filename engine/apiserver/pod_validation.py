"""Checks pods and the templates of pods. All faults are found, none is raised.

Source: pkg/apis/core/validation, kubernetes v1.34.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from engine.api import quantity
from engine.api.container import Container, ContainerPort, Probe, Toleration
from engine.api.pod import Pod, PodSpec, PodTemplateSpec
from engine.apiserver.errors import Cause
from engine.apiserver.pod_part_validation import validate_ephemeral_containers
from engine.apiserver.validation import (
    duplicate,
    forbidden,
    invalid,
    label_faults,
    qualified_name_faults,
    required,
    subdomain_faults,
    unsupported,
    validate_labels,
)

_PORT_NAME = re.compile(r"(?=.*[a-z])[a-z0-9](?:-?[a-z0-9])*")
NOT_A_PORT_NAME = (
    "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-), at least one letter "
    "(a-z)"
)
_RESTART = ("Always", "OnFailure", "Never")
_DNS = ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None")
_PULL = ("Always", "IfNotPresent", "Never")
_PROTOCOLS = ("TCP", "UDP", "SCTP")
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")


def validate_template(
    template: PodTemplateSpec, path: str, *, restart_policies: tuple[str, ...] = _RESTART
) -> list[Cause]:
    """All that is wrong with *template*."""
    causes = [
        *validate_labels(template.metadata.labels, f"{path}.labels"),
        *validate_pod_spec(template.spec, f"{path}.spec"),
    ]
    policy = template.spec.restart_policy
    if policy in _RESTART and policy not in restart_policies:
        causes.append(unsupported(f"{path}.spec.restartPolicy", policy, restart_policies))
    return causes


def validate_pod_spec(spec: PodSpec, path: str) -> list[Cause]:
    """All that is wrong with *spec*."""
    causes = [*_containers(spec, path), *_policies(spec, path)]
    causes += validate_ephemeral_containers(spec, path)
    causes += validate_labels(spec.node_selector, f"{path}.nodeSelector")
    for field, name in (
        ("nodeName", spec.node_name),
        ("serviceAccountName", spec.service_account_name),
    ):
        if name:
            causes += [invalid(f"{path}.{field}", name, fault) for fault in subdomain_faults(name)]
    if spec.hostname:
        place = f"{path}.hostname"
        causes += [invalid(place, spec.hostname, fault) for fault in label_faults(spec.hostname)]
    for index, toleration in enumerate(spec.tolerations):
        causes += _toleration(toleration, f"{path}.tolerations[{index}]")
    return causes


def _containers(spec: PodSpec, path: str) -> list[Cause]:
    causes: list[Cause] = []
    volumes: dict[str, None] = {}
    for index, volume in enumerate(spec.volumes):
        place = f"{path}.volumes[{index}].name"
        causes += _name(volume.name, place)
        if volume.name in volumes:
            causes.append(duplicate(place, volume.name))
        volumes[volume.name] = None
    if not spec.containers:
        causes.append(required(f"{path}.containers"))
    names: dict[str, None] = {}
    for field, containers in (
        ("containers", spec.containers),
        ("initContainers", spec.init_containers),
        ("ephemeralContainers", spec.ephemeral_containers),
    ):
        for index, container in enumerate(containers):
            place = f"{path}.{field}[{index}]"
            causes += _container(container, place, volumes)
            if container.name in names:
                causes.append(duplicate(f"{place}.name", container.name))
            names[container.name] = None
    return causes


def _policies(spec: PodSpec, path: str) -> list[Cause]:
    causes: list[Cause] = []
    if spec.restart_policy not in _RESTART:
        causes.append(unsupported(f"{path}.restartPolicy", spec.restart_policy, _RESTART))
    if spec.dns_policy not in _DNS:
        causes.append(unsupported(f"{path}.dnsPolicy", spec.dns_policy, _DNS))
    grace = spec.termination_grace_period_seconds
    if grace is not None and grace < 0:
        place = f"{path}.terminationGracePeriodSeconds"
        causes.append(invalid(place, grace, "must be greater than or equal to 0"))
    deadline = spec.active_deadline_seconds
    if deadline is not None and deadline < 1:
        message = "must be between 1 and 2147483647, inclusive"
        causes.append(invalid(f"{path}.activeDeadlineSeconds", deadline, message))
    return causes


def validate_pod_update(new: Pod, old: Pod) -> list[Cause]:
    """All that *new* changes in the spec and may not."""
    if new.spec == old.spec:
        return []
    if len(new.spec.containers) != len(old.spec.containers):
        return [forbidden("spec.containers", "pod updates may not add or remove containers")]
    kept = attrs.evolve(
        new.spec,
        containers=_with_images(new.spec.containers, old.spec.containers),
        init_containers=_with_images(new.spec.init_containers, old.spec.init_containers),
        active_deadline_seconds=old.spec.active_deadline_seconds,
        termination_grace_period_seconds=old.spec.termination_grace_period_seconds,
        tolerations=old.spec.tolerations,
        scheduling_gates=old.spec.scheduling_gates,
    )
    causes = []
    if kept != old.spec:
        causes.append(
            forbidden(
                "spec",
                "pod updates may not change fields other than `spec.containers[*].image`,"
                "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` "
                "(only additions to existing tolerations),`spec.terminationGracePeriodSeconds` "
                "(allow it to be set to 1 if it was previously negative)",
            )
        )
    if any(toleration not in new.spec.tolerations for toleration in old.spec.tolerations):
        message = "existing toleration can not be modified except its tolerationSeconds"
        causes.append(forbidden("spec.tolerations", message))
    return causes


def validate_resources(resources: Mapping[str, str], path: str) -> list[Cause]:
    """All that is wrong with requests or limits."""
    causes = []
    for name, value in resources.items():
        place = f"{path}[{name}]"
        causes += [invalid(place, name, fault) for fault in qualified_name_faults(name)]
        try:
            amount = quantity.parse(value)
        except ValueError as error:
            causes.append(invalid(place, value, str(error)))
            continue
        if amount < 0:
            causes.append(invalid(place, value, "must be greater than or equal to 0"))
    return causes


def port_faults(port: int) -> tuple[str, ...]:
    """What keeps *port* from being a port number."""
    return () if 1 <= port <= 65535 else ("must be between 1 and 65535, inclusive",)


def port_name_faults(name: str) -> tuple[str, ...]:
    """What keeps *name* from naming a port."""
    if len(name) > 15:
        return ("must be no more than 15 characters",)
    if not _PORT_NAME.fullmatch(name):
        return (NOT_A_PORT_NAME,)
    return ()


def _name(name: str, path: str) -> list[Cause]:
    if not name:
        return [required(path)]
    return [invalid(path, name, fault) for fault in label_faults(name)]


def _container(container: Container, path: str, volumes: Mapping[str, None]) -> list[Cause]:
    causes = _name(container.name, f"{path}.name")
    if not container.image:
        causes.append(required(f"{path}.image"))
    elif container.image != container.image.strip():
        message = "must not have leading or trailing whitespace"
        causes.append(invalid(f"{path}.image", container.image, message))
    if container.image_pull_policy not in _PULL:
        causes.append(unsupported(f"{path}.imagePullPolicy", container.image_pull_policy, _PULL))
    causes += _ports(container.ports, f"{path}.ports")
    causes += _variables(container, path)
    for index, mount in enumerate(container.volume_mounts):
        place = f"{path}.volumeMounts[{index}]"
        if mount.name not in volumes:
            message = f'Not found: "{mount.name}"'
            causes.append(
                Cause(field=f"{place}.name", message=message, reason="FieldValueNotFound")
            )
        if not mount.mount_path:
            causes.append(required(f"{place}.mountPath"))
    causes += _resources(container, f"{path}.resources")
    for field, probe in (
        ("livenessProbe", container.liveness_probe),
        ("readinessProbe", container.readiness_probe),
        ("startupProbe", container.startup_probe),
    ):
        if probe is not None:
            causes += _probe(probe, f"{path}.{field}", once=field != "readinessProbe")
    return causes


def _resources(container: Container, path: str) -> list[Cause]:
    resources = container.resources
    causes = [
        *validate_resources(resources.limits, f"{path}.limits"),
        *validate_resources(resources.requests, f"{path}.requests"),
    ]
    if causes:
        return causes
    for name, value in resources.requests.items():
        limit = resources.limits.get(name)
        if limit is not None and quantity.parse(value) > quantity.parse(limit):
            message = f"must be less than or equal to {name} limit of {limit}"
            causes.append(invalid(f"{path}.requests", value, message))
    return causes


def _ports(ports: Iterable[ContainerPort], path: str) -> list[Cause]:
    causes: list[Cause] = []
    names: dict[str, None] = {}
    for index, port in enumerate(ports):
        place = f"{path}[{index}]"
        if port.name:
            causes += [invalid(f"{place}.name", port.name, f) for f in port_name_faults(port.name)]
            if port.name in names:
                causes.append(duplicate(f"{place}.name", port.name))
            names[port.name] = None
        if not port.container_port:
            causes.append(required(f"{place}.containerPort"))
        else:
            number = port.container_port
            causes += [invalid(f"{place}.containerPort", number, f) for f in port_faults(number)]
        if port.host_port:
            causes += [
                invalid(f"{place}.hostPort", port.host_port, f) for f in port_faults(port.host_port)
            ]
        if port.protocol not in _PROTOCOLS:
            causes.append(unsupported(f"{place}.protocol", port.protocol, _PROTOCOLS))
    return causes


def _variables(container: Container, path: str) -> list[Cause]:
    causes: list[Cause] = []
    for index, variable in enumerate(container.env):
        place = f"{path}.env[{index}]"
        if not variable.name:
            causes.append(required(f"{place}.name"))
        elif "=" in variable.name:
            causes.append(invalid(f"{place}.name", variable.name, "must not contain '='"))
        source: Any = variable.value_from
        if source is not None and variable.value:
            message = "may not be specified when `value` is not empty"
            causes.append(invalid(f"{place}.valueFrom", "", message))
    return causes


def _probe(probe: Probe, path: str, *, once: bool) -> list[Cause]:
    causes: list[Cause] = []
    carried = sum(1 for name in ("grpc",) if name in probe.extra)
    handlers = sum(1 for h in (probe.exec, probe.http_get, probe.tcp_socket) if h is not None)
    if handlers + carried == 0:
        causes.append(required(path, "must specify a handler type"))
    elif handlers + carried > 1:
        causes.append(forbidden(path, "may not specify more than 1 handler type"))
    for field, value in (
        ("initialDelaySeconds", probe.initial_delay_seconds),
        ("timeoutSeconds", probe.timeout_seconds),
        ("periodSeconds", probe.period_seconds),
        ("successThreshold", probe.success_threshold),
        ("failureThreshold", probe.failure_threshold),
    ):
        if value < 0:
            causes.append(invalid(f"{path}.{field}", value, "must be greater than or equal to 0"))
    if once and probe.success_threshold != 1:
        causes.append(invalid(f"{path}.successThreshold", probe.success_threshold, "must be 1"))
    for field, handler in (("httpGet", probe.http_get), ("tcpSocket", probe.tcp_socket)):
        port = getattr(handler, "port", None)
        if isinstance(port, int):
            causes += [invalid(f"{path}.{field}.port", port, fault) for fault in port_faults(port)]
        elif isinstance(port, str):
            place = f"{path}.{field}.port"
            causes += [invalid(place, port, fault) for fault in port_name_faults(port)]
    return causes


def _toleration(toleration: Toleration, path: str) -> list[Cause]:
    causes: list[Cause] = []
    if toleration.key:
        causes += [
            invalid(f"{path}.key", toleration.key, f) for f in qualified_name_faults(toleration.key)
        ]
    elif toleration.operator != "Exists":
        message = (
            "operator must be Exists when `key` is empty, which means "
            '"match all values and all keys"'
        )
        causes.append(invalid(f"{path}.operator", toleration.operator, message))
    if toleration.operator not in ("", "Equal", "Exists"):
        causes.append(unsupported(f"{path}.operator", toleration.operator, ("Equal", "Exists")))
    if toleration.operator == "Exists" and toleration.value:
        message = "value must be empty when `operator` is 'Exists'"
        causes.append(invalid(f"{path}.operator", toleration.value, message))
    if toleration.effect and toleration.effect not in _EFFECTS:
        causes.append(unsupported(f"{path}.effect", toleration.effect, _EFFECTS))
    if toleration.toleration_seconds is not None and toleration.effect != "NoExecute":
        message = "effect must be 'NoExecute' when `tolerationSeconds` is set"
        causes.append(invalid(f"{path}.effect", toleration.effect, message))
    return causes


def _with_images(new: tuple[Container, ...], old: tuple[Container, ...]) -> tuple[Container, ...]:
    """*new* with the images of *old*, to see what else differs."""
    if len(new) != len(old):
        return new
    return tuple(
        attrs.evolve(container, image=before.image)
        for container, before in zip(new, old, strict=True)
    )
