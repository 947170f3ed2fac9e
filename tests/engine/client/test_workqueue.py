"""The four properties of the work queue, and the link."""

from itertools import pairwise

import pytest

from engine.apiserver.errors import ConflictError, UnavailableError
from engine.client.link import Link
from engine.client.workqueue import Result, WorkQueue
from engine.kernel.loop import Loop


def test_a_key_that_waits_is_not_queued_twice() -> None:
    """Stingy: many changes, one reconcile."""
    loop, seen = Loop(), list[str]()
    queue = WorkQueue(loop, seen.append)
    for _ in range(5):
        queue.add("a")
    queue.add("b")

    loop.run_for(0.0)

    assert seen == ["a", "b"]


def test_a_key_added_while_it_is_worked_on_is_served_again() -> None:
    """Nothing that happens during a reconcile is lost."""
    loop, seen = Loop(), list[str]()

    def reconcile(key: str) -> None:
        seen.append(key)
        if len(seen) == 1:
            queue.add(key)

    queue = WorkQueue(loop, reconcile)
    queue.add("a")
    loop.run_for(0.0)

    assert seen == ["a", "a"]


def test_a_key_that_failed_comes_back_later_each_time() -> None:
    """Until it succeeds, and then it is forgotten."""
    loop, times = Loop(), list[float]()

    def reconcile(_key: str) -> None:
        times.append(loop.now)
        if len(times) < 4:
            raise ConflictError("lost a race")

    queue = WorkQueue(loop, reconcile)
    queue.add("a")
    loop.run_for(10.0)

    assert times == pytest.approx([0.0, 0.005, 0.015, 0.035])
    assert queue.backoff.failures("a") == 0


def test_any_other_exception_ends_the_run() -> None:
    """A bug of ours must not be retried for ever."""
    loop = Loop()
    queue = WorkQueue(loop, lambda _key: 1 // 0)  # type: ignore[arg-type,return-value]  # a bug
    queue.add("a")

    with pytest.raises(ZeroDivisionError):
        loop.run_for(1.0)


def test_a_result_can_ask_to_be_called_again() -> None:
    """In so many seconds, and only once at a time."""
    loop, times = Loop(), list[float]()

    def reconcile(_key: str) -> Result:
        times.append(loop.now)
        return Result(requeue_after=3.0)

    queue = WorkQueue(loop, reconcile)
    queue.add("a")
    loop.run_for(7.0)

    assert times == [0.0, 3.0, 6.0]


def test_the_cause_of_a_reconcile_is_what_added_the_key_last() -> None:
    """The trace of a write starts there."""
    loop, causes = Loop(), list[object]()
    queue = WorkQueue(loop, lambda _key: causes.append(loop.context))
    loop.run_now(lambda: queue.add("a"), context="first")
    loop.run_now(lambda: queue.add("a"), context="second")

    loop.run_for(0.0)

    assert causes == ["second"]


def test_requests_over_a_cut_link_do_not_reach_the_server() -> None:
    """A partition, as the component sees it."""
    link = Link(Loop(), "kubelet/node-1")
    link.cut()

    with pytest.raises(UnavailableError, match="kubelet/node-1"):
        link.request(lambda: 1)

    link.heal()

    assert link.request(lambda: 1) == 1


def test_deliveries_arrive_in_order_and_late_by_the_delay() -> None:
    """Even when the delay shrinks while they are under way."""
    loop = Loop()
    link, seen = Link(loop, "tui", delay=2.0), list[tuple[float, str]]()
    link.deliver(lambda: seen.append((loop.now, "first")))
    link.delay = 0.5
    link.deliver(lambda: seen.append((loop.now, "second")))

    loop.run_for(5.0)

    assert seen == [(2.0, "first"), (2.0, "second")]


def test_what_is_under_way_when_a_link_is_cut_is_lost() -> None:
    """Nothing arrives from before a partition after it."""
    loop = Loop()
    link, seen = Link(loop, "tui", delay=1.0), list[str]()
    link.deliver(seen.append, "lost")
    link.cut()
    link.heal()
    link.deliver(seen.append, "arrives")

    loop.run_for(5.0)

    assert seen == ["arrives"]


def test_keys_that_come_one_by_one_are_served_at_the_same_pace() -> None:
    """The cost of a key is waited for even when nothing waited behind it."""
    loop = Loop()
    served: list[float] = []
    queue = WorkQueue(loop, lambda _key: served.append(loop.now), cost=1.0)
    for number in range(3):
        loop.call_at(loop.now + number * 0.1, queue.add, f"key-{number}")

    loop.run_for(10.0)

    assert [round(later - earlier, 6) for earlier, later in pairwise(served)] == [1.0, 1.0]
