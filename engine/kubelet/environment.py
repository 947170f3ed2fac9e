"""A container's environment, command and arguments, with every reference resolved.

Source: kubelet makeEnvironmentVariables and third_party/forked/golang/expansion, kubernetes v1.34.
"""

import base64
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Protocol

import attrs

from engine.api.container import Container, EnvVar, KeySelector
from engine.api.core import ConfigMap, Secret, Service
from engine.api.pod import Pod
from engine.kubelet.config_source import MissingConfigError
from engine.kubelet.downward import PodFacts, field_value, resource_value

_REFERENCE = re.compile(r"\$(?:\$|\(([A-Za-z_.\-][A-Za-z0-9_.\-]*)\))")


class Configs(Protocol):
    """Where ConfigMaps and Secrets come from."""

    def config_map(self, namespace: str, name: str) -> ConfigMap:
        """The ConfigMap, or MissingConfigError."""
        ...

    def secret(self, namespace: str, name: str) -> Secret:
        """The Secret, or MissingConfigError."""
        ...


@attrs.frozen(kw_only=True)
class Process:
    """What runs in a container, fully resolved."""

    env: tuple[tuple[str, str], ...]
    command: tuple[str, ...]
    args: tuple[str, ...]


def build_process(
    pod: Pod,
    container: Container,
    *,
    services: Iterable[Service],
    configs: Configs,
    facts: PodFacts,
) -> Process:
    """Environment, command and arguments of *container*.

    Later variables win: services, then envFrom, then env; ``$(NAME)`` refers to earlier ones.

    Raises:
        MissingConfigError: a ConfigMap, Secret, key or field is not there and not optional.
    """
    namespace = pod.metadata.namespace
    has_links = pod.spec.enable_service_links is not False
    service_env = service_variables(services, namespace=namespace, has_links=has_links)
    env: dict[str, str] = {}
    for source in container.env_from:
        if source.config_map_ref is not None:
            values = _all_of_map(namespace, source.config_map_ref, configs)
        elif source.secret_ref is not None:
            values = _all_of_secret(namespace, source.secret_ref, configs)
        else:
            continue
        for key, value in values.items():
            env[source.prefix + key] = value
    for variable in container.env:
        known = {**service_env, **env}
        found = _value(pod, container, variable, configs=configs, facts=facts, known=known)
        if found is not None:
            env[variable.name] = found
    is_own = bool(env)
    env = {**service_env, **env}
    return Process(
        env=tuple(env.items()) if is_own else _shared(tuple(env.items())),
        command=tuple(expand(text, env) for text in container.command),
        args=tuple(expand(text, env) for text in container.args),
    )


@lru_cache(maxsize=256)
def _shared(env: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """*env*, the same object for the same content: pods of one namespace see the same services."""
    return env


def expand(text: str, variables: Mapping[str, str]) -> str:
    """*text* with ``$(NAME)`` replaced; unknown names stay, ``$$`` is a dollar."""

    def replace(match: re.Match[str]) -> str:
        name = match[1]
        if name is None:
            return "$"
        return variables.get(name, match[0])

    return _REFERENCE.sub(replace, text) if "$" in text else text


def service_variables(
    services: Iterable[Service], *, namespace: str, has_links: bool
) -> dict[str, str]:
    """The variables for the services of *namespace*, and always for `kubernetes`."""
    found: dict[str, str] = {}
    for service in services:
        meta = service.metadata
        is_master = meta.namespace == "default" and meta.name == "kubernetes"
        if not is_master and not (has_links and meta.namespace == namespace):
            continue
        address = service.spec.cluster_ip
        if not address or address == "None" or not service.spec.ports:
            continue
        name = meta.name.upper().replace("-", "_")
        first = service.spec.ports[0]
        found[f"{name}_SERVICE_HOST"] = address
        found[f"{name}_SERVICE_PORT"] = str(first.port)
        for port in service.spec.ports:
            if port.name:
                key = f"{name}_SERVICE_PORT_{port.name.upper().replace('-', '_')}"
                found[key] = str(port.port)
        protocol = (first.protocol or "TCP").lower()
        found[f"{name}_PORT"] = f"{protocol}://{address}:{first.port}"
        for port in service.spec.ports:
            protocol = port.protocol or "TCP"
            prefix = f"{name}_PORT_{port.port}_{protocol.upper()}"
            found[prefix] = f"{protocol.lower()}://{address}:{port.port}"
            found[f"{prefix}_PROTO"] = protocol.lower()
            found[f"{prefix}_PORT"] = str(port.port)
            found[f"{prefix}_ADDR"] = address
    return found


def _value(
    pod: Pod,
    container: Container,
    variable: EnvVar,
    *,
    configs: Configs,
    facts: PodFacts,
    known: Mapping[str, str],
) -> str | None:
    source = variable.value_from
    if source is None:
        return expand(variable.value, known)
    namespace = pod.metadata.namespace
    if source.field_ref is not None:
        return field_value(pod, source.field_ref.field_path, facts)
    if source.resource_field_ref is not None:
        return resource_value(pod, container, source.resource_field_ref, facts)
    if source.config_map_key_ref is not None:
        wanted = source.config_map_key_ref
        values = _all_of_map(namespace, wanted, configs)
        return _key_of(values, wanted, f"ConfigMap {namespace}/{wanted.name}")
    if source.secret_key_ref is not None:
        wanted = source.secret_key_ref
        values = _all_of_secret(namespace, wanted, configs)
        return _key_of(values, wanted, f"Secret {namespace}/{wanted.name}")
    return ""


def _key_of(values: Mapping[str, str], wanted: KeySelector, where: str) -> str | None:
    if wanted.key in values:
        return values[wanted.key]
    if wanted.optional:
        return None
    raise MissingConfigError(f"couldn't find key {wanted.key} in {where}")


def _all_of_map(namespace: str, wanted: KeySelector, configs: Configs) -> Mapping[str, str]:
    try:
        return configs.config_map(namespace, wanted.name).data
    except MissingConfigError:
        if wanted.optional:
            return {}
        raise


def _all_of_secret(namespace: str, wanted: KeySelector, configs: Configs) -> Mapping[str, str]:
    try:
        data = configs.secret(namespace, wanted.name).data
    except MissingConfigError:
        if wanted.optional:
            return {}
        raise
    return {key: base64.b64decode(value).decode(errors="replace") for key, value in data.items()}
