"""Order, back-off and revival of waiting pods."""

from engine.scheduler.queue import QueuedPod, SchedulingQueue


def _tried(key: str, attempts: int, at: float, *plugins: str) -> QueuedPod:
    pod = QueuedPod(key, 0, 0.0, attempts=attempts, refused_by=frozenset(plugins))
    SchedulingQueue().note_attempt(pod, at)
    return pod


def _anything(_pod: QueuedPod) -> bool:
    return True


def _popped(queue: SchedulingQueue) -> list[str]:
    found = []
    while (pod := queue.pop()) is not None:
        found.append(pod.key)
    return found


def test_higher_priority_first_then_who_waited_longer() -> None:
    """Equal pods keep the order in which they came."""
    queue = SchedulingQueue()
    for pod in (QueuedPod("late", 0, 2.0), QueuedPod("early", 0, 1.0), QueuedPod("vip", 9, 3.0)):
        queue.add(pod)

    assert _popped(queue) == ["vip", "early", "late"]


def test_back_off_doubles_up_to_ten_seconds() -> None:
    """1, 2, 4, 8, 10, 10 seconds after the try."""
    waits = [_tried("p", attempts, 100.0).backoff_until - 100.0 for attempts in range(1, 7)]

    assert waits == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


def test_only_pods_that_may_profit_are_revived() -> None:
    """A freed CPU does not help who does not tolerate a taint."""
    queue = SchedulingQueue()
    queue.add_unschedulable(_tried("big", 1, 0.0, "NodeResourcesFit"))
    queue.add_unschedulable(_tried("shy", 1, 0.0, "TaintToleration"))

    queue.revive(lambda pod: "NodeResourcesFit" in pod.refused_by, now=5.0)

    assert _popped(queue) == ["big"]
    assert queue.counts() == {"active": 0, "backoff": 0, "unschedulable": 1, "gated": 0}


def test_a_revived_pod_serves_its_back_off_first() -> None:
    """Events cannot make a pod be tried in a tight circle."""
    queue = SchedulingQueue()
    queue.add_unschedulable(_tried("p", 3, 10.0))

    queue.revive(_anything, now=11.0)
    early = _popped(queue)
    queue.end_backoffs(14.0)

    assert early == []
    assert _popped(queue) == ["p"]


def test_a_removed_pod_is_never_served() -> None:
    """Wherever it waited."""
    queue = SchedulingQueue()
    queue.add(QueuedPod("a", 0, 0.0))
    queue.add_unschedulable(_tried("b", 1, 0.0))
    queue.remove("a")
    queue.remove("b")
    queue.revive(_anything, now=100.0)

    assert _popped(queue) == []
    assert len(queue) == 0
