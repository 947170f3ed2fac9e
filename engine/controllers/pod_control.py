"""Creates and deletes pods for a controller, with the events users know.

Source: controller_utils.go (RealPodControl), kubernetes v1.34.
"""

import attrs

from engine.api.meta import ApiObject, ObjectMeta
from engine.api.pod import Pod, PodTemplateSpec
from engine.apiserver.errors import ApiError, ForbiddenError, NotFoundError
from engine.client.client import Client
from engine.client.recorder import EventRecorder
from engine.controllers.ownership import controller_reference


def pod_from_template(template: PodTemplateSpec, owner: ApiObject, *, prefix: str = "") -> Pod:
    """A pod of *template* that *owner* controls; the API server completes its name.

    Its name begins with *prefix*, or with the owner's name.
    """
    given = template.metadata
    return Pod(
        metadata=ObjectMeta(
            generate_name=prefix or f"{owner.metadata.name}-",
            namespace=owner.metadata.namespace,
            labels=given.labels,
            annotations=given.annotations,
            finalizers=given.finalizers,
            owner_references=(controller_reference(owner),),
        ),
        spec=template.spec,
    )


def is_namespace_terminating(error: ApiError) -> bool:
    """Whether a creation failed because the namespace is going."""
    if not isinstance(error, ForbiddenError):
        return False
    causes = error.details.get("causes", ())
    return "being terminated" in error.message or any(
        cause.reason == "NamespaceTerminating" for cause in causes
    )


@attrs.define(eq=False)
class PodControl:
    """Writes pods in the name of a controller."""

    client: Client
    recorder: EventRecorder

    def create(self, template: PodTemplateSpec, owner: ApiObject, *, prefix: str = "") -> Pod:
        """Create one pod, its name beginning with *prefix* or the owner's name.

        Raises:
            ApiError: the server refused; an event says so, unless the namespace is going.
        """
        try:
            pod = self.client.create(pod_from_template(template, owner, prefix=prefix))
        except ApiError as error:
            if not is_namespace_terminating(error):
                self.recorder.warning(owner, "FailedCreate", f"Error creating: {error}")
            raise
        self.recorder.normal(owner, "SuccessfulCreate", f"Created pod: {pod.metadata.name}")
        return pod

    def delete(self, pod: Pod, owner: ApiObject) -> None:
        """Delete one pod; one that is gone already is fine.

        Raises:
            ApiError: the server refused; an event says so.
        """
        meta = pod.metadata
        try:
            self.client.delete(Pod, meta.name, namespace=meta.namespace, uid=meta.uid)
        except NotFoundError:
            return
        except ApiError as error:
            self.recorder.warning(owner, "FailedDelete", f"Error deleting: {error}")
            raise
        self.recorder.normal(owner, "SuccessfulDelete", f"Deleted pod: {meta.name}")
