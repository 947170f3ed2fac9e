"""What a node answers on its kubelet's port: health, pods, configuration, logs, statistics.

Source: pkg/kubelet/server, kubernetes v1.34.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import orjson
from aiohttp import web

from engine.adapters.http.streams.targets import status_of
from engine.api.codec import encode, format_time
from engine.api.pod import Pod
from engine.apiserver.errors import BadRequestError, NotFoundError
from engine.apiserver.request import RequestInfo
from engine.apiserver.server import ApiServer
from engine.cri.runtime import LogOptions, Runtime
from engine.kubelet.eviction.thresholds import DEFAULT_HARD

PORT = 10250
_DEFAULTS = {
    "kind": "KubeletConfiguration",
    "apiVersion": "kubelet.config.k8s.io/v1beta1",
    "port": PORT,
    "syncFrequency": "1m0s",
    "nodeStatusUpdateFrequency": "10s",
    "nodeStatusReportFrequency": "5m0s",
    "nodeLeaseDurationSeconds": 40,
    "imageMinimumGCAge": "2m0s",
    "imageMaximumGCAge": "0s",
    "imageGCHighThresholdPercent": 85,
    "imageGCLowThresholdPercent": 80,
    "serializeImagePulls": True,
    "evictionHard": DEFAULT_HARD,
    "evictionPressureTransitionPeriod": "5m0s",
    "shutdownGracePeriod": "0s",
    "shutdownGracePeriodCriticalPods": "0s",
    "enforceNodeAllocatable": ["pods"],
}
"""What `engine.kubelet.configuration` reads, where no file says otherwise."""


def is_kubelet(port: str) -> bool:
    """Whether *port*, as the path names it, is the kubelet's."""
    return port in ("", str(PORT))


def answer(
    path: str,
    *,
    node: str,
    runtime: Runtime,
    server: ApiServer,
    request: RequestInfo,
    configuration: Mapping[str, Any],
) -> web.Response:
    """The answer to a GET of *path*; *configuration* is the kubelet's, as its file has it.

    Raises:
        NotFoundError: the kubelet serves nothing there.
    """
    pages: Mapping[str, Callable[[], web.Response]] = {
        "/healthz": lambda: web.Response(text="ok"),
        "/healthz/ping": lambda: web.Response(text="ok"),
        "/healthz/syncloop": lambda: web.Response(text="ok"),
        "/pods": lambda: _json(_pods(node, server, request)),
        "/runningpods": lambda: _json(_pods(node, server, request)),
        "/configz": lambda: _json(_config(runtime, configuration)),
        "/stats/summary": lambda: _json(_summary(node, runtime, server)),
        "/metrics/resource": lambda: web.Response(text=_metrics(runtime)),
        "/metrics": lambda: web.Response(text=_metrics(runtime)),
    }
    page = pages.get(path.rstrip("/") or "/")
    if page is None:
        raise NotFoundError("the server could not find the requested resource")
    return page()


def log_of(
    path: str, query: Mapping[str, str], *, runtime: Runtime, server: ApiServer, info: RequestInfo
) -> AsyncIterator[bytes]:
    """The log that ``/containerLogs/NAMESPACE/POD/CONTAINER`` asks for.

    Raises:
        BadRequestError: the container has not run.
        NotFoundError: there is no such pod.
    """
    parts = [part for part in path.split("/") if part]
    if len(parts) != 4:
        raise BadRequestError("missing container name")
    pod = server.get(Pod, parts[2], namespace=parts[1], request=info)
    status = status_of(pod, parts[3])
    if status is None or not status.container_id:
        raise BadRequestError(f'container "{parts[3]}" in pod "{parts[2]}" is not available')
    tail = query.get("tailLines", "")
    options = LogOptions(
        follow=query.get("follow", "") == "true", tail=int(tail) if tail.isdigit() else None
    )
    return runtime.logs(status.container_id.rpartition("://")[2], options)


def _json(value: Any) -> web.Response:
    return web.Response(body=orjson.dumps(value), content_type="application/json")


def _pods(node: str, server: ApiServer, request: RequestInfo) -> dict[str, Any]:
    found = server.list(Pod, field_selector=f"spec.nodeName={node}", request=request)
    items = [encode(pod) for pod in found.items]
    return {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": items}


def _config(runtime: Runtime, given: Mapping[str, Any]) -> dict[str, Any]:
    """What the kubelet goes by: what its file says, else what holds without one."""
    return {"kubeletconfig": {**_DEFAULTS, "maxPods": runtime.info().pods, **given}}


def _summary(node: str, runtime: Runtime, server: ApiServer) -> dict[str, Any]:
    """Statistics as metrics-server and friends read them."""
    now = format_time(server.now)
    pods: dict[str, dict[str, Any]] = {}
    cpu = memory = 0
    for usage in runtime.usage():
        cpu, memory = cpu + usage.cpu, memory + usage.memory
        pod = pods.setdefault(
            usage.pod.uid,
            {
                "podRef": {
                    "name": usage.pod.name,
                    "namespace": usage.pod.namespace,
                    "uid": usage.pod.uid,
                },
                "containers": [],
            },
        )
        pod["containers"].append({"name": usage.name, **_stats(now, usage.cpu, usage.memory)})
    return {"node": {"nodeName": node, **_stats(now, cpu, memory)}, "pods": list(pods.values())}


def _stats(now: str, cpu: int, memory: int) -> dict[str, Any]:
    return {
        "cpu": {"time": now, "usageNanoCores": cpu * 1_000_000},
        "memory": {"time": now, "workingSetBytes": memory, "usageBytes": memory},
    }


def _metrics(runtime: Runtime) -> str:
    """Working sets in the Prometheus text form."""
    name = "container_memory_working_set_bytes"
    lines = [f"# HELP {name} Current working set of the container in bytes", f"# TYPE {name} gauge"]
    for usage in runtime.usage():
        labels = (
            f'container="{usage.name}",namespace="{usage.pod.namespace}",pod="{usage.pod.name}"'
        )
        lines.append(f"{name}{{{labels}}} {usage.memory}")
    return "\n".join(lines) + "\n"
