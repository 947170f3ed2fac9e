"""ResourceQuota: no more than a namespace may have.

A write is checked against what is used so far, and counted in the same step: no two writes can
take the same rest. What is given back is found by the quota controller.

Source: staging/src/k8s.io/apiserver/pkg/admission/plugin/resourcequota, kubernetes v1.34.
"""

from decimal import Decimal
from typing import Any

import attrs

from engine.api import quantity
from engine.api.container import Container
from engine.api.frozen import FrozenDict
from engine.api.pod import Pod
from engine.api.quota import ResourceQuota
from engine.api.scheme import SCHEME
from engine.api.usage import Amounts, covers, format_amount, usage_of
from engine.apiserver.admission.attributes import Attributes, objects_in
from engine.apiserver.storage import ObjectStorage, origin_for

_QUOTAS = SCHEME.resource_of(ResourceQuota)
_ENFORCED = {
    "cpu": ("requests", "cpu"),
    "memory": ("requests", "memory"),
    "requests.cpu": ("requests", "cpu"),
    "requests.memory": ("requests", "memory"),
    "limits.cpu": ("limits", "cpu"),
    "limits.memory": ("limits", "memory"),
}


class ResourceQuotaCheck:
    """Bounds what the objects of a namespace use together."""

    kinds = (object,)

    def check(self, attributes: Attributes, storage: ObjectStorage) -> None:
        """Refuse what no quota has room for."""
        for quota, delta in _charges(attributes, storage):
            if isinstance(attributes.obj, Pod) and attributes.operation == "CREATE":
                _check_says_enough(attributes, quota)
            more = {name: amount for name, amount in delta.items() if amount > 0}
            unknown = [name for name in more if name not in quota.status.used]
            if unknown:
                raise attributes.forbidden(
                    f"status unknown for quota: {quota.metadata.name}, "
                    f"resources: {','.join(sorted(unknown))}"
                )
            _check_fits(attributes, quota, more)

    def settle(self, attributes: Attributes, storage: ObjectStorage) -> None:
        """Count what has been written."""
        for quota, delta in _charges(attributes, storage):
            status = quota.status
            sums = {
                name: format_amount(name, _amount(status.used, name) + amount)
                for name, amount in delta.items()
                if amount > 0 and name in status.used
            }
            if not sums:
                continue
            new = attrs.evolve(
                quota, status=attrs.evolve(status, used=status.used.with_items(sums))
            )
            origin = origin_for(attributes.request)
            storage.replace(_QUOTAS, new, quota, origin=origin, dry_run=False)


def _charges(attributes: Attributes, storage: ObjectStorage) -> list[tuple[ResourceQuota, Amounts]]:
    """What the write takes from each quota that bounds it."""
    obj = attributes.obj
    namespace = obj.metadata.namespace
    if not namespace or attributes.operation == "DELETE":
        return []
    if attributes.subresource not in ("", "resize"):
        return []
    quotas = objects_in(storage, _QUOTAS, namespace)
    if not quotas:
        return []
    taken = usage_of(obj, attributes.resource)
    had = usage_of(attributes.old, attributes.resource) if attributes.old is not None else {}
    found = []
    for quota in quotas:
        if not covers(quota, obj):
            continue
        before = had if attributes.old is not None and covers(quota, attributes.old) else {}
        delta = {
            name: amount - before.get(name, Decimal(0))
            for name, amount in taken.items()
            if name in (quota.status.hard or quota.spec.hard)
        }
        if delta or isinstance(obj, Pod):
            found.append((quota, delta))
    return found


def _check_says_enough(attributes: Attributes, quota: ResourceQuota) -> None:
    """Where CPU or memory is bounded, every container must say what it needs."""
    missing: dict[str, list[str]] = {}
    spec = attributes.obj.spec
    for name in sorted(quota.status.hard or quota.spec.hard):
        if name not in _ENFORCED:
            continue
        containers = [
            container.name
            for container in (*spec.containers, *spec.init_containers)
            if not _says(container, *_ENFORCED[name])
        ]
        if containers:
            missing[name] = containers
    if missing:
        listed = "; ".join(f"{name} for: {','.join(names)}" for name, names in missing.items())
        raise attributes.forbidden(f"failed quota: {quota.metadata.name}: must specify {listed}")


def _says(container: Container, part: str, name: str) -> bool:
    amounts: FrozenDict[str, str] = getattr(container.resources, part)
    return name in amounts


def _check_fits(attributes: Attributes, quota: ResourceQuota, delta: Amounts) -> None:
    hard, used = quota.status.hard, quota.status.used
    over = sorted(
        name for name, amount in delta.items() if _amount(used, name) + amount > _amount(hard, name)
    )
    if not over:
        return
    asked = ",".join(f"{name}={format_amount(name, delta[name])}" for name in over)
    taken = ",".join(f"{name}={used[name]}" for name in over)
    bounds = ",".join(f"{name}={hard[name]}" for name in over)
    raise attributes.forbidden(
        f"exceeded quota: {quota.metadata.name}, requested: {asked}, used: {taken}, "
        f"limited: {bounds}"
    )


def _amount(amounts: Any, name: str) -> Decimal:
    return quantity.parse(amounts.get(name, "0"))
