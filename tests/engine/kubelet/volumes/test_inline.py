"""Volumes that a pod describes itself: images, inline CSI, NFS, and what is no more."""

from typing import Any

import pytest

from engine.cri.commands import Volume
from tests.engine.kubelet.station import Station


def start(station: Station, **source: Any) -> Volume | None:
    """Start a pod with that volume; what the runtime was asked to provide, if it was."""
    mounts = [{"name": "v", "mountPath": "/v"}]
    made = station.pod(spec={"volumes": [{"name": "v", **source}]}, volumeMounts=mounts)
    station.run(5.0)
    assert station.kubelet.workers is not None
    return station.kubelet.workers.states[made.metadata.uid].volumes.get("v")


def test_an_image_is_pulled_before_it_is_mounted(station: Station) -> None:
    """The runtime gets the image's id, to be mounted read-only."""
    made = start(station, image={"reference": "busybox:1.36"})

    assert made is not None
    assert made.driver == "image"
    assert made.attributes["image"]
    assert made.attributes["readOnly"] == "true"


def test_an_image_that_is_not_to_be_had_keeps_the_pod_waiting(station: Station) -> None:
    """The containers say what they wait for, as with an image of their own."""
    start(station, image={"reference": "registry.example/tools:v1", "pullPolicy": "Never"})

    assert station.waiting() == "ErrImageNeverPull"
    assert any("registry.example/tools:v1" in text for text in station.told("Failed"))


def test_a_driver_makes_a_volume_for_the_pod(station: Station) -> None:
    """It has the size the pod asks for, and is nobody else's."""
    given = {"driver": "local.csi.kubarium.dev", "volumeAttributes": {"size": "16Mi"}}
    made = start(station, csi=given)

    assert made is not None
    assert made.driver == "local.csi.kubarium.dev"
    assert made.size_limit == 16 * 2**20
    assert made.attributes["ephemeral"] == "true"
    assert station.kubelet.workers is not None
    assert station.kubelet.workers.volumes_in_use() == ()


@pytest.mark.parametrize(
    ("source", "words"),
    [
        pytest.param(
            {"csi": {"driver": "other.example"}},
            "driver name other.example not found in the list of registered CSI drivers",
            id="no such driver",
        ),
        pytest.param(
            {"csi": {"driver": "cloud.csi.kubarium.dev"}},
            'volume mode "Ephemeral" not supported by driver cloud.csi.kubarium.dev',
            id="not for pods",
        ),
        pytest.param(
            {"gitRepo": {"repository": "https://example.com/x.git"}},
            "git-repo volume plugin has been disabled",
            id="gitRepo",
        ),
    ],
)
def test_what_cannot_be_had_is_told(station: Station, source: dict[str, Any], words: str) -> None:
    """The pod waits, and an Event says why."""
    made = start(station, **source)

    assert made is None
    assert any(words in text for text in station.told("FailedMount"))


def test_an_nfs_volume_names_its_server(station: Station) -> None:
    """Mounting it is the node's business."""
    made = start(station, nfs={"server": "10.0.0.9", "path": "/export", "readOnly": True})

    assert made is not None
    assert made.driver == "nfs"
    assert (made.attributes["server"], made.attributes["path"]) == ("10.0.0.9", "/export")
    assert made.attributes["readOnly"] == "true"
