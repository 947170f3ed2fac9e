"""What a person can do to a cluster, as plain calls on a source. Each raises EngineError."""

import asyncio
import contextlib
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import yaml

from engine.api.apps import Deployment, ReplicaSet
from engine.api.codec import decode, encode_part
from engine.api.frozen import thaw
from engine.api.kubarium import Fault, FaultTarget
from engine.api.meta import ApiObject, controller_of
from engine.api.node import Node
from engine.api.pod import Pod
from engine.apiserver.errors import ApiError, BadRequestError, NotFoundError, TooManyRequestsError
from engine.faults.controls import make_fault
from tui.render import rollouts
from tui.source import Source

CRASH, CUT = "crash", "partition"
_FAULT_TYPES = {CRASH: "node.crash", CUT: "node.partition"}
_HASH_LABEL = "pod-template-hash"


def next_image(image: str) -> str:
    """The image with its tag's last number one higher: ``demo:v2`` after ``demo:v1``."""
    head, colon, tag = image.rpartition(":")
    if not colon or "/" in tag:
        return f"{image}:v2"
    match = re.search(r"(\d+)(\D*)$", tag)
    if match is None:
        return image
    return f"{head}:{tag[: match.start()]}{int(match[1]) + 1}{match[2]}"


def undo_patch(target: ReplicaSet) -> list[dict[str, Any]]:
    """The JSON patch that puts a deployment's template back to that of *target*."""
    template = thaw(encode_part(target.spec.template))
    labels = template.get("metadata", {}).get("labels", {})
    labels.pop(_HASH_LABEL, None)
    return [{"op": "replace", "path": "/spec/template", "value": template}]


def undo_target(
    deployment: Deployment, sets: Sequence[ReplicaSet], revision: int = 0
) -> ReplicaSet:
    """The replica set to go back to: that of *revision*, or the one before the newest.

    Raises:
        NotFoundError: there is none.
    """
    own = rollouts.sets_of(deployment, sets)
    if revision:
        found = [item for item in own if rollouts.revision_of(item) == revision]
    else:
        found = own[1:2]
    if not found:
        msg = (
            f"revision {revision} of deployment/{deployment.metadata.name} is not kept"
            if revision
            else f"deployment/{deployment.metadata.name} has no earlier revision"
        )
        raise NotFoundError(msg)
    return found[0]


async def scale(source: Source, obj: ApiObject, replicas: int) -> None:
    """Ask for so many pods."""
    await _merge(source, obj, {"spec": {"replicas": replicas}})


async def set_image(source: Source, obj: ApiObject, container: str, image: str) -> None:
    """Give one container of the template another image."""
    containers = [{"name": container, "image": image}]
    data = {"spec": {"template": {"spec": {"containers": containers}}}}
    meta = obj.metadata
    await source.patch(type(obj), meta.name, data, namespace=meta.namespace, type="strategic")


async def restart(source: Source, obj: ApiObject, now: float) -> None:
    """Replace all pods of a workload by new ones, as its strategy allows."""
    moment = datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds")
    annotations = {"kubectl.kubernetes.io/restartedAt": moment}
    data = {"spec": {"template": {"metadata": {"annotations": annotations}}}}
    await _merge(source, obj, data)


async def undo(
    source: Source, deployment: Deployment, sets: Sequence[ReplicaSet], revision: int = 0
) -> int:
    """Go back to an earlier revision; which one it was."""
    target = undo_target(deployment, sets, revision)
    meta = deployment.metadata
    await source.patch(
        Deployment, meta.name, undo_patch(target), namespace=meta.namespace, type="json"
    )
    return rollouts.revision_of(target)


async def set_paused(source: Source, deployment: Deployment, *, is_paused: bool) -> None:
    """Hold a rollout, or let it go on."""
    await _merge(source, deployment, {"spec": {"paused": is_paused or None}})


async def set_unschedulable(source: Source, node: Node, *, is_unschedulable: bool) -> None:
    """Take no more pods on a node (cordon), or take them again."""
    await _merge(source, node, {"spec": {"unschedulable": is_unschedulable or None}})


async def drain(
    source: Source,
    node: Node,
    pods: Sequence[Pod],
    report: Callable[[str], None],
    *,
    patience: float = 60.0,
) -> int:
    """Cordon a node and evict its pods, waiting where a disruption budget asks for it.

    Returns:
        how many pods were evicted.

    Raises:
        TooManyRequestsError: a budget did not allow an eviction for *patience* seconds.
    """
    await set_unschedulable(source, node, is_unschedulable=True)
    count = 0
    for pod in pods:
        owner = controller_of(pod)
        if owner is not None and owner.kind in ("DaemonSet", "Node"):
            continue
        waited = 0.0
        while True:
            try:
                await source.evict(pod.metadata.name, namespace=pod.metadata.namespace)
            except NotFoundError:
                break
            except TooManyRequestsError as error:
                if waited >= patience:
                    raise
                if not waited:
                    report(f"waiting: {error}")
                waited += 2.0
                await asyncio.sleep(2.0)
            else:
                count += 1
                break
    return count


async def delete(source: Source, obj: ApiObject, *, is_forced: bool = False) -> None:
    """Delete an object; *is_forced* gives its containers no time to end."""
    await source.delete(
        type(obj),
        obj.metadata.name,
        namespace=obj.metadata.namespace,
        grace_period_seconds=0 if is_forced else None,
    )


async def break_node(source: Source, name: str, how: str) -> None:
    """Crash a node or cut it off, until `mend_node`."""
    target = FaultTarget(nodes=(name,))
    await source.create(make_fault(f"{how}-{name}", _FAULT_TYPES[how], target))


async def mend_node(source: Source, fault: Fault) -> None:
    """Undo a fault."""
    await source.delete(Fault, fault.metadata.name)


async def end_all_faults(source: Source, faults: Sequence[Fault]) -> int:
    """End every fault that is in force or scheduled, the newest first; how many there were.

    A cluster on this machine undoes them even while its API server is down.

    Raises:
        ApiError: the cluster is elsewhere, and its API server does not answer.
    """
    open_ = [fault for fault in faults if fault.status.phase in ("", "Active", "Scheduled")]
    controls = source.controls
    if controls is not None:
        controls.end_faults()
        return len(open_)
    is_undone = await source.panic()
    for fault in sorted(open_, key=lambda one: -(one.metadata.creation_timestamp or 0.0)):
        with contextlib.suppress(ApiError if is_undone else NotFoundError):
            await source.delete(Fault, fault.metadata.name)
    return len(open_)


async def kill_containers(source: Source, pod: Pod) -> None:
    """Kill a pod's processes where they run; its kubelet starts them again."""
    target = FaultTarget(namespace=pod.metadata.namespace, pods=(pod.metadata.name,))
    await source.create(make_fault("kill-containers-", "container.kill", target))


async def apply_yaml(source: Source, text: str, *, namespace: str = "default") -> list[str]:
    """Create or change what *text* describes; the objects' names, for a message.

    Raises:
        EngineError: the text is not YAML, or an object is refused.
    """
    try:
        documents = [document for document in yaml.safe_load_all(text) if document]
    except yaml.YAMLError as error:
        msg = f"not YAML: {error}"
        raise BadRequestError(msg) from error
    done = []
    for document in documents:
        items = document.get("items", [document]) if isinstance(document, dict) else [document]
        for item in items:
            if not isinstance(item, dict):
                msg = f"an object was expected, not {type(item).__name__}"
                raise BadRequestError(msg)
            obj = decode(item)
            where = obj.metadata.namespace or namespace
            await source.patch(type(obj), obj.metadata.name, item, namespace=where, type="apply")
            done.append(f"{obj.KIND.lower()}/{obj.metadata.name}")
    return done


async def _merge(source: Source, obj: ApiObject, data: dict[str, Any]) -> None:
    meta = obj.metadata
    await source.patch(type(obj), meta.name, data, namespace=meta.namespace, type="merge")
