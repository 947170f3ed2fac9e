"""Turns Deployments into ReplicaSets, one per template, and moves pods from one to the next.

Source: deployment_controller.go, sync.go, kubernetes v1.34.
"""

from collections.abc import Iterable
from typing import ClassVar

import attrs

from engine.api.apps import Deployment, DeploymentStatus, ReplicaSet, ReplicaSetSpec
from engine.api.frozen import FrozenDict
from engine.api.meta import Condition, LabelSelector, ObjectMeta, condition_of, controller_of
from engine.api.pod import Pod
from engine.api.selectors import from_label_selector
from engine.apiserver.errors import AlreadyExistsError, ApiError, ConflictError, NotFoundError
from engine.client.informer import Informer
from engine.client.workqueue import Result
from engine.controllers.controller import QueueController
from engine.controllers.deployment import progress, rolling
from engine.controllers.deployment.recreate import are_old_pods_running
from engine.controllers.deployment.revisions import (
    HASH_LABEL,
    REVISION,
    ReplicaSets,
    count_annotations,
    has_template,
    new_set_annotations,
    next_revision,
    sort_out,
    template_hash,
    to_clean_up,
)
from engine.controllers.ownership import (
    CONTROLLER_INDEX,
    Claimer,
    controller_reference,
    index_by_controller,
    resolve_controller,
)
from engine.controllers.pod_control import is_namespace_terminating


@attrs.define(eq=False)
class DeploymentController(QueueController):
    """Rolls Deployments out, scales them, and reports how far they are.

    Rolling back is not its business: who wants an old template back writes it into the spec, and
    the old ReplicaSet is found again by its template.
    """

    QUEUE: ClassVar[str] = "deployment"

    _deployments: Informer[Deployment] = attrs.field(init=False)
    _sets: Informer[ReplicaSet] = attrs.field(init=False)
    _pods: Informer[Pod] = attrs.field(init=False)
    _claimer: Claimer[ReplicaSet] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._deployments = self.informers.informer(Deployment)
        self._sets = self.informers.informer(ReplicaSet)
        self._pods = self.informers.informer(Pod)
        self._claimer = Claimer(self.client, self._sets)
        index_by_controller(self._sets)
        index_by_controller(self._pods)
        self._deployments.add_handler(self.enqueue)
        self._sets.add_handler(self._on_set)
        self._pods.add_handler(self._on_pod)

    def reconcile(self, key: str) -> Result | None:
        """Bring one Deployment a step further; the changes it causes bring it back here."""
        deployment = self._deployments.lister.by_key(key)
        if deployment is None:
            return None
        selector = from_label_selector(deployment.spec.selector)
        if selector is None or selector.is_empty:
            self.recorder.warning(
                deployment,
                "SelectingAll",
                "This deployment is selecting all pods. A non-empty selector is required.",
            )
            seen = deployment.metadata.generation
            self._report(deployment, attrs.evolve(deployment.status, observed_generation=seen))
            return None
        sets = sort_out(deployment, self._claimer.claim(deployment, selector))
        if deployment.metadata.deletion_timestamp is not None:
            self._report(deployment, self._plain_status(deployment, sets))
            return None
        deployment = self._note_pause(deployment)
        if deployment.spec.paused or rolling.is_scaling(deployment, sets):
            return self._scale(deployment, sets)
        if rolling.is_rolling(deployment):
            return self._roll(deployment, sets)
        return self._recreate(deployment, sets)

    # Strategies

    def _scale(self, deployment: Deployment, sets: ReplicaSets) -> Result | None:
        sets = self._refresh_new(deployment, sets)
        sets = self._resize(deployment, sets, rolling.scale(deployment, sets))
        if deployment.spec.paused:
            self._clean_up(deployment, sets)
        self._report(deployment, self._plain_status(deployment, sets))
        return None

    def _roll(self, deployment: Deployment, sets: ReplicaSets) -> Result | None:
        deployment, sets = self._with_new_set(deployment, sets)
        assert sets.new is not None
        size = rolling.new_set_size(deployment, sets)
        if size != rolling.wanted(sets.new):
            sets = self._resize(deployment, sets, [rolling.Resize(sets.new, size)])
            return self._finish(deployment, sets)
        shrunk = rolling.shrink_old(deployment, sets)
        if shrunk:
            return self._finish(deployment, self._resize(deployment, sets, shrunk))
        if progress.is_complete(deployment, deployment.status):
            self._clean_up(deployment, sets)
        return self._finish(deployment, sets)

    def _recreate(self, deployment: Deployment, sets: ReplicaSets) -> Result | None:
        sets = self._refresh_new(deployment, sets)
        active = [rolling.Resize(found, 0) for found in sets.old if rolling.wanted(found)]
        if active:
            return self._finish(deployment, self._resize(deployment, sets, active))
        if are_old_pods_running(sets, self._pods_of(sets.old)):
            return self._finish(deployment, sets)
        deployment, sets = self._with_new_set(deployment, sets)
        assert sets.new is not None
        target = rolling.Resize(sets.new, rolling.replicas_of(deployment))
        sets = self._resize(deployment, sets, [target])
        if progress.is_complete(deployment, deployment.status):
            self._clean_up(deployment, sets)
        return self._finish(deployment, sets)

    def _finish(self, deployment: Deployment, sets: ReplicaSets) -> Result | None:
        status = progress.rollout_status(deployment, sets, now=self.loop.now)
        self._report(deployment, status)
        after = progress.check_again_after(deployment, status, now=self.loop.now)
        return None if after is None else Result(requeue_after=after)

    # ReplicaSets

    def _refresh_new(self, deployment: Deployment, sets: ReplicaSets) -> ReplicaSets:
        """Give the new ReplicaSet, if there is one, its revision and annotations."""
        if sets.new is None:
            return sets
        present = sets.new.metadata.annotations
        annotations = new_set_annotations(deployment, present, next_revision(sets.old))
        min_ready = deployment.spec.min_ready_seconds
        if annotations == present and sets.new.spec.min_ready_seconds == min_ready:
            return sets
        changed = attrs.evolve(
            sets.new,
            metadata=attrs.evolve(sets.new.metadata, annotations=annotations),
            spec=attrs.evolve(sets.new.spec, min_ready_seconds=min_ready),
        )
        return attrs.evolve(sets, new=self.client.update(changed))

    def _with_new_set(
        self, deployment: Deployment, sets: ReplicaSets
    ) -> tuple[Deployment, ReplicaSets]:
        now = self.loop.now
        if sets.new is not None:
            sets = self._refresh_new(deployment, sets)
            assert sets.new is not None
            deployment = self._set_revision(deployment, sets.new.metadata.annotations[REVISION])
            known = condition_of(deployment.status.conditions, "Progressing")
            if progress.has_deadline(deployment) and known is None:
                message = f'Found new replica set "{sets.new.metadata.name}"'
                found = progress.progressing("True", progress.NEW_SET_FOUND, message, now=now)
                deployment = self._with_condition(deployment, found)
            return deployment, sets
        made, is_fresh = self._create_set(deployment, sets)
        sets = attrs.evolve(sets, new=made)
        size = rolling.wanted(made)
        if is_fresh and size > 0:
            message = f"Scaled up replica set {made.metadata.name} from 0 to {size}"
            self.recorder.normal(deployment, "ScalingReplicaSet", message)
        deployment = self._set_revision(deployment, made.metadata.annotations[REVISION])
        if is_fresh and progress.has_deadline(deployment):
            message = f'Created new replica set "{made.metadata.name}"'
            created = progress.progressing("True", progress.NEW_SET_CREATED, message, now=now)
            deployment = self._with_condition(deployment, created)
        return deployment, sets

    def _create_set(self, deployment: Deployment, sets: ReplicaSets) -> tuple[ReplicaSet, bool]:
        """The new ReplicaSet, and whether we made it just now rather than in the past."""
        wished = new_replica_set(deployment, sets)
        try:
            return self.client.create(wished), True
        except AlreadyExistsError:
            meta = wished.metadata
            there = self.client.get(ReplicaSet, meta.name, namespace=meta.namespace)
            owner = controller_of(there)
            is_ours = owner is not None and owner.uid == deployment.metadata.uid
            if is_ours and has_template(there, deployment.spec.template):
                return there, False
            collisions = (deployment.status.collision_count or 0) + 1
            status = attrs.evolve(deployment.status, collision_count=collisions)
            self.client.update_status(attrs.evolve(deployment, status=status))
            raise
        except ApiError as error:
            if not is_namespace_terminating(error):
                self._note_failure(deployment, wished.metadata.name, error)
            raise

    def _note_failure(self, deployment: Deployment, name: str, error: ApiError) -> None:
        """Say that the new ReplicaSet could not be made, in the status and as an event."""
        message = f'Failed to create new replica set "{name}": {error}'
        if progress.has_deadline(deployment):
            now = self.loop.now
            failed = progress.progressing("False", progress.SET_FAILED, message, now=now)
            self._with_condition(deployment, failed)
        self.recorder.warning(deployment, progress.SET_FAILED, message)

    def _resize(
        self, deployment: Deployment, sets: ReplicaSets, resizes: Iterable[rolling.Resize]
    ) -> ReplicaSets:
        changed: dict[str, ReplicaSet] = {}
        for resize in resizes:
            name = resize.replica_set.metadata.name
            changed[name] = self._resize_one(deployment, resize)
        if not changed:
            return sets
        new = sets.new if sets.new is None else changed.get(sets.new.metadata.name, sets.new)
        return ReplicaSets(
            new, tuple(changed.get(found.metadata.name, found) for found in sets.old)
        )

    def _resize_one(self, deployment: Deployment, resize: rolling.Resize) -> ReplicaSet:
        found, before = resize.replica_set, rolling.wanted(resize.replica_set)
        target = rolling.replicas_of(deployment)
        annotations = found.metadata.annotations.with_items(
            count_annotations(target, target + rolling.max_surge(deployment))
        )
        if before == resize.size and annotations == found.metadata.annotations:
            return found
        changed = self.client.update(
            attrs.evolve(
                found,
                metadata=attrs.evolve(found.metadata, annotations=annotations),
                spec=attrs.evolve(found.spec, replicas=resize.size),
            )
        )
        if before != resize.size:
            way = "up" if before < resize.size else "down"
            self.recorder.normal(
                deployment,
                "ScalingReplicaSet",
                f"Scaled {way} replica set {found.metadata.name} from {before} to {resize.size}",
            )
        return changed

    def _clean_up(self, deployment: Deployment, sets: ReplicaSets) -> None:
        for found in to_clean_up(deployment, sets.old):
            meta = found.metadata
            try:
                self.client.delete(ReplicaSet, meta.name, namespace=meta.namespace, uid=meta.uid)
            except (NotFoundError, ConflictError):
                continue

    # Status

    def _plain_status(self, deployment: Deployment, sets: ReplicaSets) -> DeploymentStatus:
        return progress.count_status(deployment, sets, now=self.loop.now)

    def _report(self, deployment: Deployment, status: DeploymentStatus) -> None:
        if status != deployment.status:
            self.client.update_status(attrs.evolve(deployment, status=status))

    def _set_revision(self, deployment: Deployment, revision: str) -> Deployment:
        annotations = deployment.metadata.annotations
        if annotations.get(REVISION) == revision:
            return deployment
        annotations = annotations.with_items({REVISION: revision})
        metadata = attrs.evolve(deployment.metadata, annotations=annotations)
        return self.client.update(attrs.evolve(deployment, metadata=metadata))

    def _with_condition(self, deployment: Deployment, condition: Condition) -> Deployment:
        conditions = progress.with_condition(deployment.status.conditions, condition)
        if conditions is deployment.status.conditions:
            return deployment
        status = attrs.evolve(deployment.status, conditions=conditions)
        return self.client.update_status(attrs.evolve(deployment, status=status))

    def _note_pause(self, deployment: Deployment) -> Deployment:
        """While paused nothing can time out; the condition says so."""
        if not progress.has_deadline(deployment):
            return deployment
        known = condition_of(deployment.status.conditions, "Progressing")
        if known is not None and known.reason == progress.TIMED_OUT:
            return deployment
        was_paused = known is not None and known.reason == progress.PAUSED
        if deployment.spec.paused == was_paused:
            return deployment
        reason, message = (
            (progress.PAUSED, "Deployment is paused")
            if deployment.spec.paused
            else (progress.RESUMED, "Deployment is resumed")
        )
        noted = progress.progressing("Unknown", reason, message, now=self.loop.now)
        return self._with_condition(deployment, noted)

    # Events

    def _pods_of(self, replica_sets: Iterable[ReplicaSet]) -> Iterable[Pod]:
        by_owner = self._pods.indexer.by_index
        for found in replica_sets:
            yield from by_owner(CONTROLLER_INDEX, found.metadata.uid)

    def _on_set(self, _key: str, old: ReplicaSet | None, new: ReplicaSet | None) -> None:
        for found in (old, new):
            if found is not None:
                owner = resolve_controller(self._deployments, found)
                if owner is not None:
                    self.queue.add(owner.key)
        if new is not None and controller_of(new) is None:
            for deployment in self._deployments.lister.list(namespace=new.metadata.namespace):
                selector = from_label_selector(deployment.spec.selector)
                if selector is not None and selector.matches(new.metadata.labels):
                    self.queue.add(deployment.key)

    def _on_pod(self, _key: str, old: Pod | None, new: Pod | None) -> None:
        """A Recreate update goes on when the last old pod is gone."""
        if new is not None or old is None:
            return
        replica_set = resolve_controller(self._sets, old)
        owner = resolve_controller(self._deployments, replica_set) if replica_set else None
        if owner is not None and not rolling.is_rolling(owner):
            self.queue.add(owner.key)


def new_replica_set(deployment: Deployment, sets: ReplicaSets) -> ReplicaSet:
    """The ReplicaSet of the Deployment's present template, sized as the strategy allows. Pure."""
    template = deployment.spec.template
    hashed = {HASH_LABEL: template_hash(template, deployment.status.collision_count)}
    labels = FrozenDict({**template.metadata.labels, **hashed})
    selector = deployment.spec.selector or LabelSelector()
    target = rolling.replicas_of(deployment)
    annotations = new_set_annotations(deployment, {}, next_revision(sets.old))
    counts = count_annotations(target, target + rolling.max_surge(deployment))
    return ReplicaSet(
        metadata=ObjectMeta(
            name=f"{deployment.metadata.name}-{hashed[HASH_LABEL]}",
            namespace=deployment.metadata.namespace,
            labels=labels,
            annotations=annotations.with_items(counts),
            owner_references=(controller_reference(deployment),),
        ),
        spec=ReplicaSetSpec(
            replicas=rolling.new_set_size(deployment, sets),
            min_ready_seconds=deployment.spec.min_ready_seconds,
            selector=attrs.evolve(
                selector, match_labels=FrozenDict({**selector.match_labels, **hashed})
            ),
            template=attrs.evolve(
                template, metadata=attrs.evolve(template.metadata, labels=labels)
            ),
        ),
    )
