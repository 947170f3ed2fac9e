"""What kubectl's verbs do to objects that are there."""

import json
from typing import Any

import yaml

from engine.api.apps import Deployment
from engine.api.codec import encode
from engine.api.node import Node
from engine.api.pod import Pod
from engine.api.wire import Json
from engine.apiserver.errors import NotFoundError
from engine.client.client import Client
from engine.scenario.history import undo as roll_back
from engine.scenario.kubectl_line import Command, KubectlError, Target, targets


def get(command: Command, client: Client) -> str:
    """The names that are there."""
    found, _ = targets(command, client)
    for target in found:
        client.get(target.resource.cls, target.name, namespace=target.namespace)
    return "\n".join(target.shown for target in found) or "No resources found"


def delete(command: Command, client: Client) -> str:
    """Delete objects."""
    grace = 1 if command.has("now") else None
    if command.option("grace-period"):
        grace = int(command.option("grace-period"))
    if command.has("force"):
        grace = 0
    lines = []
    for target in targets(command, client)[0]:
        client.delete(
            target.resource.cls,
            target.name,
            namespace=target.namespace,
            grace_period_seconds=grace,
        )
        lines.append(f"{target.shown.replace('/', ' ', 1)} deleted")
    return "\n".join(lines) or "No resources found"


def scale(command: Command, client: Client) -> str:
    """Set the number of replicas."""
    wanted = command.option("replicas")
    if not wanted.isdigit():
        raise KubectlError("kubectl scale: --replicas=COUNT is required")
    patched = {"spec": {"replicas": int(wanted)}}
    return _each(command, client, patched, "scaled")


def patch(command: Command, client: Client) -> str:
    """Change parts of objects."""
    try:
        data = yaml.safe_load(command.option("patch"))
    except yaml.YAMLError as error:
        raise KubectlError(f"kubectl patch: unable to parse: {error}") from error
    if not data:
        raise KubectlError("kubectl patch: must specify --patch or -p")
    return _each(command, client, data, "patched", type_=command.option("type", "strategic"))


def _each(command: Command, client: Client, data: Any, done: str, *, type_: str = "merge") -> str:
    found, _ = targets(command, client)
    for target in found:
        _patch(client, target, data, type_)
    return "\n".join(f"{target.shown} {done}" for target in found) or "No resources found"


def _patch(client: Client, target: Target, data: Any, type_: str = "merge") -> None:
    cls, namespace = target.resource.cls, target.namespace
    client.patch(cls, target.name, data, namespace=namespace, type=type_)


def label(command: Command, client: Client) -> str:
    """Set or remove labels."""
    return _mark(command, client, "labels", "labeled")


def annotate(command: Command, client: Client) -> str:
    """Set or remove annotations."""
    return _mark(command, client, "annotations", "annotated")


def _mark(command: Command, client: Client, field: str, done: str) -> str:
    found, settings = targets(command, client)
    values: dict[str, Json] = {}
    for word in settings:
        name, equals, value = word.partition("=")
        if equals:
            values[name] = value
        elif word.endswith("-"):
            values[word[:-1]] = None
        else:
            raise KubectlError(f"kubectl {command.verb}: {word!r} is neither key=value nor key-")
    if not values:
        raise KubectlError(f"at least one {field[:-1]} update is required")
    for target in found:
        obj = client.get(target.resource.cls, target.name, namespace=target.namespace)
        there = getattr(obj.metadata, field)
        for name, value in values.items():
            old = there.get(name)
            if value is not None and old not in (None, value) and not command.has("overwrite"):
                raise KubectlError(
                    f"'{name}' already has a value ({old}), and --overwrite is false"
                )
        _patch(client, target, {"metadata": {field: values}})
    return "\n".join(f"{target.shown} {done}" for target in found)


def taint(command: Command, client: Client) -> str:
    """Set or remove taints of nodes."""
    found, settings = targets(command, client)
    for target in found:
        taints = list(encode(client.get(Node, target.name)).get("spec", {}).get("taints", ()))
        for word in settings:
            taints = _tainted(taints, word)
        _patch(client, target, {"spec": {"taints": taints or None}})
    is_removal = all(word.endswith("-") for word in settings)
    done = "untainted" if is_removal else "tainted"
    return "\n".join(f"node/{target.name} {done}" for target in found)


def _tainted(taints: list[dict[str, Any]], word: str) -> list[dict[str, Any]]:
    is_removal = word.endswith("-")
    named, _, effect = word.rstrip("-").partition(":")
    key, _, value = named.partition("=")
    others = [t for t in taints if t["key"] != key or (effect and t["effect"] != effect)]
    if is_removal:
        if len(others) == len(taints):
            raise KubectlError(f'taint "{named}" not found')
        return others
    if not effect:
        raise KubectlError(f"{word!r} is not of the form key=value:Effect")
    return [*others, {"key": key, "effect": effect, **({"value": value} if value else {})}]


def cordon(command: Command, client: Client) -> str:
    """Take no more pods on nodes, or take them again."""
    is_cordoned = command.verb == "cordon"
    data = {"spec": {"unschedulable": True if is_cordoned else None}}
    return _each(command, client, data, f"{command.verb}ed")


def drain(command: Command, client: Client) -> str:
    """Cordon nodes and evict their pods; those of daemon sets and mirrors stay."""
    found, _ = targets(command, client)
    lines = []
    for target in found:
        client.get(Node, target.name)
        _patch(client, target, {"spec": {"unschedulable": True}})
        lines.append(f"node/{target.name} cordoned")
        selector = f"spec.nodeName={target.name}"
        for pod in client.list(Pod, field_selector=selector).items:
            owners = {owner.kind for owner in pod.metadata.owner_references if owner.controller}
            is_mirror = "kubernetes.io/config.mirror" in pod.metadata.annotations
            if "DaemonSet" in owners or is_mirror:
                continue
            try:
                client.evict(pod.metadata.name, namespace=pod.metadata.namespace)
            except NotFoundError:
                continue
            lines.append(f"pod/{pod.metadata.name} evicted")
        lines.append(f"node/{target.name} drained")
    return "\n".join(lines)


def set_image(command: Command, client: Client) -> str:
    """Give containers other images: ``name=image``, or ``*=image`` for all."""
    return _containers(command, client, "image updated", lambda word: {"image": word})


def set_env(command: Command, client: Client) -> str:
    """Set environment variables of all containers."""
    found, settings = targets(command, client)
    env = [{"name": w.partition("=")[0], "value": w.partition("=")[2]} for w in settings]
    if not env:
        raise KubectlError("at least one environment variable must be provided")
    for target in found:
        names = _container_names(client, target)
        parts = [{"name": name, "env": env} for name in names]
        _patch(client, target, _template(target, parts), "strategic")
    return "\n".join(f"{target.shown} env updated" for target in found)


def _containers(command: Command, client: Client, done: str, part: Any) -> str:
    found, settings = targets(command, client)
    if not settings:
        raise KubectlError("at least one image update is required: container=image")
    for target in found:
        names = _container_names(client, target)
        parts = []
        for word in settings:
            name, _, value = word.partition("=")
            if name not in (*names, "*"):
                raise KubectlError(f'unable to find container named "{name}" in {target.shown}')
            parts += [{"name": n, **part(value)} for n in (names if name == "*" else [name])]
        _patch(client, target, _template(target, parts), "strategic")
    return "\n".join(f"{target.shown} {done}" for target in found)


def _container_names(client: Client, target: Target) -> list[str]:
    data = encode(client.get(target.resource.cls, target.name, namespace=target.namespace))
    spec = data.get("spec", {})
    spec = spec.get("template", {}).get("spec", spec)
    return [container["name"] for container in spec.get("containers", ())]


def _template(target: Target, containers: list[Any]) -> dict[str, Any]:
    spec = {"spec": {"containers": containers}}
    return spec if target.resource.cls is Pod else {"spec": {"template": spec}}


def restart(command: Command, client: Client) -> str:
    """Replace all pods of a workload."""
    stamp = json.dumps(client.link.loop.now)
    annotations = {"kubectl.kubernetes.io/restartedAt": stamp}
    data = {"spec": {"template": {"metadata": {"annotations": annotations}}}}
    return _each(command, client, data, "restarted")


def undo(command: Command, client: Client) -> str:
    """Go back to an earlier revision of deployments."""
    found, _ = targets(command, client)
    for target in found:
        if target.resource.cls is not Deployment:
            raise KubectlError(f"no rollbacker has been implemented for {target.resource.kind}")
        deployment = client.get(Deployment, target.name, namespace=target.namespace)
        roll_back(client, deployment, int(command.option("to-revision", "0")))
    return "\n".join(f"{target.shown} rolled back" for target in found)


def pause(command: Command, client: Client) -> str:
    """Hold a rollout, or let it go on."""
    is_paused = command.verb == "rollout pause"
    data = {"spec": {"paused": True if is_paused else None}}
    return _each(command, client, data, "paused" if is_paused else "resumed")
