"""Going back to an earlier revision of a deployment, as kubectl rollout undo does."""

from engine.api.apps import Deployment, ReplicaSet
from engine.api.codec import encode_part
from engine.api.meta import controller_of
from engine.client.client import Client
from engine.scenario.schema import ScenarioError

REVISION = "deployment.kubernetes.io/revision"


def undo(client: Client, deployment: Deployment, to_revision: int = 0) -> str:
    """Give *deployment* the template of an earlier revision (0: the one before), as kubectl does.

    Raises:
        ScenarioError: there is no such revision.
    """
    namespace = deployment.metadata.namespace
    owned = [
        found
        for found in client.list(ReplicaSet, namespace=namespace).items
        if (owner := controller_of(found)) is not None and owner.uid == deployment.metadata.uid
    ]
    by_revision = {int(found.metadata.annotations.get(REVISION, "0")): found for found in owned}
    current = int(deployment.metadata.annotations.get(REVISION, "0"))
    earlier = [revision for revision in by_revision if revision < current]
    wanted = to_revision or max(earlier, default=0)
    found = by_revision.get(wanted)
    if found is None:
        raise ScenarioError(
            f"{deployment} has no revision {wanted or 'before the current one'} to go back to"
        )
    template = encode_part(found.spec.template)
    labels = dict(template.get("metadata", {}).get("labels", {}))
    labels.pop("pod-template-hash", None)
    template["metadata"] = {**template.get("metadata", {}), "labels": labels}
    patch = [{"op": "replace", "path": "/spec/template", "value": template}]
    client.patch(Deployment, deployment.metadata.name, patch, namespace=namespace, type="json")
    return f"rolled {deployment} back to revision {wanted}"
