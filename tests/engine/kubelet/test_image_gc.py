"""Images nobody uses go when the disk is too full."""

from engine.cri.events import NodeMeasured
from engine.kubelet.image_gc import ImageGCPolicy
from tests.engine.kubelet.station import Station


def test_images_nobody_uses_go_when_the_disk_is_too_full(station: Station) -> None:
    """The longest unused first, until there is enough room; what pods use stays, and so do ours."""
    station.pod("one", image="nginx:1.27")
    station.pod("two", image="redis:7")
    station.run(10.0)
    station.client.delete(type(station.get("one")), "one", namespace="default")
    station.run(200.0)

    full = NodeMeasured(disk=1000, disk_available=100)
    station.kubelet.on_runtime_event(full)
    station.run(1.0)

    names = [image.names[0] for image in station.runtime.list_images()]
    assert "docker.io/library/nginx:1.27" not in names
    assert "docker.io/library/redis:7" in names
    assert "localhost/kubarium/demo:v1" in names


def test_without_anything_to_remove_it_is_told(station: Station) -> None:
    """The Event names what was wanted and what was found."""
    station.pod("two", image="redis:7")
    station.run(400.0)

    station.kubelet.on_runtime_event(NodeMeasured(disk=1000, disk_available=100))

    (told,) = station.told("FreeDiskSpaceFailed")
    assert told.endswith("free 100 bytes, but only found 0 bytes eligible to free.")
    assert ImageGCPolicy().high == 85
