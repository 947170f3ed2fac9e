"""binding, eviction, scale and finalize.

Source: pkg/registry/core/pod/storage, pkg/registry/apps/*/storage, kubernetes v1.34.
"""

from typing import Any

import attrs

from engine.api.autoscaling import Scale, ScaleSpec, ScaleStatus
from engine.api.core import Namespace
from engine.api.evolution import evolve
from engine.api.frozen import EMPTY, FrozenDict
from engine.api.meta import Condition, LabelSelector, ObjectMeta, condition_of
from engine.api.pod import Pod
from engine.api.policy import PodDisruptionBudget
from engine.api.scheme import SCHEME
from engine.api.selectors import format_selector, matches
from engine.apiserver.deletion import Deleter
from engine.apiserver.errors import (
    Cause,
    ConflictError,
    InternalError,
    InvalidError,
    TooManyRequestsError,
)
from engine.apiserver.keys import prefix_of
from engine.apiserver.request import DeleteOptions, RequestInfo
from engine.apiserver.storage import MODIFIED, ObjectStorage, origin_for
from engine.apiserver.strategy import Surroundings
from engine.apiserver.validation import invalid, required
from engine.store.kv import prefix_end

PODS = SCHEME.resource_of(Pod)
BUDGETS = SCHEME.resource_of(PodDisruptionBudget)


@attrs.define(eq=False)
class Subresources:
    """What is asked of an object besides reading and writing it."""

    storage: ObjectStorage
    around: Surroundings
    deleter: Deleter

    def bind(
        self,
        pod_name: str,
        namespace: str,
        node_name: str,
        *,
        request: RequestInfo,
        annotations: FrozenDict[str, str] = EMPTY,
        dry_run: bool = False,
    ) -> Any:
        """Give a pod to a node.

        Raises:
            ConflictError: it is being deleted, or has a node already.
        """
        old = self.storage.read(PODS, namespace, pod_name)
        if not node_name:
            raise InvalidError.of("Binding", pod_name, [required("target.name")])
        if old.metadata.deletion_timestamp is not None:
            why = f"pod {pod_name} is being deleted, cannot be assigned to a host"
            raise ConflictError.of("pods/binding", pod_name, why)
        if old.spec.node_name:
            why = f'pod {pod_name} is already assigned to node "{old.spec.node_name}"'
            raise ConflictError.of("pods/binding", pod_name, why)
        scheduled = Condition(
            type="PodScheduled",
            status="True",
            last_transition_time=self.around.now,
            observed_generation=old.metadata.generation,
        )
        others = [item for item in old.status.conditions if item.type != scheduled.type]
        metadata = old.metadata
        if annotations:
            metadata = evolve(metadata, annotations=metadata.annotations.with_items(annotations))
        new = evolve(
            old,
            metadata=metadata,
            spec=evolve(old.spec, node_name=node_name),
            status=evolve(
                # Since 1.34 a nomination ends with the binding.
                old.status,
                conditions=(*others, scheduled),
                nominated_node_name="",
            ),
        )
        return self.storage.replace(PODS, new, old, origin=origin_for(request), dry_run=dry_run)

    def evict(
        self,
        pod_name: str,
        namespace: str,
        *,
        options: DeleteOptions,
        request: RequestInfo,
        dry_run: bool = False,
    ) -> None:
        """Delete a pod unless a disruption budget says no.

        Raises:
            TooManyRequestsError: a budget allows no disruption at present.
            InternalError: more than one budget covers the pod.
        """
        pod = self.storage.read(PODS, namespace, pod_name)
        is_free = pod.metadata.deletion_timestamp is not None or pod.status.phase in (
            "Pending",
            "Succeeded",
            "Failed",
        )
        if not is_free:
            budgets = self._budgets_of(pod)
            if len(budgets) > 1:
                raise InternalError(
                    "This pod has more than one PodDisruptionBudget, which the eviction "
                    "subresource does not support."
                )
            for budget in budgets:
                self._spend(budget, pod, request, dry_run=dry_run)
        if not dry_run:
            options = self._mark_evicted(pod, options, request)
        self.deleter.delete(
            PODS, namespace, pod_name, options=options, request=request, dry_run=dry_run
        )

    def finalize(self, namespace: Namespace, *, request: RequestInfo, dry_run: bool = False) -> Any:
        """Set what holds a namespace; it goes when nothing does and it is being deleted."""
        resource = SCHEME.resource_of(Namespace)
        meta = namespace.metadata
        old = self.storage.read(resource, "", meta.name)
        if meta.resource_version and meta.resource_version != old.metadata.resource_version:
            raise ConflictError.of("namespaces", meta.name, MODIFIED)
        new = evolve(old, spec=namespace.spec)
        origin = origin_for(request)
        is_ended = old.metadata.deletion_timestamp is not None and not new.spec.finalizers
        if is_ended and not new.metadata.finalizers:
            self.storage.remove(resource, old, origin=origin, dry_run=dry_run)
            return new
        if new == old:
            return old
        return self.storage.replace(resource, new, old, origin=origin, dry_run=dry_run)

    def _mark_evicted(
        self, pod: Pod, options: DeleteOptions, request: RequestInfo
    ) -> DeleteOptions:
        """Say in the pod's status why it goes; the options with which what is then stored does.

        Source: addConditionAndDeletePod, pkg/registry/core/pod/storage/eviction.go.
        """
        version = pod.metadata.resource_version
        if options.resource_version not in ("", version) or options.uid not in (
            "",
            pod.metadata.uid,
        ):
            return options  # deleting it will say what does not hold
        known = condition_of(pod.status.conditions, "DisruptionTarget")
        since = known.last_transition_time if known and known.status == "True" else None
        condition = Condition(
            type="DisruptionTarget",
            status="True",
            reason="EvictionByEvictionAPI",
            message="Eviction API: evicting",
            last_transition_time=since or self.around.now,
            observed_generation=(pod.metadata.generation if pod.status.observed_generation else 0),
        )
        others = [item for item in pod.status.conditions if item.type != condition.type]
        status = evolve(pod.status, conditions=(*others, condition))
        new = evolve(pod, status=status)
        if new != pod:
            new = self.storage.replace(PODS, new, pod, origin=origin_for(request), dry_run=False)
        if options.resource_version:
            options = evolve(options, resource_version=new.metadata.resource_version)
        return options

    def _budgets_of(self, pod: Pod) -> list[PodDisruptionBudget]:
        prefix = prefix_of(BUDGETS, pod.metadata.namespace)
        return [
            kv.value
            for kv in self.storage.range(prefix, prefix_end(prefix)).kvs
            if matches(kv.value.spec.selector, pod.metadata.labels)
        ]

    def _spend(
        self, budget: PodDisruptionBudget, pod: Pod, request: RequestInfo, *, dry_run: bool
    ) -> None:
        """Take one disruption from *budget*, or refuse."""
        status = budget.status
        ready = any(
            item.type == "Ready" and item.status == "True" for item in pod.status.conditions
        )
        policy = budget.spec.unhealthy_pod_eviction_policy or "IfHealthyBudget"
        if not ready and (
            policy == "AlwaysAllow"
            or (status.current_healthy >= status.desired_healthy and status.desired_healthy > 0)
        ):
            return
        name = budget.metadata.name
        if status.observed_generation < budget.metadata.generation:
            raise _violated(f"The disruption budget {name} is still being processed by the server.")
        if status.disruptions_allowed <= 0:
            raise _violated(
                f"The disruption budget {name} needs {status.desired_healthy} healthy pods and has "
                f"{status.current_healthy} currently"
            )
        disrupted = status.disrupted_pods.with_items({pod.metadata.name: self.around.now})
        new = evolve(
            budget,
            status=evolve(
                status,
                disruptions_allowed=status.disruptions_allowed - 1,
                disrupted_pods=disrupted,
            ),
        )
        self.storage.replace(BUDGETS, new, budget, origin=origin_for(request), dry_run=dry_run)


def _violated(why: str) -> TooManyRequestsError:
    return TooManyRequestsError(
        "Cannot evict pod as it would violate the pod's disruption budget.",
        causes=(Cause(field="", message=why, reason="DisruptionBudget"),),
        retryAfterSeconds=10 if "processed" in why else None,
    )


def scale_of(obj: Any) -> Scale:
    """The Scale of a deployment, replica set, stateful set or replication controller."""
    meta = obj.metadata
    return Scale(
        metadata=ObjectMeta(
            name=meta.name,
            namespace=meta.namespace,
            uid=meta.uid,
            resource_version=meta.resource_version,
            creation_timestamp=meta.creation_timestamp,
        ),
        spec=ScaleSpec(replicas=int(_field(obj, "spec", "replicas") or 0)),
        status=ScaleStatus(
            replicas=int(_field(obj, "status", "replicas") or 0), selector=_selector_text(obj)
        ),
    )


def with_scale(obj: Any, scale: Scale) -> Any:
    """*obj* with the number of replicas that *scale* asks for.

    Raises:
        InvalidError: the number is negative.
    """
    replicas = scale.spec.replicas
    name = obj.metadata.name
    if replicas < 0:
        cause = invalid("spec.replicas", replicas, "must be greater than or equal to 0")
        raise InvalidError.of("Scale", name, [cause], group="autoscaling")
    version = scale.metadata.resource_version
    metadata = evolve(obj.metadata, resource_version=version or obj.metadata.resource_version)
    if hasattr(type(obj), "spec"):
        return evolve(obj, metadata=metadata, spec=evolve(obj.spec, replicas=replicas))
    spec = obj.extra.get("spec", EMPTY).with_items({"replicas": replicas})
    return evolve(obj, metadata=metadata, extra=obj.extra.with_items({"spec": spec}))


def _field(obj: Any, part: str, name: str) -> Any:
    if hasattr(type(obj), part):
        return getattr(getattr(obj, part), name)
    return obj.extra.get(part, EMPTY).get(name)


def _selector_text(obj: Any) -> str:
    selector = _field(obj, "spec", "selector")
    if isinstance(selector, LabelSelector):
        return format_selector(selector)
    return ",".join(f"{key}={value}" for key, value in (selector or EMPTY).items())
