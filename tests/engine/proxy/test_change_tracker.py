"""Tests of what the change tracker rebuilds and what it leaves alone."""

from engine.proxy.change_tracker import ChangeTracker
from engine.proxy.rules import build_rules
from tests.engine.proxy.objects import make_endpoint, make_service, make_slice, node_port_service


def test_untouched_services_keep_their_rules() -> None:
    """Rules of a service that did not change are the same object as before."""
    tracker = ChangeTracker()
    for name in ("a", "b"):
        tracker.update_service(f"default/{name}", make_service(name))
    _, before = tracker.advance()

    slice_ = make_slice(make_endpoint("10.244.1.2"), service="a")
    tracker.update_slice("default/a-1", None, slice_)
    previous, current = tracker.advance()

    assert previous is before
    assert current.services["default/b"] is before.services["default/b"]
    assert current.services["default/a"] != before.services["default/a"]


def test_steps_end_where_building_everything_does() -> None:
    """After any changes the rules equal those built from scratch."""
    tracker = ChangeTracker()
    service = node_port_service(external_traffic_policy="Local")
    old = make_slice(make_endpoint("10.244.1.2"))
    new = make_slice(make_endpoint("10.244.1.3", node="node-2"))
    tracker.update_slice("default/web-1", None, old)
    tracker.update_service("default/web", service)
    tracker.update_node("node-1", "10.64.0.11")
    tracker.advance()
    tracker.update_slice("default/web-1", old, new)
    tracker.update_node("node-2", "10.64.0.12")

    _, current = tracker.advance()

    assert current == build_rules(
        [service], [new], {"node-1": "10.64.0.11", "node-2": "10.64.0.12"}
    )


def test_removed_service_loses_its_rules() -> None:
    """A service that is gone has no rules, even while its slices are still there."""
    tracker = ChangeTracker()
    tracker.update_service("default/web", make_service())
    tracker.update_slice("default/web-1", None, make_slice(make_endpoint("10.244.1.2")))
    tracker.advance()

    tracker.update_service("default/web", None)

    assert tracker.advance()[1].services == {}


def test_slice_may_move_to_another_service() -> None:
    """A relabelled slice leaves the old service and serves the new one."""
    tracker = ChangeTracker()
    tracker.update_service("default/a", make_service("a"))
    tracker.update_service("default/b", make_service("b", cluster_ip="10.96.0.81"))
    old = make_slice(make_endpoint("10.244.1.2"), service="a")
    tracker.update_slice("default/s", None, old)
    tracker.advance()

    new = make_slice(make_endpoint("10.244.1.2"), service="b")
    tracker.update_slice("default/s", old, new)
    rules = tracker.advance()[1].services

    (target_a,) = rules["default/a"].frontends.values()
    (target_b,) = rules["default/b"].frontends.values()
    assert (len(target_a.backends), len(target_b.backends)) == (0, 1)
