"""Events go by themselves."""

from engine.api.events import Event
from engine.api.meta import ObjectMeta, ObjectReference
from engine.apiserver.request import RequestInfo
from engine.apiserver.server import ApiServer
from engine.apiserver.storage import EVENT_TTL


def make_event(name: str) -> Event:
    """An event about a pod."""
    return Event(
        metadata=ObjectMeta(name=name, namespace="default"),
        involved_object=ObjectReference(kind="Pod", namespace="default", name="web"),
        reason="Started",
    )


def test_events_go_when_their_lease_ends(server: ApiServer, request_info: RequestInfo) -> None:
    """Those of one minute share a lease; each lives at least its whole time."""
    server.create(make_event("early"), request=request_info)
    server.loop.run_for(30.0)
    server.create(make_event("same-minute"), request=request_info)
    server.loop.run_for(600.0)
    server.create(make_event("late"), request=request_info)
    assert len(server.store.lessor.leases) == 2

    server.loop.run_for(EVENT_TTL - 100.0)

    left = server.list(Event, request=request_info).items
    assert [event.metadata.name for event in left] == ["late"]
