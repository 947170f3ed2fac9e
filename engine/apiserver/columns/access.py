"""The columns of roles, bindings, certificates, classes, policies and what configures the server.

Source: pkg/printers/internalversion, kubernetes v1.34.
"""

from collections.abc import Mapping
from typing import Any

from engine.api.codec import encode, format_time
from engine.api.frozen import EMPTY
from engine.apiserver.columns.column import Column, Columns, age, columns, duration


def _created(obj: Any, _now: float) -> tuple[Any, ...]:
    created = obj.metadata.creation_timestamp
    return obj.metadata.name, "" if created is None else format_time(created)


def _binding(obj: Any, now: float) -> tuple[Any, ...]:
    data = encode(obj)
    role = data.get("roleRef") or EMPTY
    names: dict[str, list[str]] = {"User": [], "Group": [], "ServiceAccount": []}
    for subject in data.get("subjects") or ():
        kind = str(subject.get("kind", ""))
        name = str(subject.get("name", ""))
        if kind == "ServiceAccount":
            name = f"{subject.get('namespace', '')}/{name}"
        names.setdefault(kind, []).append(name)
    return (
        obj.metadata.name,
        f"{role.get('kind', '')}/{role.get('name', '')}",
        age(obj.metadata.creation_timestamp, now),
        *(", ".join(names[kind]) for kind in ("User", "Group", "ServiceAccount")),
    )


def _signing_request(obj: Any, now: float) -> tuple[Any, ...]:
    data = encode(obj)
    spec, status = data.get("spec", EMPTY), data.get("status", EMPTY)
    seconds = spec.get("expirationSeconds")
    return (
        obj.metadata.name,
        age(obj.metadata.creation_timestamp, now),
        spec.get("signerName") or "<none>",
        spec.get("username", ""),
        duration(seconds) if seconds is not None else "<none>",
        _request_state(status),
    )


def _request_state(status: Mapping[str, Any]) -> str:
    said = [one.get("type") for one in status.get("conditions") or ()]
    state = "Denied" if "Denied" in said else "Approved" if "Approved" in said else "Pending"
    if "Failed" in said:
        state += ",Failed"
    return state + ",Issued" if status.get("certificate") else state


def _priority_class(obj: Any, now: float) -> tuple[Any, ...]:
    data = encode(obj)
    return (
        obj.metadata.name,
        data.get("value", 0),
        bool(data.get("globalDefault", False)),
        age(obj.metadata.creation_timestamp, now),
        data.get("preemptionPolicy") or "PreemptLowerPriority",
    )


def _runtime_class(obj: Any, now: float) -> tuple[Any, ...]:
    created = age(obj.metadata.creation_timestamp, now)
    return obj.metadata.name, encode(obj).get("handler", ""), created


def _webhooks(obj: Any, now: float) -> tuple[Any, ...]:
    count = len(encode(obj).get("webhooks") or ())
    return obj.metadata.name, count, age(obj.metadata.creation_timestamp, now)


def _admission_policy(obj: Any, now: float) -> tuple[Any, ...]:
    spec = encode(obj).get("spec") or EMPTY
    kind = spec.get("paramKind")
    shown = f"{kind.get('apiVersion', '')}/{kind.get('kind', '')}" if kind else "<unset>"
    created = age(obj.metadata.creation_timestamp, now)
    return obj.metadata.name, len(spec.get("validations") or ()), shown, created


def _admission_binding(obj: Any, now: float) -> tuple[Any, ...]:
    spec = encode(obj).get("spec") or EMPTY
    ref = spec.get("paramRef") or EMPTY
    shown = "<unset>"
    if ref:
        name = ref.get("name") or "*"
        shown = f"{ref['namespace']}/{name}" if ref.get("namespace") else str(name)
    created = age(obj.metadata.creation_timestamp, now)
    return obj.metadata.name, spec.get("policyName", ""), shown, created


def _flow_schema(obj: Any, now: float) -> tuple[Any, ...]:
    data = encode(obj)
    spec, status = data.get("spec", EMPTY), data.get("status", EMPTY)
    dangling = "?"
    for condition in status.get("conditions") or ():
        if condition.get("type") == "Dangling":
            dangling = str(condition.get("status"))
    return (
        obj.metadata.name,
        (spec.get("priorityLevelConfiguration") or EMPTY).get("name", ""),
        spec.get("matchingPrecedence", 0),
        (spec.get("distinguisherMethod") or EMPTY).get("type", "<none>"),
        age(obj.metadata.creation_timestamp, now),
        dangling,
    )


def _priority_level(obj: Any, now: float) -> tuple[Any, ...]:
    spec = encode(obj).get("spec") or EMPTY
    limited = spec.get("limited") or EMPTY
    shares: Any = limited.get("nominalConcurrencyShares", "<none>")
    queuing = (limited.get("limitResponse") or EMPTY).get("queuing") or EMPTY
    return (
        obj.metadata.name,
        spec.get("type", ""),
        shares,
        queuing.get("queues", "<none>"),
        queuing.get("handSize", "<none>"),
        queuing.get("queueLengthLimit", "<none>"),
        age(obj.metadata.creation_timestamp, now),
    )


def _api_service(obj: Any, now: float) -> tuple[Any, ...]:
    data = encode(obj)
    service = (data.get("spec") or EMPTY).get("service") or EMPTY
    place = f"{service.get('namespace')}/{service.get('name')}" if service else "Local"
    available = "Unknown"
    for condition in (data.get("status") or EMPTY).get("conditions") or ():
        if condition.get("type") == "Available":
            available = str(condition.get("status"))
            if available != "True":
                available += f" ({condition.get('reason', '')})"
    return obj.metadata.name, place, available, age(obj.metadata.creation_timestamp, now)


def _component_status(obj: Any, _now: float) -> tuple[Any, ...]:
    for condition in encode(obj).get("conditions") or ():
        if condition.get("type") == "Healthy":
            is_well = condition.get("status") == "True"
            return (
                obj.metadata.name,
                "Healthy" if is_well else "Unhealthy",
                condition.get("message", ""),
                condition.get("error", ""),
            )
    return obj.metadata.name, "Unknown", "", ""


def _quota(obj: Any, now: float) -> tuple[Any, ...]:
    data = encode(obj)
    status = data.get("status") or EMPTY
    hard = status.get("hard") or EMPTY
    used = status.get("used") or EMPTY
    shown: dict[bool, list[str]] = {True: [], False: []}
    for name in sorted(hard):
        shown[name.startswith("limits.")].append(f"{name}: {used.get(name, '0')}/{hard[name]}")
    requests, limits = ", ".join(shown[False]), ", ".join(shown[True])
    return obj.metadata.name, requests, limits, age(obj.metadata.creation_timestamp, now)


CREATED = Columns((Column("Name"), Column("Created At", format="date-time")), _created)
BINDINGS = Columns(
    columns("Name", "Role", "Age", wide=("Users", "Groups", "ServiceAccounts")), _binding
)
SIGNING_REQUESTS = Columns(
    columns("Name", "Age", "SignerName", "Requestor", "RequestedDuration", "Condition"),
    _signing_request,
)
PRIORITY_CLASSES = Columns(
    columns("Name", "Value#", "Global-Default", "Age", "PreemptionPolicy"), _priority_class
)
RUNTIME_CLASSES = Columns(columns("Name", "Handler", "Age"), _runtime_class)
WEBHOOKS = Columns(columns("Name", "Webhooks#", "Age"), _webhooks)
ADMISSION_POLICIES = Columns(columns("Name", "Validations#", "ParamKind", "Age"), _admission_policy)
ADMISSION_BINDINGS = Columns(columns("Name", "PolicyName", "ParamRef", "Age"), _admission_binding)
FLOW_SCHEMAS = Columns(
    columns(
        "Name", "PriorityLevel", "MatchingPrecedence#", "DistinguisherMethod", "Age", "MissingPL"
    ),
    _flow_schema,
)
PRIORITY_LEVELS = Columns(
    columns(
        "Name", "Type", "NominalConcurrencyShares", "Queues", "HandSize", "QueueLengthLimit", "Age"
    ),
    _priority_level,
)
API_SERVICES = Columns(columns("Name", "Service", "Available", "Age"), _api_service)
COMPONENT_STATUSES = Columns(columns("Name", "Status", "Message", "Error"), _component_status)
QUOTAS = Columns(columns("Name", "Request", "Limit", "Age"), _quota)
