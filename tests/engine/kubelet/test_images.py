"""Pulls as a user of a pod sees them: policies, waiting reasons, back-off, logins, progress."""

import base64
import itertools
import json
from typing import Any

import pytest

from engine.api.node import Node
from engine.cri import events
from engine.kubelet.images import format_duration
from engine.simulation.images import PRIVATE
from tests.engine.kubelet.station import DEMO, Station


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0004, "0s"), (0.8124, "812ms"), (1.5, "1.5s"), (62.25, "1m2.25s"), (3600.0, "1h0m0s")],
)
def test_durations_are_written_as_go_writes_them(seconds: float, text: str) -> None:
    """Whole milliseconds, without needless zeros."""
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("image", "policy", "reason", "event", "message"),
    [
        (
            "Nginx",
            "IfNotPresent",
            "InvalidImageName",
            "InspectFailed",
            (
                'Failed to apply default image tag "Nginx": couldn\'t parse image name "Nginx":'
                " invalid reference format: repository name (library/Nginx) must be lowercase"
            ),
        ),
        (
            "nginx:1.27",
            "Never",
            "ErrImageNeverPull",
            "ErrImageNeverPull",
            'Container image "nginx:1.27" is not present with pull policy of Never',
        ),
        (
            "simulated/error-app:v1",
            "Always",
            "ErrImagePull",
            "Failed",
            (
                'Failed to pull image "simulated/error-app:v1": rpc error: code = Unknown desc ='
                ' failed to pull and unpack image "docker.io/simulated/error-app:v1": failed to'
                ' resolve reference "docker.io/simulated/error-app:v1": unexpected status from HEAD'
                " request: 500 Internal Server Error"
            ),
        ),
    ],
)
def test_what_cannot_be_had_says_why(
    station: Station, image: str, policy: str, reason: str, event: str, message: str
) -> None:
    """The container waits for the reason, and two Events tell it."""
    station.pod(image=image, imagePullPolicy=policy)
    station.run(1.4)

    assert station.waiting() == reason
    assert message in station.told(event)
    assert f"Error: {reason}" in station.told("Failed")


def test_waits_double_to_five_minutes(station: Station) -> None:
    """10, 20, 40 … seconds lie between two tries, and never more than 300."""
    station.pod(image="simulated/error-app:v1", imagePullPolicy="Always")

    tried = []
    for _ in range(1500):
        station.run(1.0)
        count = sum(isinstance(item, events.ImagePullFailed) for item in station.seen)
        tried.append(count)

    firsts = [tried.index(number) for number in range(1, max(tried) + 1)]
    gaps = [later - earlier for earlier, later in itertools.pairwise(firsts)]
    assert [round(gap, -1) for gap in gaps[:6]] == [10, 20, 40, 80, 160, 300]
    assert max(gaps) <= 303


def test_only_what_is_fetched_is_said_to_be_pulled(station: Station) -> None:
    """From the beginning of the pull, however long looking for the image takes."""
    station.pod("here")
    station.pod("there", image="nginx:1.27")

    station.run(1.0)

    assert station.told("Pulling") == ['Pulling image "nginx:1.27"']
    assert station.told("Pulled") == [f'Container image "{DEMO}" already present on machine']


def test_pulls_take_turns_and_the_wait_is_told(station: Station) -> None:
    """One image at a time, as the kubelet does by itself."""
    station.pod("one", image="nginx:1.27")
    station.pod("two", image="redis:7")
    station.run(10.0)

    took = [text for text in station.told("Pulled") if text.startswith("Successfully")]
    assert len(took) == 2
    for text in took:
        assert text.endswith("bytes.")
    waits = [text.partition(" in ")[2].split()[:2] for text in took]
    assert any(alone != with_waiting.lstrip("(") for alone, with_waiting in waits)


def test_a_slow_pull_shows_how_far_it_is(station: Station) -> None:
    """The waiting container's message says how much of the image has come."""
    station.pod(image="simulated/slow-app:v1")
    station.run(8.0)

    waiting = station.status().state.waiting
    assert waiting is not None
    assert waiting.reason == "ContainerCreating"
    assert "MB of 20.0 MB" in waiting.message


def pull_secret(station: Station, name: str, password: str) -> None:
    """A pull secret for the private simulated registry."""
    config = {"auths": {PRIVATE: {"username": "me", "password": password}}}
    data = base64.b64encode(json.dumps(config).encode()).decode()
    station.create(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "kubernetes.io/dockerconfigjson",
            "metadata": {"name": name, "namespace": "default"},
            "data": {".dockerconfigjson": data},
        }
    )


@pytest.mark.parametrize("is_of_account", [False, True], ids=["pod", "service account"])
def test_a_private_image_needs_the_pods_pull_secret(
    station: Station, *, is_of_account: bool
) -> None:
    """Refused without, and with a wrong password; given with the right one."""
    image = f"{PRIVATE}/team/app:v1"
    pull_secret(station, "good", PRIVATE)
    pull_secret(station, "bad", "wrong")
    secrets = {"imagePullSecrets": [{"name": "good"}]}
    spec: dict[str, Any] = secrets
    if is_of_account:
        meta = {"name": "puller", "namespace": "default"}
        station.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta, **secrets})
        spec = {"serviceAccountName": "puller", "automountServiceAccountToken": False}
    station.pod("none", image=image)
    station.pod("bad", image=image, spec={"imagePullSecrets": [{"name": "bad"}]})
    station.pod("lost", image=image, spec={"imagePullSecrets": [{"name": "nowhere"}]})
    station.pod("good", image=image, spec=spec)
    station.run(6.0)

    for name in ("none", "bad", "lost"):
        assert station.waiting(name) in {"ErrImagePull", "ImagePullBackOff"}
    assert station.get("good").status.phase == "Running"
    assert station.told("FailedToRetrieveImagePullSecret") == [
        (
            "Unable to retrieve some image pull secrets (nowhere);"
            " attempting to pull the image may not succeed."
        )
    ]


def test_the_node_lists_its_images(station: Station) -> None:
    """By every name that pods may use, the largest first; the scheduler looks at this."""
    station.pod(image="nginx:1.27")
    station.run(10.0)

    images = station.client.get(Node, "node-1").status.images

    assert images[0].names == ("docker.io/library/nginx:1.27", "nginx:1.27")
    assert images[0].size_bytes == 70_000_000
    assert "localhost/kubarium/demo:v1" in images[1].names
