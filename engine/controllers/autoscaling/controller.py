"""The horizontal pod autoscaler: every quarter of a minute, as many replicas as metrics ask for.

Source: horizontal.go of pkg/controller/podautoscaler, kubernetes v1.34.
"""

from collections.abc import Iterable
from typing import ClassVar

import attrs

from engine.api.autoscaling import Scale
from engine.api.autoscaling_v2 import HorizontalPodAutoscaler, MetricStatus
from engine.api.kubarium import Metric
from engine.api.meta import ApiObject, Condition, condition_of
from engine.api.pod import Pod
from engine.api.selectors import Selector, parse_selector
from engine.api.wire import Time
from engine.apiserver.errors import ApiError, NotFoundError
from engine.client.informer import Informer
from engine.client.workqueue import Result
from engine.config import ControllerSettings
from engine.controllers.autoscaling.measures import Measures
from engine.controllers.autoscaling.normalization import Past, Stamped, normalize, remembered
from engine.controllers.autoscaling.proposals import Situation, Sum, compute, tolerances_of
from engine.controllers.controller import QueueController


@attrs.define(eq=False)
class HorizontalController(QueueController):
    """Scales what HorizontalPodAutoscalers point at, and writes their status.

    What it remembers of an autoscaler (its wishes and its steps) is its own, as in Kubernetes: a
    new process begins with the present number.
    """

    QUEUE: ClassVar[str] = "horizontalpodautoscaler"

    period: float = ControllerSettings().horizontal_pod_autoscaler_sync_period
    tolerance: float = ControllerSettings().horizontal_pod_autoscaler_tolerance
    _autoscalers: Informer[HorizontalPodAutoscaler] = attrs.field(init=False)
    pods: Informer[Pod] = attrs.field(init=False)
    measures: Measures = attrs.field(init=False)
    past: dict[str, Past] = attrs.field(factory=dict, init=False)
    selectors: dict[str, Selector] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._autoscalers = self.informers.informer(HorizontalPodAutoscaler)
        self.pods = self.informers.informer(Pod)
        self.measures = Measures(self.client, self.informers.informer(Metric).lister)
        self._autoscalers.add_handler(self._on_autoscaler)

    def reconcile(self, key: str) -> Result | None:
        """Look at one autoscaler's metrics and scale its target; again in *period* seconds."""
        hpa = self._autoscalers.lister.by_key(key)
        if hpa is None:
            self.past.pop(key, None)
            self.selectors.pop(key, None)
            return None
        try:
            _Pass(self, hpa).run()
        except ApiError:
            # Somebody was faster, or the server is away: the next look is soon enough.
            return Result(requeue_after=self.period)
        return Result(requeue_after=self.period)

    def _on_autoscaler(
        self, key: str, old: HorizontalPodAutoscaler | None, new: HorizontalPodAutoscaler | None
    ) -> None:
        if new is None:
            self.queue.add(key)
        elif old is None or old.spec != new.spec:
            self.queue.add_after(key, self.period)


@attrs.define(eq=False)
class _Pass:
    """One look at one autoscaler; gathers its new status on the way."""

    controller: HorizontalController
    hpa: HorizontalPodAutoscaler
    conditions: tuple[Condition, ...] = attrs.field(init=False)
    statuses: tuple[MetricStatus, ...] = attrs.field(default=(), init=False)

    def __attrs_post_init__(self) -> None:
        self.conditions = self.hpa.status.conditions

    def run(self) -> None:
        """Decide, scale, and say so.

        Raises:
            ApiError: the status cannot be written.
        """
        hpa, key, now = self.hpa, self.hpa.key, self.controller.loop.now
        target = self._target()
        if target is None:
            return
        cls, scale = target
        self._say(
            "AbleToScale",
            "True",
            "SucceededGetScale",
            "the HPA controller was able to get the target's current scale",
        )
        current = scale.spec.replicas
        past = self.controller.past.setdefault(key, Past(wishes=(Stamped(current, now),)))
        least = 1 if hpa.spec.min_replicas is None else hpa.spec.min_replicas
        most = hpa.spec.max_replicas
        desired, reason = current, ""
        if current == 0 and least != 0:
            self._say(
                "ScalingActive",
                "False",
                "ScalingDisabled",
                "scaling is disabled since the replica count of the target is zero",
            )
        elif current > most:
            desired, reason = most, "Current number of replicas above Spec.MaxReplicas"
        elif current < least:
            desired, reason = least, "Current number of replicas below Spec.MinReplicas"
        else:
            found = self._computed(scale)
            if found is None or found.replicas is None:
                self._report(current, hpa.status.desired_replicas)
                return
            wish = found.replicas
            if wish > current:
                reason = f"{found.name} above target"
            elif wish < current:
                reason = "All metrics below target"
            normal = normalize(
                wish,
                current=current,
                least=least,
                most=most,
                behavior=hpa.spec.behavior,
                past=past,
                now=now,
            )
            past = remembered(past, behavior=hpa.spec.behavior, now=now, wish=wish)
            self.controller.past[key] = past
            self._say("AbleToScale", "True", *normal.able)
            self._say("ScalingLimited", "True" if normal.is_limited else "False", *normal.limited)
            desired = normal.replicas
        if desired != current and not self._rescale(cls, scale, desired, reason):
            return
        self._report(current, desired, has_scaled=desired != current)

    def _target(self) -> tuple[type[ApiObject], Scale] | None:
        """What is scaled, and its scale; None (and said so) if it cannot be had."""
        hpa, client = self.hpa, self.controller.client
        ref = hpa.spec.scale_target_ref
        scheme = client.server.scheme
        cls = scheme.class_for(ref.api_version, ref.kind)
        if cls is None:
            why = (
                "unable to determine resource for scale target reference: no matches for kind "
                f'"{ref.kind}" in version "{ref.api_version}"'
            )
        else:
            try:
                return cls, client.get_scale(cls, ref.name, namespace=hpa.metadata.namespace)
            except NotFoundError:
                resource = scheme.resource_of(cls)
                group = f".{resource.group}" if resource.group else ""
                why = f'{resource.plural}/scale{group} "{ref.name}" not found'
            except ApiError as error:
                why = str(error)
        self.controller.recorder.warning(hpa, "FailedGetScale", why)
        self._say(
            "AbleToScale",
            "False",
            "FailedGetScale",
            f"the HPA controller was unable to get the target's current scale: {why}",
        )
        self._report(hpa.status.current_replicas, hpa.status.desired_replicas, keep_metrics=True)
        return None

    def _computed(self, scale: Scale) -> Sum | None:
        """What the metrics come to; None (and said so) if it cannot be told whose they are."""
        hpa, controller = self.hpa, self.controller
        selector = self._selector(scale)
        if selector is None:
            return None
        namespace = hpa.metadata.namespace
        pods = controller.pods.lister.list(namespace=namespace, selector=selector)
        if not self._is_alone(pods, scale.status.selector):
            return None
        found = compute(
            hpa.spec.metrics,
            Situation(
                namespace=namespace,
                selector=scale.status.selector,
                pods=sorted(pods, key=lambda pod: pod.metadata.name),
                wanted=scale.spec.replicas,
                present=scale.status.replicas,
                tolerances=tolerances_of(hpa, controller.tolerance),
                now=controller.loop.now,
            ),
            controller.measures,
        )
        self.statuses = found.statuses
        for failure in found.failures:
            controller.recorder.warning(hpa, failure.reason, failure.message)
        if found.replicas is None:
            first = found.failures[0]
            message = f"the HPA was unable to compute the replica count: {first.message}"
            self._say("ScalingActive", "False", first.reason, message)
            controller.recorder.warning(hpa, "FailedComputeMetricsReplicas", found.error)
        else:
            message = (
                "the HPA was able to successfully calculate a replica count from " + found.name
            )
            self._say("ScalingActive", "True", "ValidMetricFound", message)
        return found

    def _selector(self, scale: Scale) -> Selector | None:
        hpa, recorder = self.hpa, self.controller.recorder
        text = scale.status.selector
        if not text:
            recorder.warning(hpa, "SelectorRequired", "selector is required")
            message = "the HPA target's scale is missing a selector"
            self._say("ScalingActive", "False", "InvalidSelector", message)
            recorder.warning(hpa, "FailedComputeMetricsReplicas", "selector is required")
            return None
        try:
            selector = parse_selector(text)
        except ValueError as error:
            message = (
                f"couldn't convert selector into a corresponding internal selector object: {error}"
            )
            recorder.warning(hpa, "InvalidSelector", message)
            self._say("ScalingActive", "False", "InvalidSelector", message)
            recorder.warning(hpa, "FailedComputeMetricsReplicas", message)
            return None
        self.controller.selectors[hpa.key] = selector
        return selector

    def _is_alone(self, pods: Iterable[Pod], text: str) -> bool:
        """Whether no other autoscaler selects any of the pods."""
        hpa, controller = self.hpa, self.controller
        prefix = f"{hpa.metadata.namespace}/"
        others = {
            key: selector
            for key, selector in controller.selectors.items()
            if key.startswith(prefix) and key != hpa.key
        }
        if not others:
            return True
        also = {
            key
            for pod in pods
            for key, selector in others.items()
            if selector.matches(pod.metadata.labels)
        }
        if not also:
            return True
        keys = sorted([hpa.key, *also])
        names = " ".join("{{{1} {0}}}".format(*key.split("/", 1)) for key in keys)
        message = f"pods by selector {text} are controlled by multiple HPAs: [{names}]"
        controller.recorder.warning(hpa, "AmbiguousSelector", message)
        self._say("ScalingActive", "False", "AmbiguousSelector", message)
        controller.recorder.warning(hpa, "FailedComputeMetricsReplicas", message)
        return False

    def _rescale(self, cls: type[ApiObject], scale: Scale, desired: int, reason: str) -> bool:
        """Write the new number; whether that worked."""
        hpa, controller = self.hpa, self.controller
        current = scale.spec.replicas
        wanted = attrs.evolve(scale, spec=attrs.evolve(scale.spec, replicas=desired))
        try:
            controller.client.update_scale(cls, wanted)
        except ApiError as error:
            message = f"New size: {desired}; reason: {reason}; error: {error}"
            controller.recorder.warning(hpa, "FailedRescale", message)
            message = f"the HPA controller was unable to update the target scale: {error}"
            self._say("AbleToScale", "False", "FailedUpdateScale", message)
            self._report(current, hpa.status.desired_replicas)
            return False
        message = f"the HPA controller was able to update the target scale to {desired}"
        self._say("AbleToScale", "True", "SucceededRescale", message)
        controller.recorder.normal(
            hpa, "SuccessfulRescale", f"New size: {desired}; reason: {reason}"
        )
        controller.past[hpa.key] = remembered(
            controller.past[hpa.key],
            behavior=hpa.spec.behavior,
            now=controller.loop.now,
            scaled=(current, desired),
        )
        return True

    def _say(self, type_: str, status: str, reason: str, message: str) -> None:
        """Set a condition; its time changes with its status alone."""
        now = Time(float(int(self.controller.loop.now)))
        before = condition_of(self.conditions, type_)
        since = before.last_transition_time if before and before.status == status else now
        new = Condition(
            type=type_, status=status, reason=reason, message=message, last_transition_time=since
        )
        if before is None:
            self.conditions = (*self.conditions, new)
        else:
            self.conditions = tuple(new if one is before else one for one in self.conditions)

    def _report(
        self, current: int, desired: int, *, has_scaled: bool = False, keep_metrics: bool = False
    ) -> None:
        hpa = self.hpa
        status = attrs.evolve(
            hpa.status,
            current_replicas=current,
            desired_replicas=desired,
            current_metrics=hpa.status.current_metrics if keep_metrics else self.statuses,
            conditions=self.conditions,
        )
        if has_scaled:
            now = Time(float(int(self.controller.loop.now)))
            status = attrs.evolve(status, last_scale_time=now)
        if status != hpa.status:
            self.controller.client.update_status(attrs.evolve(hpa, status=status))
