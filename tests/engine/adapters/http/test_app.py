"""The API over HTTP, on loopback."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from engine.adapters.http.app import HttpServer
from engine.api.core import Namespace
from engine.api.meta import ObjectMeta
from engine.apiserver.keys import index_of
from engine.apiserver.request import RequestInfo
from engine.apiserver.server import ApiServer
from engine.cri.runtime import LogOptions
from engine.errors import AdapterError
from engine.kernel.journal import Journal
from engine.kernel.loop import Loop
from engine.kernel.rng import RandomStreams
from engine.store.watchable_store import Store

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
PODS = "/api/v1/namespaces/default/pods"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


class Site:
    """A served API and a client for it."""

    def __init__(self, http: HttpServer, client: aiohttp.ClientSession) -> None:
        self.http = http
        self.client = client
        self.base = f"http://127.0.0.1:{http.port}"

    async def ask(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, Any, Any]:
        """Status, decoded body and headers of an answer."""
        data = None if body is None else json.dumps(body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            named.setdefault("Content-Type", "application/json")
        async with self.client.request(
            method, self.base + path, data=data, headers=named
        ) as answer:
            text = await answer.text()
            is_json = answer.content_type == "application/json"
            return answer.status, json.loads(text) if is_json else text, answer.headers


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """A server with one namespace, at a time that stands still."""
    loop = Loop(now=1_700_000_000.0)
    store: Store[Any] = Store(loop, index_of=index_of)
    server = ApiServer(loop, store, RandomStreams(3))
    server.create(Namespace(metadata=ObjectMeta(name="default")), request=RequestInfo(user="tests"))

    async def logs(node: str, container_id: str, options: LogOptions) -> AsyncIterator[bytes]:
        yield f"{node} {container_id} {options.tail}\n".encode()

    http = HttpServer(cluster=server, journal=Journal(loop), store=store, logs=logs)
    await http.start("127.0.0.1", 0)
    async with aiohttp.ClientSession() as client:
        yield Site(http, client)
    await http.stop()


def config_map(name: str, **data: str) -> dict[str, Any]:
    """A config map in wire form."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def pod(name: str) -> dict[str, Any]:
    """A pod in wire form."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"containers": [{"name": "main", "image": "demo:v1"}]},
    }


async def test_objects_come_back_as_they_were_sent(site: Site) -> None:
    """Create, read, delete; each with the code that clients expect."""
    created, sent, _ = await site.ask("POST", CONFIG_MAPS, config_map("a", key="value"))
    found, got, _ = await site.ask("GET", f"{CONFIG_MAPS}/a")
    deleted, status, _ = await site.ask("DELETE", f"{CONFIG_MAPS}/a")
    missing, refusal, _ = await site.ask("GET", f"{CONFIG_MAPS}/a")

    assert (created, found, deleted, missing) == (201, 200, 200, 404)
    assert sent == got
    assert got["data"] == {"key": "value"}
    assert status["status"] == "Success"
    assert refusal["reason"] == "NotFound"


async def test_unknown_fields_are_refused_when_strict_and_warned_of_otherwise(site: Site) -> None:
    """A typo is told with its path and what was probably meant."""
    body = pod("a")
    body["spec"]["containers"][0]["imagge"] = "x"

    strict, refusal, _ = await site.ask("POST", f"{PODS}?fieldValidation=Strict", body)
    warned, _, headers = await site.ask("POST", PODS, body)

    assert strict == 400
    assert 'unknown field "spec.containers[0].imagge"' in refusal["message"]
    assert warned == 201
    assert "imagge" in headers["Warning"]


async def test_garbage_is_a_bad_request(site: Site) -> None:
    """A body that is no JSON is refused in words, not with a traceback."""
    async with site.client.post(
        site.base + PODS, data=b"{", headers={"Content-Type": "application/json"}
    ) as answer:
        refusal = await answer.json()

    assert answer.status == 400
    assert refusal["reason"] == "BadRequest"


async def test_tables_have_the_columns_of_kubectl(site: Site) -> None:
    """The server prints; kubectl only aligns."""
    await site.ask("POST", PODS, pod("a"))

    _, table, _ = await site.ask("GET", PODS, Accept=TABLE)

    shown = [c["name"] for c in table["columnDefinitions"] if c["priority"] == 0]
    assert shown == ["Name", "Ready", "Status", "Restarts", "Age"]
    assert table["rows"][0]["cells"][:5] == ["a", "0/1", "Pending", "0", "0s"]
    assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"


async def test_a_watch_delivers_lines_as_they_happen(site: Site) -> None:
    """Each event is one JSON line, and stopping the server ends the answer."""
    _, listed, _ = await site.ask("GET", CONFIG_MAPS)
    version = listed["metadata"]["resourceVersion"]

    async with site.client.get(
        f"{site.base}{CONFIG_MAPS}?watch=true&resourceVersion={version}"
    ) as answer:
        await site.ask("POST", CONFIG_MAPS, config_map("a"))
        added = json.loads(await answer.content.readline())
        await site.ask("DELETE", f"{CONFIG_MAPS}/a")
        deleted = json.loads(await answer.content.readline())

    assert (added["type"], deleted["type"]) == ("ADDED", "DELETED")
    assert added["object"]["metadata"]["name"] == "a"


async def test_a_list_at_a_revision_is_what_a_watcher_had_seen_then(site: Site) -> None:
    """After every change, updates and deletions too; also page by page, and a single object."""
    start = (await site.ask("GET", CONFIG_MAPS))[1]["metadata"]["resourceVersion"]
    seen: dict[str, Any] = {}
    async with site.client.get(
        f"{site.base}{CONFIG_MAPS}?watch=true&resourceVersion={start}"
    ) as answer:
        for name in ("a", "b", "c"):
            await site.ask("POST", CONFIG_MAPS, config_map(name, n="1"))
        await site.ask("PUT", f"{CONFIG_MAPS}/b", config_map("b", n="2"))
        await site.ask("DELETE", f"{CONFIG_MAPS}/a")
        await site.ask("POST", CONFIG_MAPS, config_map("a", n="3"))

        for _ in range(6):
            event = json.loads(await answer.content.readline())
            obj = event["object"]
            name, revision = obj["metadata"]["name"], obj["metadata"]["resourceVersion"]
            seen.pop(name, None)
            if event["type"] != "DELETED":
                seen[name] = obj
            at = f"resourceVersion={revision}&resourceVersionMatch=Exact"
            expected = [seen[name] for name in sorted(seen)]

            status, listed, _ = await site.ask("GET", f"{CONFIG_MAPS}?{at}")
            assert (status, listed["items"]) == (200, expected)
            assert listed["metadata"]["resourceVersion"] == revision
            _, page, _ = await site.ask("GET", f"{CONFIG_MAPS}?{at}&limit=1")
            assert page["items"] == expected[:1]
            if "continue" in page["metadata"]:
                token = page["metadata"]["continue"]
                _, rest, _ = await site.ask("GET", f"{CONFIG_MAPS}?continue={token}")
                assert rest["items"] == expected[1:]
            status, one, _ = await site.ask("GET", f"{CONFIG_MAPS}/{name}?{at}")
            assert (status, one if status == 200 else None) == (
                200 if name in seen else 404,
                seen.get(name),
            )


async def test_a_revision_that_is_compacted_or_yet_to_come_is_refused(site: Site) -> None:
    """410 for what is gone, as for an expired list; 504 for what is not there yet."""
    for name in ("a", "b", "c"):
        await site.ask("POST", CONFIG_MAPS, config_map(name))
    newest = site.http.store.revision
    site.http.store.compact(newest)

    for path in (CONFIG_MAPS, f"{CONFIG_MAPS}/a"):
        for revision, code, reason in (
            (newest - 1, 410, "Expired"),
            (newest + 5, 504, "Timeout"),
        ):
            status, body, _ = await site.ask(
                "GET", f"{path}?resourceVersion={revision}&resourceVersionMatch=Exact"
            )
            assert (status, body["reason"]) == (code, reason)


async def test_a_watch_ends_when_its_time_is_over(site: Site) -> None:
    """The answer ends cleanly, so that clients begin a new one."""
    async with site.client.get(f"{site.base}{PODS}?watch=true&timeoutSeconds=1") as answer:
        text = await answer.text()

    assert text == ""


async def test_patches_of_every_kind_are_taken(site: Site) -> None:
    """Merge, JSON and strategic merge patches, and server-side apply that creates."""
    await site.ask("POST", CONFIG_MAPS, config_map("a", one="1"))
    path = f"{CONFIG_MAPS}/a"

    kinds: list[tuple[str, Any]] = [
        ("application/merge-patch+json", {"data": {"two": "2"}}),
        ("application/json-patch+json", [{"op": "add", "path": "/data/three", "value": "3"}]),
        ("application/strategic-merge-patch+json", {"data": {"one": None}}),
    ]
    for kind, patch in kinds:
        status, result, _ = await site.ask("PATCH", path, patch, Content_Type=kind)
        assert status == 200
    applied, _, _ = await site.ask(
        "PATCH",
        f"{CONFIG_MAPS}/new?fieldManager=me",
        config_map("new"),
        Content_Type="application/apply-patch+yaml",
    )

    assert result["data"] == {"two": "2", "three": "3"}
    assert applied == 201


async def test_discovery_and_health_answer(site: Site) -> None:
    """What clients ask before they ask for anything else."""
    _, version, _ = await site.ask("GET", "/version")
    _, groups, _ = await site.ask("GET", "/apis")
    _, resources, _ = await site.ask("GET", "/api/v1")
    health, ok, _ = await site.ask("GET", "/readyz")
    missing, _, _ = await site.ask("GET", "/apis/nobody.example/v1")

    assert version["major"] == "1"
    assert "apps" in [group["name"] for group in groups["groups"]]
    assert "pods" in [resource["name"] for resource in resources["resources"]]
    assert (health, ok) == (200, "ok")
    assert missing == 404


async def test_a_log_is_that_of_the_container(site: Site) -> None:
    """Without a started container the reason is told; else its log, over a WebSocket too."""
    await site.ask("POST", PODS, pod("a"))
    early, refusal, _ = await site.ask("GET", f"{PODS}/a/log")
    binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "a"},
               "target": {"name": "node-1"}}  # fmt: skip
    await site.ask("POST", f"{PODS}/a/binding", binding)
    status = {"containerStatuses": [{"name": "main", "containerID": "podman://abc", "image": "x",
                                     "imageID": "", "ready": True, "restartCount": 0,
                                     "state": {"running": {}}}]}  # fmt: skip
    await site.ask(
        "PATCH",
        f"{PODS}/a/status",
        {"status": status},
        Content_Type="application/merge-patch+json",
    )

    _, log, _ = await site.ask("GET", f"{PODS}/a/log?tailLines=3")
    messages = []
    url = f"{site.base}{PODS}/a/log?tailLines=3"
    for protocol in ("binary.k8s.io", "base64.binary.k8s.io"):
        async with site.client.ws_connect(url, protocols=(protocol,)) as socket:
            messages += [message.data async for message in socket]

    assert early == 400
    assert "does not have a host assigned" in refusal["message"]
    assert log == "node-1 abc 3\n"
    assert messages == [b"node-1 abc 3\n", "bm9kZS0xIGFiYyAzCg=="]


async def test_a_body_that_is_too_large_is_refused(site: Site) -> None:
    """Nobody can fill the memory with one request."""
    body = io.BytesIO(json.dumps(config_map("big", key="x" * (3 * 2**20))).encode())

    async with site.client.post(
        site.base + CONFIG_MAPS, data=body, headers={"Content-Type": "application/json"}
    ) as answer:
        refusal = await answer.json()

    assert answer.status == 413
    assert refusal["reason"] == "RequestEntityTooLarge"


async def test_a_port_in_use_is_told(site: Site) -> None:
    """The message names the address."""
    other = HttpServer(cluster=site.http.cluster, journal=site.http.journal, store=site.http.store)

    with pytest.raises(AdapterError, match=f"127.0.0.1:{site.http.port}"):
        await other.start("127.0.0.1", site.http.port)


async def test_many_requests_at_once_are_all_answered(site: Site) -> None:
    """Each gets its own answer, and revisions never repeat."""
    answers = await asyncio.gather(
        *(site.ask("POST", CONFIG_MAPS, config_map(f"m{index}")) for index in range(50))
    )

    versions = {body["metadata"]["resourceVersion"] for _, body, _ in answers}
    assert len(versions) == 50
