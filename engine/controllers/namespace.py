"""Empties namespaces that are being deleted, then lets them go.

Source: namespaced_resources_deleter.go, kubernetes v1.34.
"""

from collections.abc import Mapping
from typing import ClassVar

import attrs

from engine.api.core import Namespace
from engine.api.meta import ApiObject, Condition
from engine.api.pod import Pod
from engine.api.scheme import Resource, Scheme
from engine.api.wire import Time
from engine.apiserver.errors import ApiError, ConflictError, NotFoundError
from engine.client.informer import Informer
from engine.client.workqueue import Result
from engine.controllers.controller import QueueController

FINALIZER = "kubernetes"
_RETRY = 1.0
"""Seconds until content that takes no grace period is looked at again."""


@attrs.frozen
class Remaining:
    """What still stands in the way: objects per resource and per finalizer.

    *grace* is the longest grace period among them, in seconds.
    """

    resources: Mapping[str, int]
    finalizers: Mapping[str, int]
    grace: float
    failures: tuple[str, ...] = ()


def deletion_conditions(
    present: tuple[Condition, ...], remaining: Remaining, *, now: float
) -> tuple[Condition, ...]:
    """The five conditions of a terminating namespace, in Kubernetes' words."""
    content = [
        f"{name} has {count} resource instances"
        for name, count in sorted(remaining.resources.items())
    ]
    held = [
        f"{name} in {count} resource instances"
        for name, count in sorted(remaining.finalizers.items())
    ]
    wanted = (
        _condition(
            "NamespaceDeletionDiscoveryFailure",
            (),
            ("DiscoveryFailed", "ResourcesDiscovered"),
            "All resources successfully discovered",
            "",
        ),
        _condition(
            "NamespaceDeletionGroupVersionParsingFailure",
            (),
            ("GroupVersionParsingFailed", "ParsedGroupVersions"),
            "All legacy kube types successfully parsed",
            "",
        ),
        _condition(
            "NamespaceDeletionContentFailure",
            remaining.failures,
            ("ContentDeletionFailed", "ContentDeleted"),
            "All content successfully deleted, may be waiting on finalization",
            "Failed to delete all resource types, {count} remaining: ",
        ),
        _condition(
            "NamespaceContentRemaining",
            tuple(content),
            ("SomeResourcesRemain", "ContentRemoved"),
            "All content successfully removed",
            "Some resources are remaining: ",
        ),
        _condition(
            "NamespaceFinalizersRemaining",
            tuple(held),
            ("SomeFinalizersRemain", "ContentHasNoFinalizers"),
            "All content-preserving finalizers finished",
            "Some content in the namespace has finalizers remaining: ",
        ),
    )
    known = {condition.type: condition for condition in present}
    result = []
    for condition in wanted:
        before = known.pop(condition.type, None)
        since = Time(now)
        if before is not None and before.status == condition.status:
            since = before.last_transition_time or since
        result.append(attrs.evolve(condition, last_transition_time=since))
    return (*known.values(), *result)


@attrs.define(eq=False)
class NamespaceController(QueueController):
    """Deletes what is in a terminating namespace; removes its finalizer when nothing is left.

    Pods go first, the rest only when the last pod has gone.
    """

    QUEUE: ClassVar[str] = "namespace"

    scheme: Scheme = attrs.field(init=False)
    _namespaces: Informer[Namespace] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.scheme = self.client.server.scheme
        super().__attrs_post_init__()
        self._namespaces = self.informers.informer(Namespace)
        self._namespaces.add_handler(self._on_namespace)
        self.informers.informer(Pod).add_handler(self._on_pod)

    def reconcile(self, key: str) -> Result | None:
        """Delete the namespace's content once more, and finalize it if there is none."""
        cached = self._namespaces.lister.by_key(key)
        if cached is None or cached.metadata.deletion_timestamp is None:
            return None
        try:
            namespace = self.client.get(Namespace, key)
        except NotFoundError:
            return None
        if FINALIZER not in namespace.spec.finalizers:
            return None
        remaining = self._delete_content(key)
        conditions = deletion_conditions(namespace.status.conditions, remaining, now=self.loop.now)
        if conditions != namespace.status.conditions:
            status = attrs.evolve(namespace.status, conditions=conditions)
            namespace = self.client.update_status(attrs.evolve(namespace, status=status))
        if remaining.resources or remaining.failures:
            return Result(requeue_after=max(_RETRY, remaining.grace / 2))
        kept = tuple(name for name in namespace.spec.finalizers if name != FINALIZER)
        spec = attrs.evolve(namespace.spec, finalizers=kept)
        self.client.update_subresource(attrs.evolve(namespace, spec=spec), "finalize")
        return None

    def _delete_content(self, namespace: str) -> Remaining:
        resources: dict[str, int] = {}
        finalizers: dict[str, int] = {}
        failures: list[str] = []
        grace = 0.0
        pods = self.scheme.resource_of(Pod)
        for resource in (pods, *(found for found in self.scheme if found is not pods)):
            if resource is not pods and f"{pods.plural}." in resources:
                # Pods end before what they may still need: secrets, claims, network policies.
                break
            if not resource.namespaced or "delete" not in resource.verbs or resource.stored_as:
                continue
            try:
                left = self._delete_all(resource, namespace)
            except ApiError as error:
                failures.append(str(error))
                continue
            if left:
                group = f".{resource.group}" if resource.group else "."
                resources[f"{resource.plural}{group}"] = len(left)
            for obj in left:
                for finalizer in obj.metadata.finalizers:
                    finalizers[finalizer] = finalizers.get(finalizer, 0) + 1
                grace = max(grace, float(obj.metadata.deletion_grace_period_seconds or 0))
        return Remaining(resources, finalizers, grace, tuple(failures))

    def _delete_all(self, resource: Resource, namespace: str) -> tuple[ApiObject, ...]:
        """Delete every object of a kind; those that are still there afterwards."""
        found = self.client.list(resource.cls, namespace=namespace).items
        if not found:
            return ()
        for obj in found:
            if obj.metadata.deletion_timestamp is not None and resource.cls is Pod:
                continue
            meta = obj.metadata
            try:
                self.client.delete(
                    resource.cls,
                    meta.name,
                    namespace=namespace,
                    uid=meta.uid,
                    propagation_policy="Background",
                )
            except (NotFoundError, ConflictError):
                continue
        return self.client.list(resource.cls, namespace=namespace).items

    def _on_namespace(self, key: str, _old: Namespace | None, new: Namespace | None) -> None:
        if new is not None and new.metadata.deletion_timestamp is not None:
            self.queue.add(key)

    def _on_pod(self, _key: str, old: Pod | None, new: Pod | None) -> None:
        """A pod that has gone may have been the last."""
        if new is None and old is not None:
            namespace = self._namespaces.lister.by_key(old.metadata.namespace)
            if namespace is not None and namespace.metadata.deletion_timestamp is not None:
                self.queue.add(namespace.key)


def _condition(
    type_: str,
    problems: tuple[str, ...],
    reasons: tuple[str, str],
    good: str,
    bad: str,
) -> Condition:
    if not problems:
        return Condition(type=type_, status="False", reason=reasons[1], message=good)
    message = bad.format(count=len(problems)) + ", ".join(problems)
    return Condition(type=type_, status="True", reason=reasons[0], message=message)
