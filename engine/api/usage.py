"""What objects use of a resource quota: requests, limits and counts, as exact numbers.

Source: pkg/quota/v1/evaluator/core, kubernetes v1.34.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

from engine.api import quantity
from engine.api.container import Container
from engine.api.core import Service
from engine.api.meta import ApiObject
from engine.api.persistent import PersistentVolumeClaim
from engine.api.pod import Pod, PodSpec
from engine.api.quota import ResourceQuota, ScopedResourceSelectorRequirement
from engine.api.scheme import SCHEME, Resource

Amounts = dict[str, Decimal]

CLASS_SUFFIX = ".storageclass.storage.k8s.io/"
COMPUTE = ("cpu", "memory", "ephemeral-storage")
_FINISHED = ("Succeeded", "Failed")
_PLAIN_COUNTS = (
    "configmaps", "persistentvolumeclaims", "replicationcontrollers", "resourcequotas", "secrets",
    "services",
)  # fmt: skip
_BINARY = ("memory", "storage", "hugepages-")
_DECIMAL_UNITS = (("E", 18), ("P", 15), ("T", 12), ("G", 9), ("M", 6), ("k", 3))


def total(
    spec: PodSpec, amounts_of: Callable[[Container], Mapping[str, str]], overhead: Mapping[str, str]
) -> Amounts:
    """What a pod takes altogether: its containers and side-cars, or its largest start, if more."""
    running: Amounts = {}
    for container in spec.containers:
        _add(running, amounts_of(container))
    cars: Amounts = {}
    peak: Amounts = {}
    for container in spec.init_containers:
        if container.restart_policy == "Always":
            _add(cars, amounts_of(container))
            needed = dict(cars)
        else:
            needed = dict(cars)
            _add(needed, amounts_of(container))
        for name, amount in needed.items():
            peak[name] = max(peak.get(name, Decimal(0)), amount)
    for name, amount in cars.items():
        running[name] = running.get(name, Decimal(0)) + amount
    for name, amount in peak.items():
        running[name] = max(running.get(name, Decimal(0)), amount)
    for name, text in overhead.items():
        running[name] = running.get(name, Decimal(0)) + quantity.parse(text)
    return running


def pod_requests(spec: PodSpec) -> Amounts:
    """What the pod asks of its node, overhead included; what it asks as a whole comes first."""
    found = total(spec, lambda container: container.resources.requests, spec.overhead)
    return _as_a_whole(spec, "requests", found)


def pod_limits(spec: PodSpec) -> Amounts:
    """What the pod may take at most, by the containers that say so; overhead included."""
    limits = total(spec, lambda container: container.resources.limits, {})
    for name, text in spec.overhead.items():
        if name in limits:
            limits[name] += quantity.parse(text)
    return _as_a_whole(spec, "limits", limits)


def _as_a_whole(spec: PodSpec, which: str, found: Amounts) -> Amounts:
    """*found*, with the requests or limits of the pod's own resources in place of the sums."""
    own = (spec.extra.get("resources") or {}).get(which) or {}
    for name, text in own.items():
        overhead = quantity.parse(spec.overhead.get(name, "0"))
        found[name] = quantity.parse(text) + overhead
    return found


def usage_of(obj: ApiObject, resource: Resource) -> Amounts:
    """What *obj* uses of everything that a quota can bound."""
    found = {f"count/{resource.qualified}": Decimal(1)}
    if not resource.group and resource.plural in _PLAIN_COUNTS:
        found[resource.plural] = Decimal(1)
    if isinstance(obj, Pod):
        found |= _pod(obj)
    elif isinstance(obj, Service):
        found |= _service(obj)
    elif isinstance(obj, PersistentVolumeClaim):
        found |= _claim(obj)
    return found


def covers(quota: ResourceQuota, obj: ApiObject) -> bool:
    """Whether *obj* is in all scopes of *quota*; a quota with scopes is about pods alone."""
    spec = quota.spec
    expressions = spec.scope_selector.match_expressions if spec.scope_selector else ()
    if not spec.scopes and not expressions:
        return True
    if not isinstance(obj, Pod):
        return False
    return all(_in_scope(scope, obj) for scope in spec.scopes) and all(
        _meets(expression, obj) for expression in expressions
    )


def used(quota: ResourceQuota, objects: Iterable[ApiObject]) -> Amounts:
    """What *objects* use of what *quota* bounds; 0 for what nobody uses."""
    sums = {name: Decimal(0) for name in quota.spec.hard}
    for obj in objects:
        if not covers(quota, obj):
            continue
        for name, amount in usage_of(obj, SCHEME.resource_of(type(obj))).items():
            if name in sums:
                sums[name] += amount
    return sums


def format_amount(name: str, amount: Decimal) -> str:
    """*amount* as a quantity of the resource *name*: memory in powers of two, others of ten."""
    if any(part in name for part in _BINARY) and amount == amount.to_integral_value():
        whole = int(amount)
        if whole % 1024 == 0:
            return quantity.format_bytes(whole)
    millis = int(amount * 1000)
    if millis % 1000:
        return f"{millis}m"
    whole = millis // 1000
    for suffix, exponent in _DECIMAL_UNITS:
        if whole and whole % 10**exponent == 0:
            return f"{whole // 10**exponent}{suffix}"
    return str(whole)


def is_best_effort(spec: PodSpec) -> bool:
    """Whether no container of the pod asks for, or is limited in, CPU or memory."""
    return not any(
        name in container.resources.requests or name in container.resources.limits
        for container in (*spec.containers, *spec.init_containers)
        for name in ("cpu", "memory")
    )


def _add(sums: Amounts, amounts: Mapping[str, str]) -> None:
    for name, text in amounts.items():
        sums[name] = sums.get(name, Decimal(0)) + quantity.parse(text)


def _pod(pod: Pod) -> Amounts:
    if pod.status.phase in _FINISHED:
        return {}
    found = {"pods": Decimal(1)}
    for name, amount in pod_requests(pod.spec).items():
        if name in COMPUTE or name.startswith("hugepages-"):
            found[name] = amount
        found[f"requests.{name}"] = amount
    for name, amount in pod_limits(pod.spec).items():
        if name in COMPUTE:
            found[f"limits.{name}"] = amount
    return found


def _service(service: Service) -> Amounts:
    spec = service.spec
    found: Amounts = {}
    if spec.type == "NodePort":
        found["services.nodeports"] = Decimal(len(spec.ports))
    elif spec.type == "LoadBalancer":
        found["services.loadbalancers"] = Decimal(1)
        if spec.extra.get("allocateLoadBalancerNodePorts") is not False:
            found["services.nodeports"] = Decimal(len(spec.ports))
        else:
            found["services.nodeports"] = Decimal(sum(1 for port in spec.ports if port.node_port))
    return found


def _claim(claim: PersistentVolumeClaim) -> Amounts:
    spec = claim.spec
    asked = quantity.parse(spec.resources.requests.get("storage", "0"))
    given = quantity.parse(claim.status.allocated_resources.get("storage", "0"))
    storage = max(asked, given)
    found = {"requests.storage": storage}
    if spec.storage_class_name:
        found[f"{spec.storage_class_name}{CLASS_SUFFIX}persistentvolumeclaims"] = Decimal(1)
        found[f"{spec.storage_class_name}{CLASS_SUFFIX}requests.storage"] = storage
    return found


def _in_scope(scope: str, pod: Pod) -> bool:
    match scope:
        case "Terminating":
            return pod.spec.active_deadline_seconds is not None
        case "NotTerminating":
            return pod.spec.active_deadline_seconds is None
        case "BestEffort":
            return is_best_effort(pod.spec)
        case "NotBestEffort":
            return not is_best_effort(pod.spec)
        case "PriorityClass":
            return bool(pod.spec.priority_class_name)
        case "CrossNamespacePodAffinity":
            return _looks_elsewhere(pod.spec)
    return False


def _meets(expression: ScopedResourceSelectorRequirement, pod: Pod) -> bool:
    if expression.scope_name != "PriorityClass":
        return _in_scope(expression.scope_name, pod)
    name = pod.spec.priority_class_name
    match expression.operator:
        case "In":
            return name in expression.values
        case "NotIn":
            return name not in expression.values
        case "Exists":
            return bool(name)
        case "DoesNotExist":
            return not name
    return False


def _looks_elsewhere(spec: PodSpec) -> bool:
    """Whether an affinity term of the pod is about pods of other namespaces."""
    affinity = spec.affinity or {}
    for kind in ("podAffinity", "podAntiAffinity"):
        rules = affinity.get(kind) or {}
        terms = [
            *rules.get("requiredDuringSchedulingIgnoredDuringExecution", ()),
            *(
                weighted.get("podAffinityTerm", {})
                for weighted in rules.get("preferredDuringSchedulingIgnoredDuringExecution", ())
            ),
        ]
        if any(term.get("namespaces") or "namespaceSelector" in term for term in terms):
            return True
    return False
