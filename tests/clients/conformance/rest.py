"""A client of the bare API: requests and watches as bytes on the wire, nothing in between."""

import base64
import itertools
import json
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import attrs
import httpx
import yaml

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
OK, GONE = 200, 404

T = TypeVar("T")
_numbers = itertools.count(1)


@attrs.define
class Rest:
    """Requests with the certificate of a kubeconfig."""

    http: httpx.Client

    @classmethod
    def of(cls, kubeconfig: Path, folder: Path) -> "Rest":
        """A client by *kubeconfig*; keys are unpacked in *folder*."""
        config = yaml.safe_load(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        for name, text in (
            ("ca", cluster["certificate-authority-data"]),
            ("crt", user["client-certificate-data"]),
            ("key", user["client-key-data"]),
        ):
            (folder / name).write_bytes(base64.b64decode(text))
        context = ssl.create_default_context(cafile=str(folder / "ca"))
        context.load_cert_chain(folder / "crt", folder / "key")
        return cls(httpx.Client(base_url=cluster["server"], verify=context, trust_env=False))

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        code: int | tuple[int, ...] = (200, 201, 202),
        type_: str = "application/json",
        accept: str = "application/json",
        **query: str,
    ) -> Any:
        """The answer to a request, as JSON; AssertionError if its code is none of *code*."""
        content = body if isinstance(body, str | None) else json.dumps(body)
        headers = {"Accept": accept, "Content-Type": type_}
        answer = self.http.request(method, path, content=content, headers=headers, params=query)
        wanted = code if isinstance(code, tuple) else (code,)
        assert answer.status_code in wanted, f"{method} {path}: {answer.text[:600]}"
        return answer.json()

    def get(self, path: str, **options: Any) -> Any:
        """GET."""
        return self.send("GET", path, **options)

    def post(self, path: str, body: Any, **options: Any) -> Any:
        """POST."""
        return self.send("POST", path, body, **options)

    def put(self, path: str, body: Any, **options: Any) -> Any:
        """PUT."""
        return self.send("PUT", path, body, **options)

    def patch(self, path: str, body: Any, type_: str = MERGE, **options: Any) -> Any:
        """PATCH."""
        return self.send("PATCH", path, body, type_=type_, **options)

    def delete(self, path: str, body: Any = None, **options: Any) -> Any:
        """DELETE."""
        return self.send("DELETE", path, body, **options)

    def is_gone(self, path: str) -> bool:
        """Whether there is no such object any more."""
        return bool(self.get(path, code=(200, GONE)).get("code") == GONE)

    def namespace(self) -> str:
        """A new namespace, with its service account."""
        name = f"conformance-{next(_numbers)}"
        self.post("/api/v1/namespaces", {"metadata": {"name": name}})
        account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
        until(lambda: not self.is_gone(account))
        return name


def watch(
    rest: Rest, path: str, ends: Callable[[list[dict[str, Any]]], bool], **query: str
) -> list[dict[str, Any]]:
    """The events of a watch on *path* until they say it *ends*, or the server ends it."""
    asked = {"watch": "true", "timeoutSeconds": "10", **query}
    events: list[dict[str, Any]] = []
    with rest.http.stream("GET", path, params=asked) as answer:
        assert answer.status_code == OK, answer.read()
        for line in answer.iter_lines():
            events.append(json.loads(line))
            if ends(events):
                return events
    return events


def types(events: list[dict[str, Any]]) -> list[str]:
    """What happened, in order."""
    return [event["type"] for event in events]


def until(holds: Callable[[], T], seconds: float = 20.0) -> T:
    """What *holds* says, once it is true; AssertionError after *seconds*."""
    ends = time.monotonic() + seconds
    while True:
        found = holds()
        if found:
            return found
        assert time.monotonic() < ends, f"did not come true: {found!r}"
        time.sleep(0.03)


def pod_spec(**spec: Any) -> dict[str, Any]:
    """A pod's spec with one container."""
    return {"containers": [{"name": "c", "image": "registry.k8s.io/pause:3.9"}], **spec}


def template(labels: dict[str, str], **spec: Any) -> dict[str, Any]:
    """A pod template."""
    return {"metadata": {"labels": labels}, "spec": pod_spec(**spec)}
