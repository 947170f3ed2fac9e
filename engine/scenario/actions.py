"""What the acting steps do to a cluster, each through a client as kubectl would."""

from collections.abc import Callable
from typing import Any

import attrs
import yaml

from engine.api.apps import Deployment, ReplicaSet
from engine.api.codec import DecodeError, decode, encode_part
from engine.api.frozen import freeze
from engine.api.kubarium import Fault, FaultTarget
from engine.api.meta import ApiObject, LabelSelector, controller_of
from engine.api.scheme import SCHEME, Resource
from engine.apiserver.errors import AlreadyExistsError, NotFoundError
from engine.client.client import Client
from engine.faults.controls import make_fault
from engine.scenario.loader import seconds
from engine.scenario.schema import (
    ApplyStep,
    DeleteStep,
    FaultStep,
    FaultTargetSpec,
    RolloutStep,
    ScaleStep,
    Scenario,
    ScenarioError,
    StepBase,
)

REVISION = "deployment.kubernetes.io/revision"


def find_resource(reference: str) -> tuple[Resource, str]:
    """The resource and the name in ``kind/name``.

    Raises:
        ScenarioError: not of that form, or no such kind.
    """
    kind, slash, name = reference.partition("/")
    resource = SCHEME.find(kind) if slash else None
    if resource is None or not name:
        raise ScenarioError(f'"{reference}" is not kind/name with a kind kubectl knows')
    return resource, name


def apply_yaml(client: Client, text: str, namespace: str) -> list[str]:
    """Create the objects in a YAML text, or change those that exist; their names.

    Raises:
        ScenarioError: a document is not an object.
        ApiError: the server refuses one.
    """
    applied = []
    for document in yaml.load_all(text, Loader=yaml.CSafeLoader):
        if document is None:
            continue
        try:
            obj = decode(document)
        except DecodeError as error:
            raise ScenarioError(str(error)) from error
        applied.append(str(_apply(client, obj, document, namespace)))
    return applied


def _apply(client: Client, obj: ApiObject, document: dict[str, Any], namespace: str) -> ApiObject:
    if SCHEME.resource_of(type(obj)).namespaced and not obj.metadata.namespace:
        obj = attrs.evolve(obj, metadata=attrs.evolve(obj.metadata, namespace=namespace))
    try:
        return client.create(obj)
    except AlreadyExistsError:
        meta = obj.metadata
        return client.patch(
            type(obj), meta.name, document, namespace=meta.namespace, type="strategic"
        )


def _do_apply(step: ApplyStep, client: Client, scenario: Scenario) -> str:
    texts = [manifest.yaml for manifest in scenario.manifest if manifest.id in step.manifests]
    if step.yaml is not None:
        texts.append(step.yaml)
    names = [name for text in texts for name in apply_yaml(client, text, step.namespace)]
    return "applied " + ", ".join(names)


def _do_delete(step: DeleteStep, client: Client, _scenario: Scenario) -> str:
    resource, name = find_resource(step.object)
    namespace = step.namespace if resource.namespaced else ""
    client.delete(resource.cls, name, namespace=namespace, grace_period_seconds=step.grace)
    return f"deleted {step.object}"


def _do_scale(step: ScaleStep, client: Client, _scenario: Scenario) -> str:
    resource, name = find_resource(step.object)
    patch = {"spec": {"replicas": step.replicas}}
    client.patch(resource.cls, name, patch, namespace=step.namespace)
    return f"scaled {step.object} to {step.replicas}"


def _do_rollout(step: RolloutStep, client: Client, _scenario: Scenario) -> str:
    resource, name = find_resource(step.object)
    if resource.cls is not Deployment:
        raise ScenarioError(f"rollout works on deployments, not on {step.object}")
    deployment = client.get(Deployment, name, namespace=step.namespace)
    match step.action:
        case "set-image":
            patch = _image_patch(step, deployment)
        case "restart":
            stamp = str(client.link.loop.now)
            annotations = {"kubarium.dev/restartedAt": stamp}
            patch = {"spec": {"template": {"metadata": {"annotations": annotations}}}}
        case "pause" | "resume":
            patch = {"spec": {"paused": step.action == "pause"}}
        case "undo":
            return undo(client, deployment, step.to_revision)
        case other:
            raise ScenarioError(
                f'rollout: action "{other}" is not one of set-image, undo, restart, pause, resume'
            )
    client.patch(Deployment, name, patch, namespace=step.namespace, type="strategic")
    return f"{step.action} {step.object}" + (f" {step.image}" if step.image else "")


def _image_patch(step: RolloutStep, deployment: Deployment) -> dict[str, Any]:
    if step.image is None:
        raise ScenarioError("rollout set-image needs image")
    containers = deployment.spec.template.spec.containers
    name = step.container or containers[0].name
    return {"spec": {"template": {"spec": {"containers": [{"name": name, "image": step.image}]}}}}


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


def fault_name(scenario: Scenario, step: StepBase, number: int) -> str:
    """The name of the Fault object that a step makes."""
    return f"{scenario.id}-{step.id or number}"


def fault_of(scenario: Scenario, step: FaultStep, number: int) -> Fault:
    """The Fault object for a fault step."""
    return make_fault(
        fault_name(scenario, step, number),
        step.fault,
        _target(step.target),
        params=freeze(step.params),
        duration=seconds(step.for_) if step.for_ is not None else None,
    )


def _target(spec: FaultTargetSpec) -> FaultTarget:
    nodes = (spec.nodes,) if isinstance(spec.nodes, str) else spec.nodes
    selector, pods = None, spec.pods
    if isinstance(pods, str):
        if "=" in pods:
            labels = dict(part.split("=", 1) for part in pods.split(","))
            selector, pods = LabelSelector(match_labels=freeze(labels)), ()
        else:
            pods = (pods,)
    return FaultTarget(
        nodes=nodes,
        pods=pods,
        selector=selector,
        namespace=spec.namespace,
        component=spec.component,
        mode=spec.mode,
        value=spec.value,
    )


def end_fault(client: Client, name: str) -> str:
    """Delete the Fault of that name, if it is still there."""
    try:
        client.delete(Fault, name)
    except NotFoundError:
        return f"fault {name} was over already"
    return f"ended fault {name}"


ACTIONS: dict[type[StepBase], Callable[[Any, Client, Scenario], str]] = {
    ApplyStep: _do_apply,
    DeleteStep: _do_delete,
    ScaleStep: _do_scale,
    RolloutStep: _do_rollout,
}
"""Steps that act at once and are done. What they return says what they did."""
