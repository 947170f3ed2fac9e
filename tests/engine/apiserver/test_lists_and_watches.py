"""What lists and watches promise."""

import pytest

from engine.api.core import ConfigMap
from engine.api.meta import ObjectMeta
from engine.api.pod import Pod
from engine.apiserver.errors import (
    GoneError,
)
from engine.apiserver.request import DeleteOptions, RequestInfo, WatchEvent
from engine.apiserver.server import ApiServer
from tests.engine.apiserver.objects import make_pod

MERGE = "application/merge-patch+json"


def test_lists_go_page_by_page_at_one_revision(
    server: ApiServer, request_info: RequestInfo
) -> None:
    """What is created between two pages is not seen on the second."""
    for name in ("a", "b", "c"):
        server.create(make_pod(name), request=request_info)

    first = server.list(Pod, namespace="default", limit=2, request=request_info)
    server.create(make_pod("d"), request=request_info)
    second = server.list(
        Pod,
        namespace="default",
        limit=2,
        continue_token=first.continue_token,
        request=request_info,
    )

    assert [pod.metadata.name for pod in (*first.items, *second.items)] == ["a", "b", "c"]
    assert first.remaining == 1
    assert second.revision == first.revision


@pytest.mark.parametrize("selector", ["", "app"])
def test_a_negative_limit_is_none(
    server: ApiServer, request_info: RequestInfo, selector: str
) -> None:
    """Also of nothing at all."""
    listed = server.list(
        Pod, namespace="default", limit=-7, label_selector=selector, request=request_info
    )

    assert (listed.items, listed.continue_token) == ((), "")


def test_the_past_can_be_listed(server: ApiServer, request_info: RequestInfo) -> None:
    """ResourceVersionMatch=Exact reads the revision asked for, until it is compacted."""
    server.create(make_pod("a"), request=request_info)
    then = str(server.store.revision)
    server.delete(Pod, "a", namespace="default", request=request_info)

    found = server.list(
        Pod, resource_version=then, resource_version_match="Exact", request=request_info
    )
    server.store.compact(server.store.revision)

    assert [pod.metadata.name for pod in found.items] == ["a"]
    with pytest.raises(GoneError):
        server.list(
            Pod, resource_version=then, resource_version_match="Exact", request=request_info
        )


def test_entering_a_selection_is_added_and_leaving_it_deleted(
    server: ApiServer, request_info: RequestInfo
) -> None:
    """A kubelet's watch sees a pod appear when it is bound, and only then."""
    events: list[WatchEvent] = []
    server.create(make_pod(), request=request_info)
    server.watch(
        Pod,
        field_selector="spec.nodeName=node-1",
        resource_version=str(server.store.revision),
        deliver=events.append,
        request=request_info,
    )

    server.bind("web", namespace="default", node_name="node-1", request=request_info)
    server.delete(Pod, "web", namespace="default", request=request_info)
    server.delete(
        Pod,
        "web",
        namespace="default",
        options=DeleteOptions(grace_period_seconds=0),
        request=request_info,
    )

    assert [event.type for event in events] == ["ADDED", "MODIFIED", "DELETED"]
    assert events[-1].obj.metadata.resource_version == str(events[-1].revision)


def test_a_streamed_list_ends_with_a_bookmark(server: ApiServer, request_info: RequestInfo) -> None:
    """With sendInitialEvents what there is comes first, then the mark, then changes."""
    events: list[WatchEvent] = []
    server.create(make_pod("a"), request=request_info)

    server.watch(
        Pod,
        send_initial_events=True,
        resource_version_match="NotOlderThan",
        bookmarks=True,
        deliver=events.append,
        request=request_info,
    )
    server.create(make_pod("b"), request=request_info)

    assert [event.type for event in events] == ["ADDED", "BOOKMARK", "ADDED"]
    assert events[1].obj.metadata.annotations == {"k8s.io/initial-events-end": "true"}


def test_watching_from_a_compacted_revision_is_gone(
    server: ApiServer, request_info: RequestInfo
) -> None:
    """The watcher must list again."""
    server.create(make_pod("a"), request=request_info)
    server.create(make_pod("b"), request=request_info)
    server.create(make_pod("c"), request=request_info)
    server.store.compact(server.store.revision)

    with pytest.raises(GoneError):
        server.watch(Pod, resource_version="2", deliver=print, request=request_info)


def test_a_list_goes_on_after_its_revision_is_compacted(
    server: ApiServer, request_info: RequestInfo
) -> None:
    """The refusal carries a token that leads to the rest as it is now."""
    for name in ("a", "b", "c"):
        made = ConfigMap(metadata=ObjectMeta(name=name, namespace="default"))
        server.create(made, request=request_info)
    first = server.list(ConfigMap, namespace="default", limit=1, request=request_info)
    server.delete(ConfigMap, "b", namespace="default", request=request_info)
    server.store.compact(server.store.revision)

    with pytest.raises(GoneError) as gone:
        server.list(
            ConfigMap,
            namespace="default",
            limit=1,
            continue_token=first.continue_token,
            request=request_info,
        )
    rest = server.list(
        ConfigMap,
        namespace="default",
        continue_token=gone.value.status()["metadata"]["continue"],
        request=request_info,
    )

    assert [one.metadata.name for one in rest.items] == ["c"]
    assert rest.revision == server.store.revision
