"""Pods that count together when a pod is spread over nodes and zones. Pure."""

import attrs

from engine.api.selectors import Selector
from engine.scheduler.pod_info import PodInfo


@attrs.frozen
class PodGroup:
    """The pods of one namespace that have one owner, or that a selector selects."""

    namespace: str
    owner: str = ""
    selector: Selector | None = None

    def has(self, info: PodInfo) -> bool:
        """Whether a pod belongs; one that is being deleted no longer does."""
        if info.pod.metadata.namespace != self.namespace:
            return False
        if self.selector is not None:
            return self.selector.matches(info.pod.metadata.labels)
        return info.owner == self.owner
