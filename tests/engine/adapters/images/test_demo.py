"""The demo image and its server."""

import io
import json
import os
import subprocess
import sys
import tarfile
import urllib.error
import urllib.request
from collections.abc import Iterator

import attrs
import pytest

from engine.adapters.images.archive import File, Image, build_archive, build_layer
from engine.adapters.images.demo import SERVER, demo_images, elf_interpreter


@attrs.define
class Server:
    """A demo server of its own process."""

    process: subprocess.Popen[str]
    port: int

    def get(self, path: str) -> tuple[int, str]:
        """The status and body of one request."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}") as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()


@pytest.fixture
def server() -> Iterator[Server]:
    """The server as the image runs it, on a free port."""
    names = {"PORT": "0", "POD_NAME": "web-1", "NODE_NAME": "node-1", "DRAIN_SECONDS": "2"}
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(SERVER)],
        env={**os.environ, **names},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    port = int(process.stdout.readline().rpartition(" ")[2])
    yield Server(process, port)
    process.kill()
    process.wait()
    process.stdout.close()


def test_server_says_who_it_is(server: Server) -> None:
    """Pod, version and node are in the line and in the JSON."""
    line = server.get("/")[1]
    facts = json.loads(server.get("/info")[1])

    assert line == "Hello from web-1 (v1) on node-1\n"
    assert (facts["pod"], facts["version"], facts["node"]) == ("web-1", "v1", "node-1")


def test_probes_fail_when_asked_and_recover(server: Server) -> None:
    """Each probe has its own switch."""
    server.get("/fail?probe=readiness")
    failing = server.get("/readyz")[0], server.get("/healthz")[0]
    server.get("/fail?probe=readiness&on=false")

    assert failing == (500, 200)
    assert server.get("/readyz")[0] == 200


def test_bad_queries_are_answered(server: Server) -> None:
    """A number that is none, an unknown path and a missing file are said, and it goes on."""
    answers = [server.get(p)[0] for p in ("/slow?seconds=x", "/nowhere", "/file?path=/no", "/")]

    assert answers == [400, 404, 404, 200]


def test_open_request_is_finished_after_sigterm(server: Server) -> None:
    """What was asked before the end is answered, new requests too for a moment; then it ends."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/slow?seconds=0") as response:
        response.read()
    command = ["-c", "import sys, urllib.request as u; print(u.urlopen(sys.argv[1]).read())"]
    slow = subprocess.Popen(
        [sys.executable, *command, f"http://127.0.0.1:{server.port}/slow?seconds=0.6"],
        stdout=subprocess.PIPE,
    )
    asked = 2
    while json.loads(server.get("/info")[1])["requests"] <= asked:
        asked += 1

    server.process.terminate()
    status, _ = server.get("/")
    answered, _ = slow.communicate()
    code = server.process.wait(timeout=10)

    assert status == 200
    assert b"answered after" in answered
    assert code == 0


def test_exit_code_is_the_one_asked_for(server: Server) -> None:
    """`/exit` ends the process after the answer."""
    status, _ = server.get("/exit?code=7")

    assert status == 202
    assert server.process.wait(timeout=10) == 7


def test_versions_share_their_layers() -> None:
    """One archive holds three images and their common layers once."""
    images = demo_images()

    with tarfile.open(fileobj=io.BytesIO(build_archive(images))) as archive:
        manifest = json.load(archive.extractfile("manifest.json") or io.BytesIO())

    assert [entry["RepoTags"][0].rpartition(":")[2] for entry in manifest] == ["v1", "v2", "v3"]
    assert len({tuple(entry["Layers"]) for entry in manifest}) == 1
    assert len({entry["Config"] for entry in manifest}) == 3


def test_same_files_give_the_same_image() -> None:
    """The id depends on content alone, so that what is loaded already is recognised."""
    layers = [build_layer({"/a/b": File(content=b"x")}) for _ in range(2)]
    images = [Image(name="n:1", layers=[layer], entrypoint=["/a/b"]) for layer in layers]

    assert images[0].id == images[1].id


def test_loader_of_the_interpreter_is_found() -> None:
    """The program's own header says which loader it needs."""
    loader = elf_interpreter(SERVER.__class__(sys.executable).resolve())

    assert loader == "" or "ld" in loader
