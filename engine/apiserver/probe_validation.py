"""Checks the probes and hooks of containers. All faults are found, none is raised.

Source: validateProbe and validateHandler of pkg/apis/core/validation, kubernetes v1.34.
"""

from engine.api.container import Container, LifecycleHandler, Probe
from engine.apiserver.container_validation import port_reference_faults
from engine.apiserver.errors import Cause
from engine.apiserver.validation import (
    at_least_zero,
    forbidden,
    invalid,
    invalid_all,
    required,
    unsupported,
)


def validate_running_container(container: Container, path: str, grace: int) -> list[Cause]:
    """All that is wrong with the probes and hooks of one that runs as long as its pod."""
    causes: list[Cause] = []
    for field, probe in (
        ("livenessProbe", container.liveness_probe),
        ("readinessProbe", container.readiness_probe),
        ("startupProbe", container.startup_probe),
    ):
        if probe is not None:
            causes += _probe(
                probe, f"{path}.{field}", grace, is_readiness=field == "readinessProbe"
            )
    lifecycle = container.lifecycle
    if lifecycle is not None:
        for field, hook in (("postStart", lifecycle.post_start), ("preStop", lifecycle.pre_stop)):
            if hook is not None:
                causes += _handler(hook, f"{path}.lifecycle.{field}", grace)
    return causes


def validate_init_container(container: Container, path: str, grace: int) -> list[Cause]:
    """What only those may have that start before the others and go on running."""
    if container.restart_policy == "Always":
        return validate_running_container(container, path, grace)
    if container.restart_policy is not None:
        return [unsupported(f"{path}.restartPolicy", container.restart_policy, ("Always",))]
    return [
        forbidden(
            f"{path}.{field}", "may not be set for init containers without restartPolicy=Always"
        )
        for field, value in (
            ("lifecycle", container.lifecycle),
            ("livenessProbe", container.liveness_probe),
            ("readinessProbe", container.readiness_probe),
            ("startupProbe", container.startup_probe),
        )
        if value is not None
    ]


def _probe(probe: Probe, path: str, grace: int, *, is_readiness: bool) -> list[Cause]:
    causes = _handler(probe, path, grace)
    for field, value in (
        ("initialDelaySeconds", probe.initial_delay_seconds),
        ("timeoutSeconds", probe.timeout_seconds),
        ("periodSeconds", probe.period_seconds),
        ("successThreshold", probe.success_threshold),
        ("failureThreshold", probe.failure_threshold),
    ):
        causes += at_least_zero(f"{path}.{field}", value)
    if not is_readiness and probe.success_threshold != 1:
        causes.append(invalid(f"{path}.successThreshold", probe.success_threshold, "must be 1"))
    wait = probe.termination_grace_period_seconds
    if wait is not None:
        place = f"{path}.terminationGracePeriodSeconds"
        if is_readiness:
            causes.append(invalid(place, wait, "must not be set for readinessProbes"))
        elif wait <= 0:
            causes.append(invalid(place, wait, "must be greater than 0"))
    return causes


def _handler(handler: LifecycleHandler | Probe, path: str, grace: int) -> list[Cause]:
    """One way of asking or telling a container, and no more than one."""
    causes: list[Cause] = []
    sleep = getattr(handler, "sleep", None)
    grpc = getattr(handler, "grpc", None) or handler.extra.get("grpc")
    given = [
        (field, action)
        for field, action in (
            ("exec", handler.exec),
            ("httpGet", handler.http_get),
            ("tcpSocket", handler.tcp_socket),
            ("grpc", grpc),
            ("sleep", sleep),
        )
        if action is not None
    ]
    if not given:
        causes.append(required(path, "must specify a handler type"))
    causes += [
        forbidden(f"{path}.{field}", "may not specify more than 1 handler type")
        for field, _ in given[1:]
    ]
    if handler.exec is not None and not handler.exec.command:
        causes.append(required(f"{path}.exec.command"))
    http = handler.http_get
    if http is not None:
        if not http.path:
            causes.append(required(f"{path}.httpGet.path"))
        if http.scheme and http.scheme not in ("HTTP", "HTTPS"):
            causes.append(unsupported(f"{path}.httpGet.scheme", http.scheme, ("HTTP", "HTTPS")))
        faults = port_reference_faults(http.port)
        causes += invalid_all(f"{path}.httpGet.port", http.port, faults)
    tcp = handler.tcp_socket
    if tcp is not None:
        causes += invalid_all(f"{path}.tcpSocket.port", tcp.port, port_reference_faults(tcp.port))
    if sleep is not None and not 0 <= sleep.seconds <= grace:
        message = f"must be non-negative and less than terminationGracePeriodSeconds ({grace})"
        causes.append(invalid(f"{path}.sleep", sleep.seconds, message))
    return causes
