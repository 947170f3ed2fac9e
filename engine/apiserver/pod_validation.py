"""Checks pods and the templates of pods. All faults are found, none is raised.

Source: pkg/apis/core/validation, kubernetes v1.34.
"""

import re
from ipaddress import ip_address

import attrs

from engine.api.container import Container, PodSecurityContext
from engine.api.pod import Pod, PodSpec, PodTemplateSpec
from engine.apiserver.container_validation import (
    validate_container,
    validate_id,
    validate_seccomp,
)
from engine.apiserver.errors import Cause
from engine.apiserver.placement_validation import validate_placement
from engine.apiserver.pod_part_validation import (
    validate_ephemeral_containers,
    validate_own_users,
    validate_stop_signals,
)
from engine.apiserver.probe_validation import (
    validate_init_container,
    validate_running_container,
)
from engine.apiserver.resource_validation import validate_resources
from engine.apiserver.validation import (
    duplicate,
    forbidden,
    invalid,
    invalid_all,
    label_faults,
    one_of,
    required,
    subdomain_faults,
    unsupported,
    validate_labels,
)
from engine.apiserver.volume_validation import validate_volumes

_RESTART = ("Always", "Never", "OnFailure")
_DNS = ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None")
_MOST_NAMESERVERS = 3
_MOST_SEARCHES = 32
_GRACE = 30
_IMMUTABLE = (
    "pod updates may not change fields other than `spec.containers[*].image`,"
    "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` "
    "(only additions to existing tolerations),`spec.terminationGracePeriodSeconds` "
    "(allow it to be set to 1 if it was previously negative)"
)

_LONGEST_SYSCTL = 253
_SYSCTL = re.compile(r"([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?")


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
    causes, volumes = validate_volumes(spec.volumes, f"{path}.volumes")
    causes += _containers(spec, path, volumes)
    causes += _policies(spec, path)
    causes += validate_stop_signals(spec, path)
    if spec.ephemeral_containers:
        causes += validate_ephemeral_containers(spec, path)
    causes += validate_labels(spec.node_selector, f"{path}.nodeSelector")
    for field, name in (
        ("nodeName", spec.node_name),
        ("serviceAccountName", spec.service_account_name),
        ("priorityClassName", spec.priority_class_name),
    ):
        if name:
            causes += invalid_all(f"{path}.{field}", name, subdomain_faults(name))
    for field, name in (("hostname", spec.hostname), ("subdomain", spec.subdomain)):
        if name:
            causes += invalid_all(f"{path}.{field}", name, label_faults(name))
    if spec.security_context is not None:
        causes += _security(spec, spec.security_context, f"{path}.securityContext")
    causes += _names(spec, path)
    if spec.extra.get("hostUsers") is False:
        causes += validate_own_users(spec, path)
    if spec.overhead:
        causes += validate_resources(spec.overhead, f"{path}.overhead")
    return causes + validate_placement(spec, path)


def _containers(spec: PodSpec, path: str, volumes: dict[str, None]) -> list[Cause]:
    causes: list[Cause] = []
    grace = spec.termination_grace_period_seconds
    seconds = _GRACE if grace is None else grace
    if not spec.containers:
        causes.append(required(f"{path}.containers"))
    names: dict[str, None] = {}
    ports: dict[str, None] = {}
    for field, containers in (
        ("containers", spec.containers),
        ("initContainers", spec.init_containers),
        ("ephemeralContainers", spec.ephemeral_containers),
    ):
        for index, container in enumerate(containers):
            place = f"{path}.{field}[{index}]"
            causes += validate_container(container, place, volumes)
            if container.name in names:
                causes.append(duplicate(f"{place}.name", container.name))
            names[container.name] = None
            if field == "containers":
                causes += validate_running_container(container, place, seconds)
                causes += _host_ports(spec, container, place, ports)
            elif field == "initContainers":
                causes += validate_init_container(container, place, seconds)
    return causes


def _host_ports(
    spec: PodSpec, container: Container, path: str, taken: dict[str, None]
) -> list[Cause]:
    """Ports of the node: each once, and the container's own on the node's network."""
    causes: list[Cause] = []
    for index, port in enumerate(container.ports):
        if not port.host_port:
            continue
        place = f"{path}.ports[{index}]"
        if spec.host_network and port.host_port != port.container_port:
            message = "must match `hostPort` when `hostNetwork` is true"
            causes.append(invalid(f"{place}.containerPort", port.container_port, message))
        shown = f"{port.protocol}/{port.host_ip}/{port.host_port}"
        if shown in taken:
            causes.append(duplicate(f"{place}.hostPort", shown))
        taken[shown] = None
    return causes


def _policies(spec: PodSpec, path: str) -> list[Cause]:
    causes = [
        *one_of(f"{path}.restartPolicy", spec.restart_policy, _RESTART),
        *one_of(f"{path}.dnsPolicy", spec.dns_policy, _DNS),
    ]
    deadline = spec.active_deadline_seconds
    if deadline is not None and deadline < 1:
        message = "must be between 1 and 2147483647, inclusive"
        causes.append(invalid(f"{path}.activeDeadlineSeconds", deadline, message))
    if spec.dns_config is not None or spec.dns_policy == "None":
        causes += _dns(spec, path)
    policy = spec.extra.get("preemptionPolicy")
    if policy is not None and policy not in ("Never", "PreemptLowerPriority"):
        allowed = ("Never", "PreemptLowerPriority")
        causes.append(unsupported(f"{path}.preemptionPolicy", policy, allowed))
    return causes


def _dns(spec: PodSpec, path: str) -> list[Cause]:
    causes: list[Cause] = []
    config = spec.dns_config
    if config is None:
        message = "must provide `dnsConfig` when `dnsPolicy` is None"
        return [required(f"{path}.dnsConfig", message)]
    place = f"{path}.dnsConfig"
    if spec.dns_policy == "None" and not config.nameservers:
        message = "must provide at least one DNS nameserver when `dnsPolicy` is None"
        causes.append(required(f"{place}.nameservers", message))
    if len(config.nameservers) > _MOST_NAMESERVERS:
        message = f"must not have more than {_MOST_NAMESERVERS} nameservers"
        causes.append(invalid(f"{place}.nameservers", config.nameservers, message))
    for index, address in enumerate(config.nameservers):
        causes += _address(address, f"{place}.nameservers[{index}]")
    if len(config.searches) > _MOST_SEARCHES:
        message = f"must not have more than {_MOST_SEARCHES} search paths"
        causes.append(invalid(f"{place}.searches", config.searches, message))
    for index, search in enumerate(config.searches):
        name = search.removesuffix(".")
        if name:
            causes += invalid_all(f"{place}.searches[{index}]", search, subdomain_faults(name))
    causes += [
        required(f"{place}.options[{index}]", "must not be empty")
        for index, option in enumerate(config.options)
        if not option.name
    ]
    return causes


def _names(spec: PodSpec, path: str) -> list[Cause]:
    causes: list[Cause] = []
    for index, alias in enumerate(spec.host_aliases):
        causes += _address(alias.ip, f"{path}.hostAliases[{index}].ip")
        for name in alias.hostnames:
            place = f"{path}.hostAliases[{index}].hostnames"
            causes += invalid_all(place, name, subdomain_faults(name))
    return causes


def _address(text: str, path: str) -> list[Cause]:
    try:
        ip_address(text)
    except ValueError:
        message = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
        return [invalid(path, text, message)]
    return []


def _security(spec: PodSpec, context: PodSecurityContext, path: str) -> list[Cause]:
    causes = [
        *validate_id(context.run_as_user, f"{path}.runAsUser"),
        *validate_id(context.run_as_group, f"{path}.runAsGroup"),
        *validate_id(context.fs_group, f"{path}.fsGroup"),
    ]
    for index, group in enumerate(context.supplemental_groups):
        causes += validate_id(group, f"{path}.supplementalGroups[{index}]")
    seen: dict[str, None] = {}
    for index, sysctl in enumerate(context.sysctls):
        place = f"{path}.sysctls[{index}].name"
        if not sysctl.name:
            causes.append(required(place))
        elif len(sysctl.name) > _LONGEST_SYSCTL or not _SYSCTL.fullmatch(sysctl.name):
            size = f"must have at most {_LONGEST_SYSCTL} characters"
            message = f"{size} and match regex ^{_SYSCTL.pattern}$"
            causes.append(invalid(place, sysctl.name, message))
        elif sysctl.name in seen:
            causes.append(duplicate(place, sysctl.name))
        elif spec.host_network and sysctl.name.startswith("net."):
            message = "may not be specified when 'hostNetwork' is true"
            causes.append(invalid(place, sysctl.name, message))
        seen[sysctl.name] = None
    profile = getattr(context, "seccomp_profile", None) or context.extra.get("seccompProfile")
    return causes + validate_seccomp(profile, f"{path}.seccompProfile")


def validate_pod_update(new: Pod, old: Pod) -> list[Cause]:
    """All that *new* changes in the spec and may not."""
    spec, was = new.spec, old.spec
    if spec == was:
        return []
    if len(spec.containers) != len(was.containers):
        return [forbidden("spec.containers", "pod updates may not add or remove containers")]
    if len(spec.init_containers) != len(was.init_containers):
        message = "pod updates may not add or remove containers"
        return [forbidden("spec.initContainers", message)]
    causes = _deadline_update(spec, was)
    gates = tuple(gate for gate in was.scheduling_gates if gate in spec.scheduling_gates)
    causes += [
        forbidden(
            "spec.schedulingGates",
            f"only deletion is allowed, but found new scheduling gate '{gate.get('name', '')}'",
        )
        for gate in spec.scheduling_gates
        if gate not in gates
    ]
    kept = attrs.evolve(
        spec,
        containers=_with_images(spec.containers, was.containers),
        init_containers=_with_images(spec.init_containers, was.init_containers),
        active_deadline_seconds=was.active_deadline_seconds,
        tolerations=was.tolerations,
        scheduling_gates=was.scheduling_gates,
    )
    grace = was.termination_grace_period_seconds
    if grace is not None and grace < 0 and spec.termination_grace_period_seconds == 1:
        kept = attrs.evolve(kept, termination_grace_period_seconds=grace)
    if was.scheduling_gates:
        kept = attrs.evolve(kept, node_selector=was.node_selector, affinity=was.affinity)
    if kept != was:
        causes.append(forbidden("spec", _IMMUTABLE))
    tolerated = {
        attrs.evolve(toleration, toleration_seconds=None) for toleration in spec.tolerations
    }
    if any(
        attrs.evolve(item, toleration_seconds=None) not in tolerated for item in was.tolerations
    ):
        message = "existing toleration can not be modified except its tolerationSeconds"
        causes.append(forbidden("spec.tolerations", message))
    return causes


def _deadline_update(new: PodSpec, old: PodSpec) -> list[Cause]:
    """The deadline may be set, and brought nearer, and nothing else."""
    before, after = old.active_deadline_seconds, new.active_deadline_seconds
    if before is None or before == after:
        return []
    place = "spec.activeDeadlineSeconds"
    if after is None:
        return [invalid(place, None, "must not update from a positive integer to nil value")]
    if after > before:
        return [invalid(place, after, "must be less than or equal to previous value")]
    return []


def _with_images(new: tuple[Container, ...], old: tuple[Container, ...]) -> tuple[Container, ...]:
    """*new* with the images of *old*, to see what else differs."""
    if len(new) != len(old):
        return new
    return tuple(
        attrs.evolve(container, image=before.image)
        for container, before in zip(new, old, strict=True)
    )
