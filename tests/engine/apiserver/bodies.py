"""Objects in wire form for tests of writing, made from what the test is about."""

from typing import Any

from engine.api.codec import decode
from engine.apiserver.errors import ApiError
from engine.apiserver.request import RequestInfo
from engine.apiserver.server import ApiServer

META = {"name": "x", "namespace": "default"}
CONTAINER = {"name": "c", "image": "demo:v1"}
TEMPLATE = {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [CONTAINER]}}
JOB_TEMPLATE = {"spec": {"restartPolicy": "Never", "containers": [CONTAINER]}}
SELECTOR = {"matchLabels": {"app": "x"}}


def body(api_version: str, kind: str, **parts: Any) -> dict[str, Any]:
    """An object called x in the namespace default."""
    return {"apiVersion": api_version, "kind": kind, "metadata": META, **parts}


def pod(**spec: Any) -> dict[str, Any]:
    """A pod with one container, unless *spec* names others."""
    return body("v1", "Pod", spec={"containers": [CONTAINER], **spec})


def container(**fields: Any) -> dict[str, Any]:
    """A pod whose container has *fields*."""
    return pod(containers=[{**CONTAINER, **fields}])


def refusal(server: ApiServer, wire: dict[str, Any], request: RequestInfo) -> list[str]:
    """The causes of the refusal of *wire*, or its message if there are none; empty if it passes."""
    try:
        server.create(decode(wire), request=request, dry_run=True)
    except ApiError as error:
        return [str(cause) for cause in error.details.get("causes", ())] or [error.message]
    return []
