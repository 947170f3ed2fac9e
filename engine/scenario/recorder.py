"""Turns what people do to a cluster into a scenario, with waits and checks inferred."""

import json
from collections.abc import Mapping
from typing import Any

import attrs
import yaml

from engine.adapters.http.bodies import body_of
from engine.adapters.http.request import ApiRequest, ApiResponse
from engine.api.apps import Deployment
from engine.api.codec import encode
from engine.api.frozen import thaw
from engine.api.kubarium import Fault
from engine.api.meta import ApiObject
from engine.api.scheme import SCHEME, Resource
from engine.apiserver.errors import ApiError
from engine.client.client import Client
from engine.cluster import Cluster
from engine.kernel.journal import Entry
from engine.scenario.checks import evaluate
from engine.scenario.schema import FORMAT, Predicate
from engine.scenario.toml_text import Table, dump
from engine.scenario.view import ClusterView

LONGEST_DELAY = 60.0
"""Seconds after which nobody is waiting for anything any more."""

SETTLING = 2.0
"""Seconds for what was there before to come up again, if nothing can be waited for."""

_NOT_DONE = frozenset(("Lease", "Event", "Node", "WhatIf", "Decision"))
_LEFT_OUT = (
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "generation",
    "managedFields",
    "selfLink",
)
_PATCH_TYPES = {"merge": "merge", "strategic": "strategic", "json": "json"}


@attrs.define(eq=False, repr=False)
class Recorder:
    """Follows a cluster's journal; `text` is the scenario so far."""

    cluster: Cluster
    name: str = "recorded"
    title: str = "A recorded session"
    steps: list[Table] = attrs.field(factory=list, init=False)
    _last: float = attrs.field(init=False)
    _deployments: dict[str, tuple[str, str]] = attrs.field(factory=dict, init=False)
    _faults: dict[str, str] = attrs.field(factory=dict, init=False)
    _ids: dict[str, int] = attrs.field(factory=dict, init=False)
    _pending: tuple[int, list[Table]] = attrs.field(default=(0, []), init=False)
    _view: ClusterView = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._last = self.cluster.loop.now
        client: Client = self.cluster.admin
        self._view = ClusterView(client, lambda _url, _done: None)

    def begin_with(self, objects: list[dict[str, Any]]) -> None:
        """Let the scenario begin by making *objects*, which were there before."""
        if not objects:
            return
        text = yaml.safe_dump_all(objects, sort_keys=False, allow_unicode=True)
        self.steps.append(self._step("before", {"do": "apply", "yaml": text}))
        for obj in objects:
            if obj["kind"] == Deployment.KIND:
                meta = obj["metadata"]
                self._deployments[f"{meta['namespace']}/{meta['name']}"] = (
                    meta["namespace"],
                    meta["name"],
                )
        self._last -= SETTLING

    def tap(self, entry: Entry) -> None:
        """See one input from outside."""
        if entry.channel == "http":
            step = self._of_request(entry.payload)
        elif entry.channel == "tui":
            verb, arguments, options = entry.payload
            step = self._of_call(verb, arguments, options)
        else:
            return
        if step is not None:
            self._pending = (entry.number, [*self._settled(entry.time), step])

    def answered(self, entry: Entry, result: Any) -> None:
        """See how the input ended: one that was refused was no step."""
        number, steps = self._pending
        self._pending = (0, [])
        is_refused = isinstance(result, ApiResponse) and result.status >= 300
        if number != entry.number or is_refused:
            return
        self.steps += steps
        self._last = entry.time
        name = str(steps[-1].get("object", "")).rpartition("/")[2]
        if steps[-1]["do"] == "delete":
            where = str(steps[-1].get("namespace", "default"))
            self._deployments.pop(f"{where}/{name}", None)

    def text(self) -> str:
        """The scenario as a file, with a check of how it ended."""
        steps = [*self.steps, *self._settled(self.cluster.loop.now)]
        checks = [
            {
                "object": f"deployment/{name}",
                "path": "status.readyReplicas",
                "op": "==",
                "value": ready,
                **_in(namespace),
            }
            for namespace, name in self._deployments.values()
            if (ready := self._ready(namespace, name)) is not None
        ]
        if checks:
            steps.append(self._step("verdict", {"do": "check", "checks": checks}))
        workers = [node for node in self.cluster.config.nodes if not node.is_control_plane]
        nodes = [
            {"name": node.name, "cpu": f"{node.cpu}m", "memory": str(node.memory)}
            for node in workers
        ]
        top = {
            "format": FORMAT,
            "id": self.name,
            "title": self.title,
            "seed": self.cluster.config.seed,
            "clock": {"mode": "wall", "limit": "60m"},
            "node": nodes,
            "step": steps,
        }
        return dump(top)

    # What came in, as steps

    def _of_request(self, request: ApiRequest) -> Table | None:
        target = request.target
        resource = target.resource
        is_nodes = resource.kind == "Node" and request.method != "POST"
        if not is_nodes and (resource.kind in _NOT_DONE or "list" not in resource.verbs):
            return None
        sub = target.subresource
        namespace = target.namespace
        if request.method == "DELETE":
            return self._deleted(resource, target.name, namespace, None, request.query)
        try:
            data = body_of(request).value
        except ApiError:
            return None
        if sub == "scale" and isinstance(data, dict):
            replicas = data.get("spec", {}).get("replicas")
            return self._scaled(resource, target.name, namespace, replicas)
        if sub == "eviction":
            return self._deleted(resource, target.name, namespace, None, {})
        if sub:
            return None
        if request.method == "PATCH" and "apply" not in request.content_type:
            kind = "json" if "json-patch" in request.content_type else "merge"
            kind = "strategic" if "strategic" in request.content_type else kind
            return self._patched(resource, target.name, namespace, data, kind)
        return self._applied(data, namespace)

    def _of_call(
        self, verb: str, arguments: tuple[Any, ...], options: Mapping[str, Any]
    ) -> Table | None:
        if verb in ("create", "update"):
            obj: ApiObject = arguments[0]
            return self._applied(thaw(encode(obj)), obj.metadata.namespace)
        if verb == "evict":
            resource = SCHEME.find("pod")
            assert resource is not None
            return self._deleted(resource, arguments[0], options.get("namespace", ""), None, {})
        if verb not in ("patch", "delete"):
            return None
        resource = SCHEME.resource_of(arguments[0])
        name, namespace = arguments[1], options.get("namespace", "")
        if verb == "delete":
            grace = options.get("grace_period_seconds")
            return self._deleted(resource, name, namespace, grace, {})
        if options.get("subresource"):
            return None
        data, kind = arguments[2], options.get("type", "merge")
        if kind == "apply":
            return self._applied(data, namespace)
        return self._patched(resource, name, namespace, data, kind)

    def _applied(self, data: Any, namespace: str) -> Table | None:
        if not isinstance(data, dict) or "kind" not in data or data["kind"] in _NOT_DONE:
            return None
        data = {key: value for key, value in data.items() if key != "status"}
        meta = dict(data.get("metadata") or {})
        for key in _LEFT_OUT:
            meta.pop(key, None)
        data["metadata"] = meta
        if data["kind"] == Fault.KIND:
            return self._broken(data)
        name = str(meta.get("name") or meta.get("generateName", ""))
        if data["kind"] == Deployment.KIND:
            where = str(meta.get("namespace") or namespace or "default")
            self._deployments[f"{where}/{name}"] = (where, name)
        text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True)
        return self._step(
            f"{data['kind'].lower()}-{name}", {"do": "apply", "yaml": text} | _in(namespace)
        )

    def _broken(self, data: dict[str, Any]) -> Table:
        spec = data.get("spec", {})
        target = {
            key: value
            for key, value in spec.get("target", {}).items()
            if key in ("nodes", "pods", "namespace", "component", "mode", "value")
        }
        labels = spec.get("target", {}).get("selector", {}).get("matchLabels", {})
        if labels:
            target["pods"] = ",".join(f"{key}={value}" for key, value in labels.items())
        step: Table = {"do": "fault", "fault": spec.get("type", ""), "target": target}
        if spec.get("params"):
            step["params"] = spec["params"]
        if spec.get("durationSeconds"):
            step["for"] = f"{spec['durationSeconds']}s"
        made = self._step(spec.get("type", "fault").replace(".", "-"), step)
        self._faults[str(data["metadata"].get("name", ""))] = str(made["id"])
        return made

    def _scaled(self, resource: Resource, name: str, namespace: str, replicas: Any) -> Table | None:
        if not isinstance(replicas, int):
            return None
        self._touch(resource, name, namespace)
        step: Table = {"do": "scale", "object": f"{resource.singular}/{name}", "replicas": replicas}
        return self._step(f"scale-{name}", step | _in(namespace))

    def _patched(
        self, resource: Resource, name: str, namespace: str, data: Any, kind: str
    ) -> Table | None:
        if isinstance(data, dict) and list(data) == ["spec"] and list(data["spec"]) == ["replicas"]:
            return self._scaled(resource, name, namespace, data["spec"]["replicas"])
        self._touch(resource, name, namespace)
        text = json.dumps(thaw(data), ensure_ascii=False).replace("'", "'\"'\"'")
        how = _PATCH_TYPES.get(kind, "merge")
        run = f"patch {resource.qualified} {name} --type={how} -p '{text}'"
        return self._step(f"patch-{name}", {"do": "kubectl", "run": run} | _in(namespace))

    def _deleted(
        self,
        resource: Resource,
        name: str,
        namespace: str,
        grace: int | None,
        query: Mapping[str, str],
    ) -> Table | None:
        if resource.kind == Fault.KIND and name in self._faults:
            return self._step("", {"do": "end", "step": self._faults.pop(name)})
        if not name:
            selector = query.get("labelSelector", "")
            which = f"-l {selector}" if selector else "--all"
            run = f"delete {resource.qualified} {which}"
            return self._step("delete", {"do": "kubectl", "run": run} | _in(namespace))
        step: Table = {"do": "delete", "object": f"{resource.qualified}/{name}"} | _in(namespace)
        if grace is not None:
            step["grace"] = grace
        return self._step(f"delete-{name}", step)

    def _touch(self, resource: Resource, name: str, namespace: str) -> None:
        if resource.kind == Deployment.KIND:
            where = namespace or "default"
            self._deployments[f"{where}/{name}"] = (where, name)

    # What is inferred

    def _settled(self, now: float) -> list[Table]:
        """What was waited for since the last step: complete rollouts, or time."""
        found: list[Table] = []
        if not self.steps:
            return found
        waited = now - self._last
        done = [
            (namespace, name)
            for namespace, name in self._deployments.values()
            if evaluate(
                Predicate(rollout=f"deployment/{name}", namespace=namespace), self._view
            ).holds
        ]
        for namespace, name in done if waited > 1.0 else ():
            claim = {"rollout": f"deployment/{name}"} | _in(namespace)
            wait = {"do": "wait", "until": claim, "timeout": "120s"}
            found.append(self._step(f"ready-{name}", wait))
        if not found and waited >= 0.1:
            found.append({"do": "sleep", "seconds": f"{min(waited, LONGEST_DELAY):.1f}s"})
        return found

    def _ready(self, namespace: str, name: str) -> int | None:
        found = self._view.find(f"deployment/{name}", namespace)
        if found is None:
            return None
        return int(found.get("status", {}).get("readyReplicas", 0))

    def _step(self, base: str, step: Table) -> Table:
        """*step* with an id of its own that begins with *base*."""
        if not base:
            return step
        base = "".join(c if c.isalnum() else "-" for c in base).strip("-").lower()
        self._ids[base] = self._ids.get(base, 0) + 1
        number = self._ids[base]
        return {"id": base if number == 1 else f"{base}-{number}", **step}


def _in(namespace: str) -> Table:
    return {} if namespace in ("", "default") else {"namespace": namespace}
