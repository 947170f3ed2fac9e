"""Writes the pods and claims of StatefulSets, with the events users know.

Source: pkg/controller/statefulset/stateful_pod_control.go, kubernetes v1.34.
"""

import attrs

from engine.api.persistent import PersistentVolumeClaim
from engine.api.pod import Pod
from engine.api.stateful import StatefulSet
from engine.apiserver.errors import AlreadyExistsError, ApiError, NotFoundError
from engine.client.client import Client
from engine.client.informer import Informer
from engine.client.recorder import EventRecorder
from engine.controllers.statefulset.identity import claims_of, ordinal_of, with_identity
from engine.controllers.statefulset.retention import wanted_owners


@attrs.define(eq=False)
class StatefulPodControl:
    """Creates, repairs and deletes numbered pods."""

    client: Client
    recorder: EventRecorder
    claims: Informer[PersistentVolumeClaim]

    def create(self, found: StatefulSet, pod: Pod) -> bool:
        """Create *pod* and the claims it lacks; False if a claim of its name is still going.

        Raises:
            ApiError: the server refused; an event says so.
        """
        if self._has_stale_claim(found, pod):
            return False
        self.ensure_claims(found, pod)
        try:
            self.client.create(pod)
        except AlreadyExistsError:
            # The cache is behind, or somebody else has taken the name: the next look will tell.
            return False
        except ApiError as error:
            message = f"create {_in_set(found, pod)} failed error: {error}"
            self.recorder.warning(found, "FailedCreate", message)
            raise
        self.recorder.normal(found, "SuccessfulCreate", f"create {_in_set(found, pod)} successful")
        return True

    def repair(self, found: StatefulSet, pod: Pod) -> None:
        """Give *pod* the labels of its number, and its claims their owners."""
        self.ensure_claims(found, pod)
        self.keep_claims(found, pod, is_condemned=False)
        wanted = with_identity(found, pod)
        if wanted.metadata == pod.metadata:
            return
        try:
            self.client.update(attrs.evolve(pod, metadata=wanted.metadata))
        except NotFoundError:
            return
        message = f"update {_in_set(found, pod)} successful"
        self.recorder.normal(found, "SuccessfulUpdate", message)

    def delete(self, found: StatefulSet, pod: Pod) -> None:
        """Delete *pod*; one that is gone already is fine.

        Raises:
            ApiError: the server refused; an event says so.
        """
        meta = pod.metadata
        try:
            self.client.delete(Pod, meta.name, namespace=meta.namespace, uid=meta.uid)
        except NotFoundError:
            return
        except ApiError as error:
            message = f"delete {_in_set(found, pod)} failed error: {error}"
            self.recorder.warning(found, "FailedDelete", message)
            raise
        self.recorder.normal(found, "SuccessfulDelete", f"delete {_in_set(found, pod)} successful")

    def ensure_claims(self, found: StatefulSet, pod: Pod) -> None:
        """Create the claims of *pod* that are not there.

        Raises:
            ApiError: the server refused; an event says so.
        """
        ordinal = ordinal_of(pod)
        for claim in claims_of(found, ordinal) if ordinal is not None else ():
            if self.claims.lister.by_key(claim.key) is not None:
                continue
            owners = wanted_owners(found, None, claim, is_condemned=False)
            metadata = attrs.evolve(claim.metadata, owner_references=owners)
            name = f"{claim.metadata.name} Pod {pod.metadata.name}"
            where = f"StatefulSet {found.metadata.name}"
            try:
                self.client.create(attrs.evolve(claim, metadata=metadata))
            except AlreadyExistsError:
                continue
            except ApiError as error:
                name = f"{claim.metadata.name} for Pod {pod.metadata.name}"
                message = f"create Claim {name} in {where} failed error: {error}"
                self.recorder.warning(found, "FailedCreate", message)
                raise
            message = f"create Claim {name} in {where} success"
            self.recorder.normal(found, "SuccessfulCreate", message)

    def keep_claims(self, found: StatefulSet, pod: Pod, *, is_condemned: bool) -> bool:
        """Give the claims of *pod* the owners that the retention policy asks for.

        Returns:
            Whether they had them all before.
        """
        ordinal = ordinal_of(pod)
        is_right = True
        for wished in claims_of(found, ordinal) if ordinal is not None else ():
            claim = self.claims.lister.by_key(wished.key)
            if claim is None:
                continue
            owners = wanted_owners(found, pod, claim, is_condemned=is_condemned)
            if owners == claim.metadata.owner_references:
                continue
            is_right = False
            metadata = attrs.evolve(claim.metadata, owner_references=owners)
            try:
                self.client.update(attrs.evolve(claim, metadata=metadata))
            except NotFoundError:
                continue
        return is_right

    def _has_stale_claim(self, found: StatefulSet, pod: Pod) -> bool:
        """Whether a claim of *pod* belongs to a former pod of the same name and goes with it."""
        ordinal = ordinal_of(pod)
        for wished in claims_of(found, ordinal) if ordinal is not None else ():
            claim = self.claims.lister.by_key(wished.key)
            if claim is None:
                continue
            if claim.metadata.deletion_timestamp is not None:
                return True
            if any(
                owner.kind == Pod.KIND and owner.name == pod.metadata.name
                for owner in claim.metadata.owner_references
            ):
                return True
        return False


def _in_set(found: StatefulSet, pod: Pod) -> str:
    return f"Pod {pod.metadata.name} in StatefulSet {found.metadata.name}"
