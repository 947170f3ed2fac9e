"""What kubectl's verbs make anew."""

import base64
from typing import Any

from engine.api.codec import DecodeError, decode, encode
from engine.client.client import Client
from engine.scenario.kubectl_line import Command, KubectlError, Target, targets


def _make(client: Client, data: dict[str, Any], done: str) -> str:
    try:
        obj = decode(data)
    except DecodeError as error:
        raise KubectlError(str(error)) from error
    made = client.create(obj)
    return f"{done}/{made.metadata.name} created"


def _name(command: Command) -> str:
    if not command.words:
        raise KubectlError(f"kubectl {command.verb}: exactly one NAME is required, got 0")
    return command.words[-1]


def _meta(command: Command, name: str, labels: dict[str, str] | None = None) -> dict[str, Any]:
    meta: dict[str, Any] = {"name": name, "namespace": command.namespace}
    return meta | ({"labels": labels} if labels else {})


def _literals(command: Command) -> dict[str, str]:
    found = {}
    for word in command.options.get("from-literal", ()):
        key, equals, value = word.partition("=")
        if not equals:
            raise KubectlError(f"invalid literal source {word}, expected key=value")
        found[key] = value
    return found


def namespace(command: Command, client: Client) -> str:
    """Create a namespace."""
    data = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": _name(command)}}
    return _make(client, data, "namespace")


def service_account(command: Command, client: Client) -> str:
    """Create a service account."""
    meta = _meta(command, _name(command))
    data = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta}
    return _make(client, data, "serviceaccount")


def configmap(command: Command, client: Client) -> str:
    """Create a ConfigMap from literals."""
    meta = _meta(command, _name(command))
    data = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": _literals(command)}
    return _make(client, data, "configmap")


def secret(command: Command, client: Client) -> str:
    """Create a generic Secret from literals."""
    if command.words[:1] != ("generic",) or len(command.words) != 2:
        raise KubectlError(
            'kubectl create secret: write "create secret generic NAME --from-literal=…"'
        )
    values = {k: base64.b64encode(v.encode()).decode() for k, v in _literals(command).items()}
    meta = _meta(command, _name(command))
    data = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": meta,
        "data": values,
    }
    return _make(client, data, "secret")


def _ports(command: Command) -> dict[str, Any]:
    port = command.option("port")
    return {"ports": [{"containerPort": int(port)}]} if port else {}


def deployment(command: Command, client: Client) -> str:
    """Create a Deployment of one image."""
    name, image = _name(command), command.option("image")
    if not image:
        raise KubectlError('required flag(s) "image" not set')
    labels = {"app": name}
    container_name = image.rpartition("/")[2].partition(":")[0].partition("@")[0]
    container: dict[str, Any] = {"name": container_name, "image": image} | _ports(command)
    if command.rest:
        container["command"] = list(command.rest)
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    data = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _meta(command, name, labels),
        "spec": {
            "replicas": int(command.option("replicas", "1")),
            "selector": {"matchLabels": labels},
            "template": template,
        },
    }
    return _make(client, data, "deployment.apps")


def run(command: Command, client: Client) -> str:
    """Create a pod of one container."""
    name, image = _name(command), command.option("image")
    if not image:
        raise KubectlError('required flag(s) "image" not set')
    labels = dict(w.split("=", 1) for w in command.option("labels", f"run={name}").split(","))
    container: dict[str, Any] = {"name": name, "image": image} | _ports(command)
    if command.rest:
        container["args"] = list(command.rest)
    env = [w.partition("=") for w in command.options.get("env", ())]
    if env:
        container["env"] = [{"name": key, "value": value} for key, _, value in env]
    spec = {"containers": [container], "restartPolicy": command.option("restart", "Always")}
    meta = _meta(command, name, labels)
    return _make(client, {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}, "pod")


def _one(command: Command, client: Client) -> tuple[Target, dict[str, Any]]:
    found, _ = targets(command, client)
    if len(found) != 1:
        raise KubectlError(f"kubectl {command.verb}: exactly one object was expected")
    target = found[0]
    return target, encode(client.get(target.resource.cls, target.name, namespace=target.namespace))


def expose(command: Command, client: Client) -> str:
    """Create a Service for a workload, a pod or another service."""
    target, data = _one(command, client)
    spec = data.get("spec", {})
    selector = spec.get("selector", {})
    if target.resource.kind == "Pod":
        selector = data["metadata"].get("labels", {})
    selector = selector.get("matchLabels", selector)
    port = command.option("port")
    if not port:
        containers = spec.get("template", {}).get("spec", spec).get("containers", [{}])
        ports = containers[0].get("ports", ())
        if not ports:
            raise KubectlError("couldn't find port via --port flag or introspection")
        port = str(ports[0]["containerPort"])
    wanted = command.option("target-port", port)
    target_port = int(wanted) if wanted.isdigit() else wanted
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _meta(command, command.option("name", target.name)),
        "spec": {
            "selector": selector,
            "type": command.option("type", "ClusterIP"),
            "ports": [{"port": int(port), "targetPort": target_port}],
        },
    }
    return _make(client, service, "service").replace("created", "exposed")


def autoscale(command: Command, client: Client) -> str:
    """Create a HorizontalPodAutoscaler for a workload."""
    target, data = _one(command, client)
    if not command.option("max").isdigit():
        raise KubectlError("--max=MAXPODS is required and must be at least 1")
    percent = command.option("cpu-percent") or command.option("cpu", "80%").rstrip("%")
    reference = {"apiVersion": data["apiVersion"], "kind": data["kind"], "name": target.name}
    resource = {
        "name": "cpu",
        "target": {"type": "Utilization", "averageUtilization": int(percent)},
    }
    scaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": _meta(command, command.option("name", target.name)),
        "spec": {
            "scaleTargetRef": reference,
            "minReplicas": int(command.option("min", "1")),
            "maxReplicas": int(command.option("max")),
            "metrics": [{"type": "Resource", "resource": resource}],
        },
    }
    made = _make(client, scaler, "horizontalpodautoscaler.autoscaling")
    return made.replace("created", "autoscaled")
