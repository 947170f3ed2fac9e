"""Checks containers. All faults are found, none is raised.

Source: validateContainers of pkg/apis/core/validation, kubernetes v1.34.
"""

import re
from collections.abc import Iterable, Mapping

from engine.api.container import (
    Container,
    ContainerPort,
    EnvVar,
    EnvVarSource,
    SecurityContext,
    VolumeMount,
)
from engine.apiserver.errors import Cause
from engine.apiserver.resource_validation import validate_requirements
from engine.apiserver.validation import (
    duplicate,
    forbidden,
    invalid,
    invalid_all,
    label_faults,
    not_found,
    one_of,
    required,
    unsupported,
)

NOT_A_PORT_NAME = (
    "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-), at least one letter "
    "(a-z)"
)
PULL_POLICIES = ("Always", "IfNotPresent", "Never")
PROTOCOLS = ("SCTP", "TCP", "UDP")

_PORT_NAME = re.compile(r"(?=.*[a-z])[a-z0-9](?:-?[a-z0-9])*")
_VARIABLE = re.compile(r"[ -<>-~]+")
_NOT_A_VARIABLE = (
    "a valid environment variable name must consist only of printable ASCII characters other "
    "than '='"
)
_CONFIG_KEY = re.compile(r"[-._a-zA-Z0-9]+")
_NOT_A_CONFIG_KEY = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. "
    "'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)
_ENV_FIELDS = (
    "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName",
    "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs",
)  # fmt: skip
_ENV_SOURCES = ("config_map_key_ref", "secret_key_ref", "field_ref", "resource_field_ref")
_DISABLED_SOURCES = {"fileKeyRef"}
"""Alpha in 1.34 and off: the API drops it, and then nothing is left to take a value from."""
_SUBSCRIPT = re.compile(r"metadata\.(?:labels|annotations)\['.+'\]")
_RESOURCE_FIELDS = re.compile(r"(?:limits|requests)\.(?:cpu|memory|ephemeral-storage|hugepages-.+)")
_HIGHEST_ID = 2**31 - 1


def validate_container(container: Container, path: str, volumes: Mapping[str, None]) -> list[Cause]:
    """All that is wrong with *container*, whatever part it has in its pod."""
    causes: list[Cause] = []
    if not container.name:
        causes.append(required(f"{path}.name"))
    else:
        causes += invalid_all(f"{path}.name", container.name, label_faults(container.name))
    if not container.image:
        causes.append(required(f"{path}.image"))
    elif container.image != container.image.strip():
        message = "must not have leading or trailing whitespace"
        causes.append(invalid(f"{path}.image", container.image, message))
    causes += one_of(f"{path}.imagePullPolicy", container.image_pull_policy, PULL_POLICIES)
    causes += one_of(
        f"{path}.terminationMessagePolicy",
        container.termination_message_policy,
        ("FallbackToLogsOnError", "File"),
    )
    if container.ports:
        causes += _ports(container.ports, f"{path}.ports")
    if container.env or container.env_from:
        causes += _variables(container, path)
    if container.volume_mounts:
        causes += _mounts(container, path, volumes)
    causes += validate_requirements(container.resources, f"{path}.resources")
    if container.security_context is not None:
        causes += _security(container.security_context, f"{path}.securityContext")
    return causes


def port_faults(port: int) -> tuple[str, ...]:
    """What keeps *port* from being a port number."""
    return () if 1 <= port <= 65535 else ("must be between 1 and 65535, inclusive",)


def port_name_faults(name: str) -> tuple[str, ...]:
    """What keeps *name* from naming a port."""
    if len(name) > 15:
        return ("must be no more than 15 characters",)
    return () if _PORT_NAME.fullmatch(name) else (NOT_A_PORT_NAME,)


def port_reference_faults(port: object) -> tuple[str, ...]:
    """What keeps *port*, a number or a name, from meaning a port."""
    return port_faults(port) if isinstance(port, int) else port_name_faults(str(port))


def config_key_faults(key: str) -> tuple[str, ...]:
    """What keeps *key* from being a key of a ConfigMap or Secret."""
    if len(key) > 253:
        return ("must be no more than 253 characters",)
    if not _CONFIG_KEY.fullmatch(key):
        return (_NOT_A_CONFIG_KEY,)
    return (f"must not be '{key}'",) if key in (".", "..") else ()


def _ports(ports: Iterable[ContainerPort], path: str) -> list[Cause]:
    causes: list[Cause] = []
    names: dict[str, None] = {}
    for index, port in enumerate(ports):
        place = f"{path}[{index}]"
        if port.name:
            causes += invalid_all(f"{place}.name", port.name, port_name_faults(port.name))
            if port.name in names:
                causes.append(duplicate(f"{place}.name", port.name))
            names[port.name] = None
        number = port.container_port
        if not number:
            causes.append(required(f"{place}.containerPort"))
        else:
            causes += invalid_all(f"{place}.containerPort", number, port_faults(number))
        if port.host_port:
            faults = port_faults(port.host_port)
            causes += invalid_all(f"{place}.hostPort", port.host_port, faults)
        causes += one_of(f"{place}.protocol", port.protocol, PROTOCOLS)
    return causes


def _variables(container: Container, path: str) -> list[Cause]:
    causes: list[Cause] = []
    for index, variable in enumerate(container.env):
        place = f"{path}.env[{index}]"
        if not variable.name:
            causes.append(required(f"{place}.name"))
        elif not _VARIABLE.fullmatch(variable.name):
            causes.append(invalid(f"{place}.name", variable.name, _NOT_A_VARIABLE))
        if variable.value_from is not None:
            causes += _source(variable, variable.value_from, f"{place}.valueFrom")
    for index, source in enumerate(container.env_from):
        place = f"{path}.envFrom[{index}]"
        if source.prefix and not _VARIABLE.fullmatch(source.prefix):
            causes.append(invalid(f"{place}.prefix", source.prefix, _NOT_A_VARIABLE))
        references = (("configMapRef", source.config_map_ref), ("secretRef", source.secret_ref))
        given = [(field, reference) for field, reference in references if reference is not None]
        if not given:
            causes.append(invalid(place, "", "must specify one of: `configMapRef` or `secretRef`"))
        elif len(given) > 1:
            message = "may not have more than one field specified at a time"
            causes.append(invalid(place, "", message))
        causes += [required(f"{place}.{field}.name") for field, item in given if not item.name]
    return causes


def _source(variable: EnvVar, source: EnvVarSource, path: str) -> list[Cause]:
    given = [name for name in _ENV_SOURCES if getattr(source, name) is not None]
    causes: list[Cause] = []
    if not given and not source.extra.keys() - _DISABLED_SOURCES:
        message = (
            "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or "
            "`secretKeyRef`"
        )
        causes.append(invalid(path, "", message))
    elif variable.value:
        causes.append(invalid(path, "", "may not be specified when `value` is not empty"))
    elif len(given) > 1:
        causes.append(invalid(path, "", "may not have more than one field specified at a time"))
    return causes + _references(source, path)


def _references(source: EnvVarSource, path: str) -> list[Cause]:
    causes: list[Cause] = []
    for field, reference in (
        ("configMapKeyRef", source.config_map_key_ref),
        ("secretKeyRef", source.secret_key_ref),
    ):
        if reference is None:
            continue
        if not reference.name:
            causes.append(required(f"{path}.{field}.name"))
        if not reference.key:
            causes.append(required(f"{path}.{field}.key"))
        else:
            faults = config_key_faults(reference.key)
            causes += invalid_all(f"{path}.{field}.key", reference.key, faults)
    if source.field_ref is not None:
        causes += validate_field(source.field_ref.field_path, f"{path}.fieldRef", _ENV_FIELDS)
    if source.resource_field_ref is not None:
        resource = source.resource_field_ref.resource
        place = f"{path}.resourceFieldRef.resource"
        if not resource:
            causes.append(required(place))
        elif not _RESOURCE_FIELDS.fullmatch(resource):
            allowed = (
                "limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu",
                "requests.ephemeral-storage", "requests.memory",
            )  # fmt: skip
            causes.append(unsupported(place, resource, allowed))
    return causes


def validate_field(field: str, path: str, allowed: tuple[str, ...]) -> list[Cause]:
    """A reference to a field of the pod that is none of *allowed*, or of its labels."""
    if not field:
        return [required(f"{path}.fieldPath")]
    if field in allowed or _SUBSCRIPT.fullmatch(field):
        return []
    return [unsupported(f"{path}.fieldPath", field, allowed)]


def _mounts(container: Container, path: str, volumes: Mapping[str, None]) -> list[Cause]:
    causes: list[Cause] = []
    taken: dict[str, None] = {}
    for index, mount in enumerate(container.volume_mounts):
        place = f"{path}.volumeMounts[{index}]"
        if not mount.name:
            causes.append(required(f"{place}.name"))
        elif mount.name not in volumes:
            causes.append(not_found(f"{place}.name", mount.name))
        if not mount.mount_path:
            causes.append(required(f"{place}.mountPath"))
        elif mount.mount_path in taken:
            causes.append(invalid(f"{place}.mountPath", mount.mount_path, "must be unique"))
        taken[mount.mount_path] = None
        if mount.sub_path:
            faults = relative_path_faults(mount.sub_path)
            causes += invalid_all(f"{place}.subPath", mount.sub_path, faults)
        if mount.extra:
            causes += _mount_extras(container, mount, place)
    return causes


def _mount_extras(container: Container, mount: VolumeMount, path: str) -> list[Cause]:
    causes: list[Cause] = []
    expression = mount.extra.get("subPathExpr")
    if expression:
        if mount.sub_path:
            message = "subPathExpr and subPath are mutually exclusive"
            causes.append(invalid(f"{path}.subPathExpr", expression, message))
        faults = relative_path_faults(str(expression))
        causes += invalid_all(f"{path}.subPathExpr", expression, faults)
    propagation = mount.extra.get("mountPropagation")
    kinds = ("Bidirectional", "HostToContainer", "None")
    if propagation is not None and propagation not in kinds:
        causes.append(unsupported(f"{path}.mountPropagation", propagation, kinds))
    context = container.security_context
    if propagation == "Bidirectional" and not (context and context.privileged):
        message = "Bidirectional mount propagation is available only to privileged containers"
        causes.append(forbidden(f"{path}.mountPropagation", message))
    recursive = mount.extra.get("recursiveReadOnly")
    place = f"{path}.recursiveReadOnly"
    if recursive in ("Enabled", "IfPossible"):
        if not mount.read_only:
            causes.append(forbidden(place, "may only be specified when readOnly is true"))
        if propagation not in (None, "None"):
            message = "may only be specified when mountPropagation is None or not specified"
            causes.append(forbidden(place, message))
    elif recursive not in (None, "Disabled"):
        kinds = ("Disabled", "Enabled", "IfPossible")
        causes.append(unsupported(place, recursive, kinds))
    return causes


def relative_path_faults(path: str) -> tuple[str, ...]:
    """What keeps *path* from being one below where it starts."""
    faults = ("must be a relative path",) if path.startswith("/") else ()
    return (*faults, "must not contain '..'") if ".." in path.split("/") else faults


def _security(context: SecurityContext, path: str) -> list[Cause]:
    causes: list[Cause] = []
    for field, value in (("runAsUser", context.run_as_user), ("runAsGroup", context.run_as_group)):
        causes += validate_id(value, f"{path}.{field}")
    if context.allow_privilege_escalation is False:
        added = context.capabilities.add if context.capabilities else ()
        if context.privileged:
            message = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"
            causes.append(Cause(field=path, message=f"Invalid value: {message}"))
        if "CAP_SYS_ADMIN" in added:
            message = (
                "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` "
                "CAP_SYS_ADMIN"
            )
            causes.append(Cause(field=path, message=f"Invalid value: {message}"))
    profile = getattr(context, "seccomp_profile", None) or context.extra.get("seccompProfile")
    return causes + validate_seccomp(profile, f"{path}.seccompProfile")


def validate_id(value: int | None, path: str) -> list[Cause]:
    """A user or group that cannot be one."""
    if value is None or 0 <= value <= _HIGHEST_ID:
        return []
    return [invalid(path, value, f"must be between 0 and {_HIGHEST_ID}, inclusive")]


def validate_seccomp(profile: object, path: str) -> list[Cause]:
    """A seccomp profile: Localhost needs a file, the others must not have one."""
    if profile is None:
        return []
    if isinstance(profile, Mapping):
        kind, file = profile.get("type", ""), profile.get("localhostProfile")
    else:
        kind, file = getattr(profile, "type", ""), getattr(profile, "localhost_profile", None)
    if kind == "Localhost":
        if not file:
            message = "must be set when seccomp type is Localhost"
            return [required(f"{path}.localhostProfile", message)]
        return []
    causes = one_of(f"{path}.type", kind, ("Localhost", "RuntimeDefault", "Unconfined"))
    if file is not None:
        message = "can only be set when seccomp type is Localhost"
        causes.append(invalid(f"{path}.localhostProfile", file, message))
    return causes
