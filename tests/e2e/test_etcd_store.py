"""Two servers on one etcd: one leads, the other takes over with everything that was answered."""

import json
import signal
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

import attrs
import pytest

from tests.e2e.served import KUBARIUM
from tests.engine.store.etcd_process import EtcdProcess, b64
from tui.kubeconfig import read_kubeconfig

pytestmark = pytest.mark.etcd

DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "localhost/kubarium/demo:v1"}]},
        },
    },
}


@attrs.define(eq=False)
class Member:
    """A `kubarium serve` on an etcd; what it says is read line by line."""

    process: "subprocess.Popen[str]"
    output: IO[str]
    kubeconfig: Path
    base: str = ""

    @classmethod
    def start(cls, folder: Path, url: str) -> "Member":
        """Start one; it may have to stand by."""
        process = subprocess.Popen(
            [
                *(str(KUBARIUM), "serve", "--runtime", "simulated", "--store", url),
                *("--nodes", "1", "--listen", "127.0.0.1:0"),
                *("--kubeconfig", str(folder / "kubeconfig")),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        return cls(process, process.stdout, folder / "kubeconfig")

    def until(self, words: str) -> str:
        """The next line that holds *words*."""
        said: list[str] = []
        for line in self.output:
            said.append(line)
            if words in line:
                return line
        raise AssertionError(f"it ended without {words!r}: {said}")

    def until_serving(self) -> None:
        """Wait until it answers."""
        line = self.until("API at ")
        self.base = line.partition("API at ")[2].partition(";")[0].strip()

    def ask(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """GET, or POST *body*."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.base + path, data, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30, context=self._tls()) as answer:
            found: dict[str, Any] = json.loads(answer.read())
        return found

    def _tls(self) -> ssl.SSLContext:
        context = read_kubeconfig(self.kubeconfig).tls()
        assert isinstance(context, ssl.SSLContext)
        return context

    def end(self, signum: signal.Signals = signal.SIGKILL) -> int:
        """Send *signum*; the exit code."""
        self.process.send_signal(signum)
        return self.process.wait(timeout=60)


@pytest.fixture
def etcd(tmp_path: Path) -> Iterator[EtcdProcess]:
    """A real etcd."""
    process = EtcdProcess(tmp_path / "etcd")
    process.start()
    yield process
    process.kill()


@pytest.fixture
def members(etcd: EtcdProcess, tmp_path: Path) -> Iterator[tuple[Member, Member]]:
    """One that leads and one that stands by."""
    url = f"etcd://127.0.0.1:{etcd.port}"
    leader = Member.start(tmp_path / "one", url)
    leader.until_serving()
    standby = Member.start(tmp_path / "two", url)
    standby.until("standing by; ")
    yield leader, standby
    for member in (leader, standby):
        if member.process.poll() is None:
            member.end()
        member.output.close()


def test_a_standby_takes_over_when_the_leader_is_killed(members: tuple[Member, Member]) -> None:
    """With the same object under the same uid, and it takes writes."""
    leader, standby = members
    created = leader.ask(DEPLOYMENTS, DEPLOYMENT)

    leader.end(signal.SIGKILL)
    standby.until_serving()

    found = standby.ask(f"{DEPLOYMENTS}/web")
    assert found["metadata"]["uid"] == created["metadata"]["uid"]
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "after"}}
    made = standby.ask("/api/v1/namespaces", namespace)
    assert int(made["metadata"]["resourceVersion"]) > int(created["metadata"]["resourceVersion"])


def test_a_leader_that_is_asked_to_stop_hands_over_at_once(
    members: tuple[Member, Member],
) -> None:
    """It gives the lease back, and ends well."""
    leader, standby = members

    assert leader.end(signal.SIGTERM) == 0

    standby.until_serving()
    assert standby.end(signal.SIGTERM) == 0


def test_a_standby_can_be_stopped(members: tuple[Member, Member]) -> None:
    """It ends well without having led."""
    _, standby = members

    assert standby.end(signal.SIGTERM) == 0
    assert standby.output.read() == ""


def test_a_leader_that_lost_its_place_ends_and_says_why(
    members: tuple[Member, Member], etcd: EtcdProcess
) -> None:
    """In one line, with exit code 1."""
    leader, standby = members
    lease = etcd.call("/v3/kv/range", {"key": b64(b"/kubarium/leader")})["kvs"][0]["lease"]

    etcd.call("/v3/lease/revoke", {"ID": lease})

    assert leader.process.wait(timeout=60) == 1
    said = leader.output.read()
    assert said.splitlines()[-1].startswith("kubarium: another Kubarium leads this store now")
    assert "Traceback" not in said
    standby.until_serving()


def test_a_leader_without_its_etcd_is_read_only_until_it_is_back(
    members: tuple[Member, Member], etcd: EtcdProcess
) -> None:
    """Reads are answered, /readyz says why writes are not; the write that waited is answered."""
    leader, _ = members
    etcd.kill()
    with ThreadPoolExecutor() as pool:
        writing = pool.submit(leader.ask, DEPLOYMENTS, DEPLOYMENT)
        leader.until("the store is read-only: etcd at ")
        with pytest.raises(urllib.error.HTTPError) as refused:
            leader.ask("/readyz")
        reason = refused.value.read().decode()
        refused.value.close()

        etcd.start()
        leader.until("the store takes writes again")
        created = writing.result()

    assert "[-]store failed: read-only: etcd at " in reason
    assert leader.ask(f"{DEPLOYMENTS}/web")["metadata"]["uid"] == created["metadata"]["uid"]


def test_an_etcd_and_a_folder_exclude_each_other(tmp_path: Path) -> None:
    """A cluster is kept in one place."""
    done = subprocess.run(
        [
            *(str(KUBARIUM), "serve", "--data", str(tmp_path / "data")),
            *("--store", "etcd://127.0.0.1:1"),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1
    assert "not in both" in done.stderr
    assert "Traceback" not in done.stderr
