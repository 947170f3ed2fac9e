"""Pods that count together when pods are spread over, or drawn to, nodes and zones. Pure."""

from collections.abc import Mapping
from typing import Protocol

import attrs

from engine.api.selectors import Selector
from engine.scheduler.pod_info import PodInfo


class Group(Protocol):
    """Says which pods belong to it. Hashable, so that it is counted once for all who ask."""

    def has(self, info: PodInfo, namespace_labels: Mapping[str, str]) -> bool:
        """Whether a pod belongs, its namespace being labelled like that."""
        ...


@attrs.frozen(cache_hash=True)
class PodGroup:
    """The pods of one namespace that have one owner, or that a selector selects."""

    namespace: str
    owner: str = ""
    selector: Selector | None = None

    def has(self, info: PodInfo, namespace_labels: Mapping[str, str]) -> bool:  # noqa: ARG002 - the protocol's signature
        """Whether a pod belongs; one that is being deleted no longer does."""
        metadata = info.pod.metadata
        if metadata.namespace != self.namespace or metadata.deletion_timestamp is not None:
            return False
        if self.selector is not None and not self.selector.matches(metadata.labels):
            return False
        return not self.owner or info.owner == self.owner
