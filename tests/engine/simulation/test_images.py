"""Which images the simulated registry has."""

import pytest

from engine.simulation.images import Image, Refusal, find_image, split_reference


@pytest.mark.parametrize(
    "image",
    [
        "localhost/kubarium/demo:v1",
        "nginx",
        "nginx:1.27",
        "docker.io/library/busybox:1.36",
        "redis:7-alpine",
        "registry.k8s.io/pause:3.10",
        "simulated/anything:v7",
    ],
)
def test_known_images(image: str) -> None:
    """Images that examples use can be had."""
    assert isinstance(find_image(image), Image)


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        ("localhost/kubarium/demo:v4", "ErrImagePull"),
        ("nginx:1.161", "ErrImagePull"),
        ("simulated/fail-me:v1", "ErrImagePull"),
        ("example.com:5000/team/app", "ErrImagePull"),
        ("Nginx", "InvalidImageName"),
        ("nginx latest", "InvalidImageName"),
        ("", "InvalidImageName"),
    ],
)
def test_refused_images(image: str, reason: str) -> None:
    """Everything else is refused with the kubelet's reason."""
    found = find_image(image)

    assert isinstance(found, Refusal)
    assert found.reason == reason


def test_a_port_is_not_a_tag() -> None:
    """The colon of a registry's port does not begin a tag."""
    assert split_reference("example.com:5000/app") == ("example.com:5000/app", "latest")
