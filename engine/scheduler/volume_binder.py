"""Binds a pod's volumes before the pod: writes what was chosen, then waits for the claims.

Source: volumebinding/binder.go BindPodVolumes, kubernetes v1.34.
"""

from collections.abc import Callable

import attrs

from engine.api.meta import ObjectReference
from engine.api.persistent import PersistentVolume, PersistentVolumeClaim
from engine.apiserver.errors import ApiError
from engine.client.client import Client
from engine.kernel.loop import Loop, Timer
from engine.scheduler.plugin_args import DEFAULTS
from engine.scheduler.plugins.volume_binding import BindingPlan
from engine.scheduler.volume_view import BIND_COMPLETED, SELECTED_NODE, VolumeView

BOUND_BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller"


@attrs.define(eq=False)
class Waiting:
    """A pod whose claims are being bound, and what is done when they are, or will not be."""

    pod_key: str
    claims: frozenset[str]
    node: str
    on_bound: Callable[[], None]
    on_failed: Callable[[str], None]
    timer: Timer
    selected_at: dict[str, int]


@attrs.define(eq=False, repr=False)
class VolumeBinder:
    """Keeps track of pods between the choice of their node and their binding."""

    loop: Loop
    client: Client
    view: VolumeView
    _waiting: dict[str, Waiting] = attrs.field(factory=dict, init=False)

    def begin(
        self,
        pod_key: str,
        node: str,
        plan: BindingPlan,
        *,
        on_bound: Callable[[], None],
        on_failed: Callable[[str], None],
        timeout: float = DEFAULTS.bind_timeout,
    ) -> None:
        """Write *plan*; then one of the callbacks is called, perhaps at once.

        A pod whose claims are not bound after *timeout* seconds is tried anew.

        Raises:
            ApiError: it could not be written; nothing is waited for.
        """
        claims = [claim for claim, _ in plan.bind] + list(plan.provision)
        for claim, volume in plan.bind:
            self.view.assumed[claim.key] = volume.metadata.name
        selected_at: dict[str, int] = {}
        try:
            for claim, volume in plan.bind:
                self._bind(claim, volume)
            for claim in plan.provision:
                selected_at[claim.key] = self._select(claim, node)
        except ApiError:
            self._forget(frozenset(claim.key for claim in claims))
            raise
        self._waiting[pod_key] = Waiting(
            pod_key,
            frozenset(claim.key for claim in claims),
            node,
            on_bound,
            on_failed,
            self.loop.call_later(timeout, self._give_up, pod_key),
            selected_at,
        )
        self._check(self._waiting[pod_key])

    def is_waiting(self, pod_key: str) -> bool:
        """Whether a pod's claims are being bound."""
        return pod_key in self._waiting

    def cancel(self, pod_key: str) -> None:
        """The pod is gone."""
        self._end(pod_key)

    def claim_changed(self, key: str) -> None:
        """See whether a claim is what someone waits for."""
        for waiting in tuple(self._waiting.values()):
            if key in waiting.claims:
                self._check(waiting)

    def _check(self, waiting: Waiting) -> None:
        for key in sorted(waiting.claims):
            namespace, _, name = key.partition("/")
            claim = self.view.claims.get(name, namespace=namespace)
            if claim is None:
                self._fail(waiting, f'persistentvolumeclaim "{name}" not found')
                return
            selected = claim.metadata.annotations.get(SELECTED_NODE)
            if key not in self.view.assumed and selected not in (None, waiting.node):
                self._fail(
                    waiting,
                    f'provisioning failed for PVC "{name}": selectedNode annotation value'
                    f' "{selected}" not set to scheduled node "{waiting.node}"',
                )
                return
            written = waiting.selected_at.get(key)
            if selected is None and written is not None and claim.revision >= written:
                # Who provisions could not do it there.
                self._fail(waiting, f'selectedNode annotation reset for PVC "{name}"')
                return
            if not claim.spec.volume_name or BIND_COMPLETED not in claim.metadata.annotations:
                return
        self._end(waiting.pod_key)
        waiting.on_bound()

    def _fail(self, waiting: Waiting, why: str) -> None:
        self._end(waiting.pod_key)
        waiting.on_failed(f"binding volumes: {why}")

    def _give_up(self, pod_key: str) -> None:
        self._fail(self._waiting[pod_key], "context deadline exceeded")

    def _end(self, pod_key: str) -> None:
        waiting = self._waiting.pop(pod_key, None)
        if waiting is not None:
            waiting.timer.cancel()
            self._forget(waiting.claims)

    def _forget(self, claims: frozenset[str]) -> None:
        for key in claims:
            self.view.assumed.pop(key, None)

    def _bind(self, claim: PersistentVolumeClaim, volume: PersistentVolume) -> None:
        owner = ObjectReference(
            kind=claim.KIND,
            namespace=claim.metadata.namespace,
            name=claim.metadata.name,
            uid=claim.metadata.uid,
            api_version=claim.API_VERSION,
            resource_version=claim.metadata.resource_version,
        )
        metadata = volume.metadata
        if volume.spec.claim_ref is None:
            annotations = metadata.annotations.with_items({BOUND_BY_CONTROLLER: "yes"})
            metadata = attrs.evolve(metadata, annotations=annotations)
        spec = attrs.evolve(volume.spec, claim_ref=owner)
        self.client.update(attrs.evolve(volume, metadata=metadata, spec=spec))

    def _select(self, claim: PersistentVolumeClaim, node: str) -> int:
        """Write the node; the revision at which the claim has it."""
        if claim.metadata.annotations.get(SELECTED_NODE) == node:
            return claim.revision
        annotations = claim.metadata.annotations.with_items({SELECTED_NODE: node})
        metadata = attrs.evolve(claim.metadata, annotations=annotations)
        return self.client.update(attrs.evolve(claim, metadata=metadata)).revision
