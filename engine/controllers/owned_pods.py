"""Which controller's object a change of a pod concerns: its owner, or those that could adopt it.

Source: the pod event handlers of pkg/controller (addPod, updatePod, deletePod), kubernetes v1.34.
"""

from collections.abc import Callable
from typing import Generic, TypeVar

import attrs

from engine.api.meta import ApiObject, controller_of
from engine.api.pod import Pod
from engine.api.selectors import Selector
from engine.client.informer import Informer
from engine.client.workqueue import WorkQueue
from engine.controllers.expectations import Expectations
from engine.controllers.ownership import CONTROLLER_INDEX, index_by_controller, resolve_controller

T = TypeVar("T", bound=ApiObject)

BATCH_PERIOD = 0.1
"""Seconds in which changes of pods are gathered where looking at all of them costs much."""
BATCH_PODS = 1_000
"""Owners of more pods gather for longer, as many times as they have more."""


@attrs.define(eq=False)
class OwnedPods(Generic[T]):
    """Hears of pods and has the objects they concern reconciled, *delay* seconds later.

    What has ten thousand pods is looked at once a second at most: whoever looks, looks at all.

    Expectations, if there are any, are told what has been seen. *matters* says which changes of a
    pod do; all do by default.
    """

    owners: Informer[T]
    pods: Informer[Pod]
    queue: WorkQueue
    selector_of: Callable[[T], Selector | None]
    expectations: Expectations | None = None
    matters: Callable[[Pod, Pod], bool] = attrs.field(default=lambda _old, _new: True)
    delay: float = 0.0
    _gathering: dict[str, None] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        index_by_controller(self.pods)
        self.pods.add_handler(self._on_pod)

    def _on_pod(self, _key: str, old: Pod | None, new: Pod | None) -> None:
        if new is None:
            assert old is not None
            self._is_going(old)
            return
        if new.metadata.deletion_timestamp is not None:
            self._is_going(new)
        if old is not None and not self.matters(old, new):
            return
        owner = resolve_controller(self.owners, new)
        if old is not None and old.metadata.owner_references != new.metadata.owner_references:
            former = resolve_controller(self.owners, old)
            if former is not None:
                self.queue.add(former.key)
        if owner is not None:
            if old is None and self.expectations is not None:
                self.expectations.creation_observed(owner.key)
            self._add(owner)
        elif controller_of(new) is None and new.metadata.deletion_timestamp is None:
            self._add_adopters(new)

    def _is_going(self, pod: Pod) -> None:
        owner = resolve_controller(self.owners, pod)
        if owner is not None:
            if self.expectations is not None:
                self.expectations.deletion_observed(owner.key, pod.metadata.uid)
            self._add(owner)

    def _add_adopters(self, pod: Pod) -> None:
        for owner in self.owners.lister.list(namespace=pod.metadata.namespace):
            selector = self.selector_of(owner)
            if selector is not None and selector.matches(pod.metadata.labels):
                self.queue.add(owner.key)

    def _add(self, owner: T) -> None:
        key = owner.key
        if self.delay <= 0:
            self.queue.add(key)
        elif key not in self._gathering:
            # Not `add_after`: that would take the place of a retry that is due later.
            self._gathering[key] = None
            pods = self.pods.indexer.count(CONTROLLER_INDEX, owner.metadata.uid)
            delay = self.delay * max(1.0, pods / BATCH_PODS)
            self.queue.loop.call_later(delay, self._add_gathered, key)

    def _add_gathered(self, key: str) -> None:
        del self._gathering[key]
        self.queue.add(key)
