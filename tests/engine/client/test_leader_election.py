"""One candidate works, the others wait until its Lease runs out."""

import attrs

from engine.api.coordination import Lease
from engine.api.core import Namespace
from engine.api.meta import ObjectMeta
from engine.apiserver.server import ApiServer
from engine.client.client import Client
from engine.client.leader_election import LeaderElector
from engine.client.link import Link
from engine.client.recorder import EventRecorder
from engine.kernel.loop import Loop
from engine.kernel.rng import RandomStreams
from engine.store.watchable_store import Store


@attrs.define(eq=False)
class _Worker:
    is_working: bool = False

    def start(self) -> None:
        """Begin."""
        self.is_working = True

    def stop(self) -> None:
        """End."""
        self.is_working = False


@attrs.define(eq=False)
class _Candidates:
    loop: Loop = attrs.field(factory=lambda: Loop(1_700_000_000.0))
    workers: list[_Worker] = attrs.field(factory=list)
    links: list[Link] = attrs.field(factory=list)
    electors: list[LeaderElector] = attrs.field(factory=list)

    def __attrs_post_init__(self) -> None:
        random = RandomStreams(1)
        server = ApiServer(loop=self.loop, store=Store(self.loop), random=random)
        for name in ("a", "b"):
            link = Link(self.loop, name)
            client = Client(server, link, user=name, groups=("system:masters",))
            if name == "a":
                client.create(Namespace(metadata=ObjectMeta(name="kube-system")))
            recorder = EventRecorder(client, "manager", random[name])
            worker = _Worker()
            self.workers.append(worker)
            self.links.append(link)
            self.electors.append(
                LeaderElector(self.loop, client, recorder, worker, "manager", name)
            )

    @property
    def working(self) -> list[str]:
        """Who works."""
        pairs = zip(("a", "b"), self.workers, strict=True)
        return [name for name, worker in pairs if worker.is_working]

    def lease(self) -> Lease:
        """The Lease as stored."""
        return self.electors[1].client.get(Lease, "manager", namespace="kube-system")


def test_the_first_works_at_once_and_renews() -> None:
    """The second waits for as long as it sees renewals."""
    both = _Candidates()
    for elector in both.electors:
        elector.start()
    assert both.working == ["a"]
    first = both.lease().spec

    both.loop.run_for(120.0)

    assert both.working == ["a"]
    spec = both.lease().spec
    assert (spec.holder_identity, spec.lease_transitions) == ("a", 0)
    assert spec.acquire_time == first.acquire_time
    assert (spec.renew_time or 0) > (first.renew_time or 0) + 110


def test_a_leader_that_cannot_renew_stops_before_the_next_starts() -> None:
    """Ten seconds to stop, fifteen until somebody else may."""
    both = _Candidates()
    for elector in both.electors:
        elector.start()
    both.loop.run_for(10.0)

    both.links[0].cut()
    seen = []
    for _ in range(40):
        both.loop.run_for(0.5)
        if both.working not in seen:
            seen.append(both.working)
        assert len(both.working) <= 1

    assert seen == [["a"], [], ["b"]]
    assert both.lease().spec.lease_transitions == 1


def test_a_former_leader_waits_when_it_is_back() -> None:
    """The Lease is somebody else's now."""
    both = _Candidates()
    for elector in both.electors:
        elector.start()
    both.links[0].cut()
    both.loop.run_for(30.0)

    both.links[0].heal()
    both.loop.run_for(30.0)

    assert both.working == ["b"]


def test_one_that_stops_lets_the_lease_run_out() -> None:
    """And works no more at once."""
    both = _Candidates()
    for elector in both.electors:
        elector.start()
    both.loop.run_for(5.0)

    both.electors[0].stop()
    assert both.working == []
    both.loop.run_for(20.0)

    assert both.working == ["b"]
