"""Terms of pod affinity and anti-affinity: which other pods, and around them how far. Pure.

Source: framework.AffinityTerm and interpodaffinity/plugin.go, kubernetes v1.34.
"""

from collections.abc import Mapping
from functools import lru_cache

import attrs

from engine.api.codec import decode_part
from engine.api.frozen import EMPTY, FrozenDict
from engine.api.meta import LabelSelector
from engine.api.pod import Pod
from engine.api.selectors import Requirement, Selector, from_label_selector
from engine.api.wire import Json

NOTHING = Selector((Requirement("", "in", ()),))
"""Selects no pod: what a selector that is not given means here."""


@attrs.frozen(cache_hash=True)
class AffinityTerm:
    """Pods of some namespaces that a selector selects, within one value of a node label.

    *weight* is 0 for a required term. Without *namespaces* and *namespace_selector* there are none.
    """

    topology_key: str
    selector: Selector
    namespaces: tuple[str, ...]
    namespace_selector: Selector | None = None
    weight: int = 0

    def matches(
        self, namespace: str, labels: Mapping[str, str], namespace_labels: Mapping[str, str]
    ) -> bool:
        """Whether the term means a pod of that namespace with those labels."""
        if namespace not in self.namespaces and (
            self.namespace_selector is None or not self.namespace_selector.matches(namespace_labels)
        ):
            return False
        return self.selector.matches(labels)


@attrs.frozen(cache_hash=True)
class PodAffinity:
    """The terms of one pod: required and preferred, for and against being near others."""

    required: tuple[AffinityTerm, ...] = ()
    required_anti: tuple[AffinityTerm, ...] = ()
    preferred: tuple[AffinityTerm, ...] = ()
    preferred_anti: tuple[AffinityTerm, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether the pod does not care where others are."""
        return not (self.required or self.required_anti or self.preferred or self.preferred_anti)


NO_AFFINITY = PodAffinity()


def pod_affinity(pod: Pod) -> PodAffinity:
    """The terms of *pod*; a namespace selector is resolved when a pod is compared."""
    affinity = pod.spec.affinity
    if not affinity:
        return NO_AFFINITY
    near, far = affinity.get("podAffinity"), affinity.get("podAntiAffinity")
    if not near and not far:
        return NO_AFFINITY
    namespace, labels = pod.metadata.namespace, pod.metadata.labels
    return _parse(near or EMPTY, far or EMPTY, namespace, labels)


@lru_cache(maxsize=4096)
def _parse(near: Json, far: Json, namespace: str, labels: FrozenDict[str, str]) -> PodAffinity:
    return PodAffinity(
        *(
            tuple(make(item, namespace, labels) for item in group.get(field) or ())
            for group, field, make in (
                (near, "requiredDuringSchedulingIgnoredDuringExecution", _term),
                (far, "requiredDuringSchedulingIgnoredDuringExecution", _term),
                (near, "preferredDuringSchedulingIgnoredDuringExecution", _weighted),
                (far, "preferredDuringSchedulingIgnoredDuringExecution", _weighted),
            )
        )
    )


def _weighted(item: Json, namespace: str, labels: Mapping[str, str]) -> AffinityTerm:
    term = _term(item.get("podAffinityTerm") or EMPTY, namespace, labels)
    return attrs.evolve(term, weight=int(item.get("weight", 0)))


def _term(item: Json, namespace: str, labels: Mapping[str, str]) -> AffinityTerm:
    selector = selector_of(item.get("labelSelector"))
    selector = with_label_keys(
        selector, labels, item.get("matchLabelKeys") or (), item.get("mismatchLabelKeys") or ()
    )
    namespaces = tuple(item.get("namespaces") or ())
    given = item.get("namespaceSelector")
    chosen = None if given is None else selector_of(given)
    if not namespaces and chosen is None:
        namespaces = (namespace,)
    return AffinityTerm(
        topology_key=item.get("topologyKey", ""),
        selector=selector,
        namespaces=namespaces,
        namespace_selector=chosen,
    )


def with_label_keys(
    selector: Selector,
    labels: Mapping[str, str],
    match: tuple[str, ...],
    mismatch: tuple[str, ...] = (),
) -> Selector:
    """*selector*, narrowed to pods with the same (or other) values of those labels.

    A key that *labels* lacks says nothing. The API server merges these keys into the selector of
    the pods it stores; saying the same twice does no harm.
    """
    if selector is NOTHING:
        return selector
    more = [Requirement(key, "in", (labels[key],)) for key in match if key in labels]
    more += [Requirement(key, "notin", (labels[key],)) for key in mismatch if key in labels]
    fresh = tuple(item for item in more if item not in selector.requirements)
    return Selector((*selector.requirements, *fresh)) if fresh else selector


@lru_cache(maxsize=4096)
def selector_of(data: FrozenDict[str, Json] | None) -> Selector:
    """The selector in a LabelSelector's JSON; one that is not given selects nothing."""
    if data is None:
        return NOTHING
    return from_label_selector(decode_part(LabelSelector, data)) or NOTHING
