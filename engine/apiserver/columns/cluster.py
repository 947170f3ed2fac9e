"""The columns of nodes, namespaces, events, leases, configuration and storage.

Source: pkg/printers/internalversion, kubernetes v1.34.
"""

from typing import Any

from engine.api.coordination import Lease
from engine.api.core import ConfigMap, Namespace, Secret, ServiceAccount
from engine.api.events import Event
from engine.api.frozen import EMPTY
from engine.api.meta import ApiObject, condition_of
from engine.api.node import Node
from engine.api.policy import PodDisruptionBudget
from engine.apiserver.columns.column import Columns, age, columns, wire_parts

_ROLE = "node-role.kubernetes.io/"


def _node(node: Node, now: float) -> tuple[Any, ...]:
    status = node.status
    ready = condition_of(status.conditions, "Ready")
    state = "Unknown" if ready is None else "Ready" if ready.status == "True" else "NotReady"
    if node.spec.unschedulable:
        state += ",SchedulingDisabled"
    roles = sorted(
        label.removeprefix(_ROLE) for label in node.metadata.labels if label.startswith(_ROLE)
    )
    addresses: dict[str, str] = {}
    for address in status.addresses:
        addresses.setdefault(address.type, address.address)
    info = status.node_info
    return (
        node.metadata.name,
        state,
        ",".join(role for role in roles if role) or "<none>",
        age(node.metadata.creation_timestamp, now),
        info.kubelet_version if info else "",
        addresses.get("InternalIP", "<none>"),
        addresses.get("ExternalIP", "<none>"),
        (info.os_image if info else "") or "<unknown>",
        (info.kernel_version if info else "") or "<unknown>",
        (info.container_runtime_version if info else "") or "<unknown>",
    )


def _namespace(namespace: Namespace, now: float) -> tuple[Any, ...]:
    meta = namespace.metadata
    return meta.name, namespace.status.phase, age(meta.creation_timestamp, now)


def _event(event: Event, now: float) -> tuple[Any, ...]:
    about, source = event.involved_object, event.source
    first = event.first_timestamp if event.first_timestamp is not None else event.event_time
    last = event.last_timestamp if event.last_timestamp is not None else first
    reporter = source.component or event.reporting_component
    host = source.host or event.reporting_instance
    return (
        age(last, now),
        event.type,
        event.reason,
        f"{about.kind.lower()}/{about.name}" if about.name else about.kind.lower(),
        about.field_path,
        f"{reporter}, {host}" if host else reporter,
        event.message.strip(),
        age(first, now),
        event.count or 1,
        event.metadata.name,
    )


def _lease(lease: Lease, now: float) -> tuple[Any, ...]:
    meta = lease.metadata
    return meta.name, lease.spec.holder_identity or "", age(meta.creation_timestamp, now)


def _config_map(obj: ConfigMap, now: float) -> tuple[Any, ...]:
    count = len(obj.data) + len(obj.binary_data)
    return obj.metadata.name, count, age(obj.metadata.creation_timestamp, now)


def _secret(obj: Secret, now: float) -> tuple[Any, ...]:
    return obj.metadata.name, obj.type, len(obj.data), age(obj.metadata.creation_timestamp, now)


def _service_account(obj: ServiceAccount, now: float) -> tuple[Any, ...]:
    return obj.metadata.name, len(obj.secrets), age(obj.metadata.creation_timestamp, now)


def _budget(obj: PodDisruptionBudget, now: float) -> tuple[Any, ...]:
    spec = obj.spec
    return (
        obj.metadata.name,
        "N/A" if spec.min_available is None else str(spec.min_available),
        "N/A" if spec.max_unavailable is None else str(spec.max_unavailable),
        obj.status.disruptions_allowed,
        age(obj.metadata.creation_timestamp, now),
    )


_MODES = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}


def _claim(obj: Any, now: float) -> tuple[Any, ...]:
    spec, status = wire_parts(obj)
    phase = "Terminating" if obj.metadata.deletion_timestamp else status.get("phase", "")
    capacity, modes = "", ""
    if spec.get("volumeName"):
        capacity = str(status.get("capacity", EMPTY).get("storage", ""))
        modes = ",".join(_MODES.get(mode, mode) for mode in status.get("accessModes", ()))
    return (
        obj.metadata.name,
        phase,
        spec.get("volumeName", ""),
        capacity,
        modes,
        spec.get("storageClassName", ""),
        spec.get("volumeAttributesClassName", "<unset>"),
        age(obj.metadata.creation_timestamp, now),
        spec.get("volumeMode", "Filesystem"),
    )


def plain(obj: ApiObject, now: float) -> tuple[Any, ...]:
    """The cells of a kind without columns of its own."""
    return obj.metadata.name, age(obj.metadata.creation_timestamp, now)


NODES = Columns(
    columns(
        "Name", "Status", "Roles", "Age", "Version",
        wide=("Internal-IP", "External-IP", "OS-Image", "Kernel-Version", "Container-Runtime"),
    ),
    _node,
)  # fmt: skip
NAMESPACES = Columns(columns("Name", "Status", "Age"), _namespace)
_EVENT_COLUMNS = columns(
    "Last Seen", "Type", "Reason", "Object", "Subobject", "Source", "Message", "First Seen",
    "Count#", "Name",
)  # fmt: skip
_EVENT_WIDE = ("Subobject", "Source", "First Seen", "Count", "Name")
EVENTS = Columns(
    tuple(
        type(column)(column.name, column.type, int(column.name in _EVENT_WIDE))
        for column in _EVENT_COLUMNS
    ),
    _event,
)
LEASES = Columns(columns("Name", "Holder", "Age"), _lease)
CONFIG_MAPS = Columns(columns("Name", "Data", "Age"), _config_map)
SECRETS = Columns(columns("Name", "Type", "Data#", "Age"), _secret)
SERVICE_ACCOUNTS = Columns(columns("Name", "Secrets#", "Age"), _service_account)
BUDGETS = Columns(
    columns("Name", "Min Available", "Max Unavailable", "Allowed Disruptions#", "Age"), _budget
)
CLAIMS = Columns(
    columns(
        "Name", "Status", "Volume", "Capacity", "Access Modes", "StorageClass",
        "VolumeAttributesClass", "Age", wide=("VolumeMode",),
    ),
    _claim,
)  # fmt: skip
PLAIN = Columns(columns("Name", "Age"), plain)
