"""What the acting steps do to a cluster, each through a client as kubectl would."""

from collections.abc import Callable
from typing import Any

import attrs
import yaml

from engine.api.apps import Deployment
from engine.api.codec import DecodeError, decode
from engine.api.frozen import freeze
from engine.api.kubarium import Fault, FaultTarget
from engine.api.load import Load, LoadSpec
from engine.api.meta import ApiObject, LabelSelector, ObjectMeta
from engine.api.scheme import SCHEME, Resource
from engine.apiserver.errors import AlreadyExistsError, NotFoundError
from engine.client.client import Client
from engine.faults.controls import make_fault
from engine.scenario.duration import seconds
from engine.scenario.history import undo
from engine.scenario.kubectl import parse_command, perform
from engine.scenario.schema import ScenarioError, StepBase
from engine.scenario.stage import Stage
from engine.scenario.steps import (
    ApplyStep,
    DeleteStep,
    FaultStep,
    FaultTargetSpec,
    KubectlStep,
    LoadStep,
    RolloutStep,
    ScaleStep,
    SnapshotStep,
    ViewStep,
)


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


def _do_apply(step: ApplyStep, stage: Stage) -> str:
    texts = [manifest.yaml for manifest in stage.manifests if manifest.id in step.manifests]
    if step.yaml is not None:
        texts.append(step.yaml)
    names = [name for text in texts for name in apply_yaml(stage.client, text, step.namespace)]
    return "applied " + ", ".join(names)


def _do_delete(step: DeleteStep, stage: Stage) -> str:
    resource, name = find_resource(step.object)
    namespace = step.namespace if resource.namespaced else ""
    stage.client.delete(resource.cls, name, namespace=namespace, grace_period_seconds=step.grace)
    return f"deleted {step.object}"


def _do_scale(step: ScaleStep, stage: Stage) -> str:
    resource, name = find_resource(step.object)
    patch = {"spec": {"replicas": step.replicas}}
    stage.client.patch(resource.cls, name, patch, namespace=step.namespace)
    return f"scaled {step.object} to {step.replicas}"


def _do_kubectl(step: KubectlStep, stage: Stage) -> str:
    return perform(parse_command(step.run, namespace=step.namespace), stage.client)


def _do_rollout(step: RolloutStep, stage: Stage) -> str:
    client = stage.client
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


def _do_load(step: LoadStep, stage: Stage) -> str:
    name = stage.unique(step.id)
    spec = LoadSpec(
        service=step.service,
        port=step.port,
        path=step.path,
        pattern=step.pattern,
        rate=step.rate,
        peak=step.peak,
        period_seconds=seconds(step.period) if step.period is not None else None,
        duration_seconds=seconds(step.for_) if step.for_ is not None else None,
        concurrency=step.concurrency,
        timeout_seconds=seconds(step.timeout),
        cpu_millis=step.cpu_millis,
    )
    stage.client.create(Load(metadata=ObjectMeta(name=name, namespace=step.namespace), spec=spec))
    stage.loads[step.id or name] = (name, step.namespace)
    rate = f"{step.rate:g}" if step.peak is None else f"{step.rate:g} to {step.peak:g}"
    return f"{rate} requests a second to service/{step.service}"


def _do_view(step: ViewStep, stage: Stage) -> str:
    stage.screen.show(step.view, step.kind, step.filter)
    return f"shows {step.view}"


def _do_snapshot(step: SnapshotStep, stage: Stage) -> str:
    return stage.screen.snapshot(step.name or step.id or f"snapshot-{len(stage.ended) + 1}")


def fault_of(step: FaultStep, name: str, *, is_dry_run: bool = False) -> Fault:
    """The Fault object for a fault step."""
    fault = make_fault(
        name,
        step.fault,
        _target(step.target),
        params=freeze(step.params),
        duration=seconds(step.for_) if step.for_ is not None else None,
    )
    return attrs.evolve(fault, spec=attrs.evolve(fault.spec, is_dry_run=is_dry_run))


def _target(spec: FaultTargetSpec) -> FaultTarget:
    nodes, node_selector = spec.nodes, None
    if isinstance(nodes, str):
        node_selector = _selector(nodes)
        nodes = () if node_selector is not None else (nodes,)
    selector, pods = None, spec.pods
    if isinstance(pods, str):
        selector = _selector(pods)
        pods = () if selector is not None else (pods,)
    return FaultTarget(
        nodes=nodes,
        node_selector=node_selector,
        pods=pods,
        selector=selector,
        namespace=spec.namespace if pods or selector is not None else "",
        component=spec.component,
        mode=spec.mode,
        value=spec.value,
    )


def _selector(text: str) -> LabelSelector | None:
    """``app=web,tier=front`` as a selector; None if *text* is a name."""
    if "=" not in text:
        return None
    labels = dict(part.split("=", 1) for part in text.replace("==", "=").split(","))
    return LabelSelector(match_labels=freeze(labels))


def end_fault(client: Client, name: str) -> str:
    """Delete the Fault of that name, if it is still there."""
    try:
        client.delete(Fault, name)
    except NotFoundError:
        return f"fault {name} was over already"
    return f"ended fault {name}"


def end_load(client: Client, name: str, namespace: str) -> str:
    """Delete the Load of that name, if it is still there."""
    try:
        client.delete(Load, name, namespace=namespace)
    except NotFoundError:
        return f"load {name} was over already"
    return f"ended load {name}"


ACTIONS: dict[type[StepBase], Callable[[Any, Stage], str]] = {
    ApplyStep: _do_apply,
    DeleteStep: _do_delete,
    KubectlStep: _do_kubectl,
    ScaleStep: _do_scale,
    RolloutStep: _do_rollout,
    LoadStep: _do_load,
    ViewStep: _do_view,
    SnapshotStep: _do_snapshot,
}
"""Steps that act at once and are done. What they return says what they did."""
