"""What Kubernetes fills in when a pod, or the template of one, leaves it away.

Source: pkg/apis/core/v1/defaults.go, kubernetes v1.34.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from engine.api.container import (
    Container,
    ContainerPort,
    EnvVar,
    PodSecurityContext,
    Probe,
)
from engine.api.evolution import evolve
from engine.api.frozen import freeze
from engine.api.pod import Pod, PodSpec, PodTemplateSpec
from engine.api.quantity import format_bytes, format_millis
from engine.api.usage import total
from engine.api.volume import EmptyDirVolumeSource, Volume

_FILE_MODE = 0o644
_OF_PODS = ("cpu", "memory")


def default_pod(pod: Pod) -> Pod:
    """*pod* with everything a client may leave away."""
    spec = default_pod_spec(pod.spec)
    containers = tuple([_with_requests(container) for container in spec.containers])
    inits = tuple([_with_requests(container) for container in spec.init_containers])
    links = spec.enable_service_links
    spec = evolve(
        spec,
        containers=containers,
        init_containers=inits,
        enable_service_links=True if links is None else links,
    )
    return evolve(pod, spec=_with_pod_requests(spec))


def _with_pod_requests(spec: PodSpec) -> PodSpec:
    """*spec*, whose limits as a whole bring requests: those of its containers, else the limits.

    Source: defaultPodRequests, pkg/apis/core/v1/defaults.go, kubernetes v1.34.
    """
    own = spec.extra.get("resources")
    limits = own.get("limits") if own else None
    if not own or not limits:
        return spec
    given = dict(own.get("requests") or {})
    asked = total(spec, lambda container: container.resources.requests, {})
    for name, amount in asked.items():
        if name in _OF_PODS and name not in given:
            is_cpu = name == "cpu"
            given[name] = format_millis(int(amount * 1000)) if is_cpu else format_bytes(int(amount))
    for name, limit in limits.items():
        if name in _OF_PODS:
            given.setdefault(name, limit)
    resources = own.with_items({"requests": freeze(given)})
    return evolve(spec, extra=spec.extra.with_items({"resources": resources}))


def default_template(template: PodTemplateSpec) -> PodTemplateSpec:
    """*template* with the defaults of its pod spec."""
    spec = default_pod_spec(template.spec)
    return template if spec is template.spec else evolve(template, spec=spec)


def default_pod_spec(spec: PodSpec) -> PodSpec:
    """*spec* with the defaults that templates get too; the same object if there is no gap."""
    grace = spec.termination_grace_period_seconds
    extra = spec.extra
    if spec.service_account_name and "serviceAccount" not in extra:
        extra = extra.with_items({"serviceAccount": spec.service_account_name})
    filled = evolve(
        spec,
        containers=tuple([_container(item, spec.host_network) for item in spec.containers]),
        init_containers=tuple(
            [_container(item, spec.host_network) for item in spec.init_containers]
        ),
        ephemeral_containers=tuple(
            [_container(item, spec.host_network) for item in spec.ephemeral_containers]
        ),
        volumes=tuple([_volume(volume) for volume in spec.volumes]),
        restart_policy=spec.restart_policy or "Always",
        dns_policy=spec.dns_policy or "ClusterFirst",
        scheduler_name=spec.scheduler_name or "default-scheduler",
        security_context=spec.security_context or PodSecurityContext(),
        termination_grace_period_seconds=30 if grace is None else grace,
        extra=extra,
    )
    return spec if filled == spec else filled


def _container(container: Container, host_network: bool) -> Container:  # noqa: FBT001 - private
    return evolve(
        container,
        ports=tuple([_port(port, host_network) for port in container.ports]),
        env=tuple([_variable(variable) for variable in container.env]),
        liveness_probe=_probe(container.liveness_probe),
        readiness_probe=_probe(container.readiness_probe),
        startup_probe=_probe(container.startup_probe),
        termination_message_path=container.termination_message_path or "/dev/termination-log",
        termination_message_policy=container.termination_message_policy or "File",
        image_pull_policy=container.image_pull_policy or pull_policy(container.image),
    )


@lru_cache(maxsize=1024)
def pull_policy(image: str) -> str:
    """Always for images that move (tag ``latest`` or none), else IfNotPresent."""
    name, _, digest = image.partition("@")
    _, _, tag = name.rpartition("/")[2].partition(":")
    if digest:
        return "IfNotPresent" if tag != "latest" else "Always"
    return "Always" if tag in ("", "latest") else "IfNotPresent"


def _port(port: ContainerPort, host_network: bool) -> ContainerPort:  # noqa: FBT001 - private
    host_port = port.host_port
    if host_network and not host_port:
        host_port = port.container_port
    if port.protocol and host_port == port.host_port:
        return port
    return evolve(port, protocol=port.protocol or "TCP", host_port=host_port)


def _variable(variable: EnvVar) -> EnvVar:
    source = variable.value_from
    if source is None or source.field_ref is None or source.field_ref.api_version:
        return variable
    reference = evolve(source.field_ref, api_version="v1")
    return evolve(variable, value_from=evolve(source, field_ref=reference))


def _probe(probe: Probe | None) -> Probe | None:
    if probe is None:
        return None
    http = probe.http_get
    if http is not None and not (http.path and http.scheme):
        http = evolve(http, path=http.path or "/", scheme=http.scheme or "HTTP")
    extra, call = probe.extra, probe.extra.get("grpc")
    if isinstance(call, Mapping) and call.get("service") is None:
        extra = extra.with_items({"grpc": freeze({**call, "service": ""})})
    return evolve(
        probe,
        http_get=http,
        extra=extra,
        timeout_seconds=probe.timeout_seconds or 1,
        period_seconds=probe.period_seconds or 10,
        success_threshold=probe.success_threshold or 1,
        failure_threshold=probe.failure_threshold or 3,
    )


def _volume(volume: Volume) -> Volume:
    for name in ("config_map", "secret", "downward_api"):
        source: Any = getattr(volume, name)
        if source is not None:
            if source.default_mode is not None:
                return volume
            return evolve(volume, **{name: evolve(source, default_mode=_FILE_MODE)})
    if volume.host_path is not None:
        if volume.host_path.type is not None:
            return volume
        return evolve(volume, host_path=evolve(volume.host_path, type=""))
    if volume.projected is not None:
        if "defaultMode" in volume.projected:
            return volume
        return evolve(volume, projected=volume.projected.with_items({"defaultMode": _FILE_MODE}))
    if volume.empty_dir is None and volume.persistent_volume_claim is None and not volume.extra:
        return evolve(volume, empty_dir=EmptyDirVolumeSource())
    return volume


def _with_requests(container: Container) -> Container:
    """A container requests what it is limited to, unless it says something else."""
    limits, requests = container.resources.limits, container.resources.requests
    missing = {name: value for name, value in limits.items() if name not in requests}
    if not missing:
        return container
    resources = evolve(container.resources, requests=requests.with_items(missing))
    return evolve(container, resources=resources)
