"""Tests of when the proxier changes the rules."""

import attrs

from engine.api.core import Service
from engine.api.discovery import EndpointSlice
from engine.api.events import Event
from engine.client.recorder import EventRecorder
from engine.errors import AdapterError
from engine.kernel.rng import RandomStreams
from engine.proxy.proxier import Proxier
from engine.proxy.rules import NO_RULES, Frontend, NodeRules, RecordingSink, RuleSet
from tests.engine.proxy.objects import IP, make_endpoint, make_node, make_service, make_slice
from tests.engine.proxy.served import Served


@attrs.define(eq=False)
class RefusingSink:
    """Refuses until it is told not to."""

    is_refusing: bool = True
    current: RuleSet = NO_RULES

    def apply(self, previous: RuleSet, current: RuleSet) -> None:
        """Take *current*, or refuse."""
        if self.is_refusing:
            raise AdapterError("no")
        assert previous == self.current
        self.current = current

    def freeze(self, rules: NodeRules) -> None:
        """Not used here."""

    def thaw(self, node: str) -> None:
        """Not used here."""


def make_proxier(served: Served, sink: RecordingSink | RefusingSink) -> Proxier:
    """A proxier that has caught up."""
    proxier = Proxier(loop=served.loop, informers=served.informers, sink=sink)
    proxier.start()
    served.loop.run_for(1.0)
    return proxier


def test_rules_follow_services_and_endpoints() -> None:
    """What is created, changed and deleted reaches the sink."""
    served, sink = Served(), RecordingSink()
    make_proxier(served, sink)
    served.admin.create(make_node("node-1", "10.64.0.11"))
    service = served.admin.create(make_service())
    served.admin.create(make_slice(make_endpoint("10.244.1.2")))
    served.loop.run_for(1.0)

    (backend,) = sink.current.frontends()[Frontend(IP, "tcp", 80)].backends
    assert backend.ip == "10.244.1.2"

    served.admin.delete(Service, service.metadata.name, namespace="default")
    served.loop.run_for(1.0)
    assert sink.current.services == {}


def test_changes_are_coalesced() -> None:
    """Many changes within the period are applied at once."""
    served, sink = Served(), RecordingSink()
    make_proxier(served, sink)
    served.admin.create(make_service())
    for number in range(20):
        served.admin.create(make_slice(make_endpoint(f"10.244.1.{number}"), name=f"web-{number}"))
    served.loop.run_for(1.0)

    assert sink.count <= 2
    assert len(sink.current.frontends()[Frontend(IP, "tcp", 80)].backends) == 20


def test_single_change_is_applied_at_once() -> None:
    """After a quiet time a change does not wait for the period."""
    served, sink = Served(), RecordingSink()
    make_proxier(served, sink)

    served.admin.create(make_service())
    served.loop.run_for(0.0)

    assert len(sink.current.services) == 1


def test_nothing_is_applied_before_everything_is_known() -> None:
    """While the link is cut at the start, the sink keeps what it has."""
    served, sink = Served(), RecordingSink()
    served.admin.create(make_service())
    served.link.cut()
    make_proxier(served, sink)
    assert sink.count == 0

    served.link.heal()
    served.loop.run_for(60.0)

    assert len(sink.current.services) == 1


def test_refused_change_is_tried_again() -> None:
    """A sink that fails gets everything once it works again, and the error is shown meanwhile."""
    served, sink = Served(), RefusingSink()
    proxier = make_proxier(served, sink)
    served.admin.create(make_service())
    served.loop.run_for(1.0)
    assert proxier.error == "no"

    sink.is_refusing = False
    served.admin.create(make_slice(make_endpoint("10.244.1.2")))
    served.loop.run_for(20.0)

    assert len(sink.current.frontends()[Frontend(IP, "tcp", 80)].backends) == 1
    assert proxier.error == ""


def test_touch_without_effect_does_not_reach_the_sink() -> None:
    """A changed label of a slice changes no rule, so nothing is applied."""
    served, sink = Served(), RecordingSink()
    make_proxier(served, sink)
    served.admin.create(make_service())
    slice_ = served.admin.create(make_slice(make_endpoint("10.244.1.2")))
    served.loop.run_for(1.0)
    before = sink.count

    labels = slice_.metadata.labels.with_items({"seen": "yes"})
    metadata = attrs.evolve(slice_.metadata, labels=labels)
    served.admin.update(attrs.evolve(slice_, metadata=metadata))
    served.loop.run_for(1.0)

    assert sink.count == before
    assert served.informers.informer(EndpointSlice).lister.list()[0].metadata.labels["seen"]


def test_the_proxy_of_each_node_says_once_that_it_starts() -> None:
    """And again when it has stood still."""
    served = Served()
    recorder = EventRecorder(served.admin, "kube-proxy", RandomStreams(1)["events"])
    proxier = Proxier(
        loop=served.loop, informers=served.informers, sink=RecordingSink(), recorder=recorder
    )
    proxier.start()
    served.admin.create(make_node("node-1", "10.64.0.11"))
    served.loop.run_for(5.0)
    (event,) = served.admin.list(Event).items
    assert (event.reason, event.involved_object.uid, event.count) == ("Starting", "node-1", 1)

    proxier.freeze("node-1")
    proxier.thaw("node-1")
    (event,) = served.admin.list(Event).items
    assert event.count == 2
