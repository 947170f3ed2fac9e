"""Image names."""

import pytest

from engine.cri.image_name import fault_of, full_name


@pytest.mark.parametrize(
    ("image", "full"),
    [
        ("nginx", "docker.io/library/nginx:latest"),
        ("nginx:1.27", "docker.io/library/nginx:1.27"),
        ("grafana/grafana", "docker.io/grafana/grafana:latest"),
        ("localhost/kubarium/demo:v1", "localhost/kubarium/demo:v1"),
        ("quay.io/a/b", "quay.io/a/b:latest"),
        ("registry:5000/a", "registry:5000/a:latest"),
    ],
)
def test_names_are_completed_as_kubernetes_does(image: str, full: str) -> None:
    """A name without a registry is Docker Hub's, one without a tag is latest."""
    assert full_name(image) == full


@pytest.mark.parametrize("image", ["Upper", "a b", "", "a:", "-x", "http://x/y"])
def test_what_is_no_name_is_told(image: str) -> None:
    """These give InvalidImageName."""
    assert "invalid reference format" in fault_of(image)
