"""Keeps the status of ResourceQuotas: what is enforced, and what is used of it.

Writes are counted by admission as they are made; what is given back is found here.

Source: pkg/controller/resourcequota, kubernetes v1.34.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, ClassVar

import attrs

from engine.api import quantity
from engine.api.core import Service
from engine.api.frozen import FrozenDict
from engine.api.meta import ApiObject
from engine.api.persistent import PersistentVolumeClaim
from engine.api.pod import Pod
from engine.api.quota import ResourceQuota
from engine.api.scheme import SCHEME, Resource
from engine.api.usage import CLASS_SUFFIX, format_amount, used
from engine.client.informer import Informer
from engine.client.workqueue import Result
from engine.controllers.controller import QueueController

RESYNC = 300.0
"""Seconds after which every quota is counted again, whatever has happened."""

SETTLE = 0.1
"""Seconds in which several releases are gathered into one count."""

_FINISHED = ("Succeeded", "Failed")
_BY_NAME = {resource.qualified: resource for resource in SCHEME}


@attrs.define(eq=False)
class ResourceQuotaController(QueueController):
    """Counts what each quota bounds, when something is released and when the bounds change."""

    QUEUE: ClassVar[str] = "resource-quota"

    _quotas: Informer[ResourceQuota] = attrs.field(init=False)
    _watched: dict[type[ApiObject], None] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._quotas = self.informers.informer(ResourceQuota)
        self._quotas.add_handler(self._on_quota)

    def reconcile(self, key: str) -> Result | None:
        """Count one quota anew, from what the API server has now.

        Everything is read in one step, so that nothing can be written in between.
        """
        known = self._quotas.lister.by_key(key)
        if known is None:
            return None
        namespace = known.metadata.namespace
        found = self.client.list(ResourceQuota, namespace=namespace).items
        quota = next((item for item in found if item.key == key), None)
        if quota is None:
            return None
        resources = list(counted(quota))
        objects = (
            obj
            for resource in resources
            for obj in self.client.list(resource.cls, namespace=namespace).items
        )
        sums = used(quota, objects)
        known_names = [name for name in quota.spec.hard if _is_known(name)]
        texts = {
            name: format_amount(name, sums[name])
            if name in known_names
            else quota.status.used.get(name, "0")
            for name in quota.spec.hard
        }
        status = attrs.evolve(quota.status, hard=quota.spec.hard, used=FrozenDict(texts))
        if not _is_same(status.used, quota.status.used) or status.hard != quota.status.hard:
            self.client.update_status(attrs.evolve(quota, status=status))
        return Result(requeue_after=RESYNC)

    def _on_quota(self, key: str, old: ResourceQuota | None, new: ResourceQuota | None) -> None:
        if new is None:
            return
        for resource in counted(new):
            self._watch(resource.cls)
        if old is None or old.spec != new.spec:
            self.queue.add(key)

    def _watch(self, cls: type[ApiObject]) -> None:
        """Hear of what is released of that kind, once a quota is about it."""
        if cls not in self._watched:
            self._watched[cls] = None
            self.informers.informer(cls).add_handler(self._released)

    def _released(self, _key: str, old: Any, new: Any) -> None:
        if old is None or not _gives_back(old, new):
            return
        namespace = old.metadata.namespace
        for quota in self._quotas.lister.list(namespace=namespace):
            self.queue.add_after(quota.key, SETTLE)


def counted(quota: ResourceQuota) -> Iterator[Resource]:
    """The resources whose objects use what *quota* bounds."""
    found: dict[str, None] = {}
    for name in quota.spec.hard:
        found.update(dict.fromkeys(_kinds(name)))
    for qualified in found:
        yield _BY_NAME[qualified]


def _kinds(name: str) -> tuple[str, ...]:
    """The resources that use *name*, by their qualified names."""
    if name.startswith("count/"):
        qualified = name.removeprefix("count/").removesuffix(".")
        return (qualified,) if qualified in _BY_NAME else ()
    if CLASS_SUFFIX in name or name in ("persistentvolumeclaims", "requests.storage"):
        return ("persistentvolumeclaims",)
    if name.startswith("services"):
        return ("services",)
    return (name,) if name in _BY_NAME else ("pods",)


def _is_known(name: str) -> bool:
    return bool(_kinds(name))


def _gives_back(old: Any, new: Any) -> bool:
    """Whether *new* (None if it is gone) uses less than *old*."""
    if new is None:
        return True
    check = _RELEASES.get(type(new))
    return check is not None and check(old, new)


_RELEASES: dict[type[ApiObject], Callable[[Any, Any], bool]] = {
    Pod: lambda old, new: (
        (new.status.phase in _FINISHED and old.status.phase not in _FINISHED)
        or old.spec.containers != new.spec.containers
    ),
    Service: lambda old, new: old.spec != new.spec,
    PersistentVolumeClaim: lambda old, new: (
        old.spec.resources != new.spec.resources
        or old.status.allocated_resources != new.status.allocated_resources
    ),
}


def _is_same(new: FrozenDict[str, str], old: FrozenDict[str, str]) -> bool:
    """Whether both mean the same amounts, however they are written."""
    return new.keys() == old.keys() and all(
        _amount(text) == _amount(old[name]) for name, text in new.items()
    )


def _amount(text: str) -> Decimal:
    return quantity.parse(text)
