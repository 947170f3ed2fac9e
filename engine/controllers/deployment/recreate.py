"""When a Recreate update may start its new pods. Pure.

Source: recreate.go, kubernetes v1.34.
"""

from collections.abc import Iterable

from engine.api.pod import Pod
from engine.controllers.deployment.revisions import ReplicaSets
from engine.controllers.pod_state import is_terminal


def are_old_pods_running(sets: ReplicaSets, old_pods: Iterable[Pod]) -> bool:
    """Whether any pod of an old template may still run; one that is terminating does."""
    if any(found.status.replicas for found in sets.old):
        return True
    return any(not is_terminal(pod) for pod in old_pods)
