"""The loop: order, time and context."""

from engine.kernel.loop import Loop


def test_callbacks_run_in_order_of_time_then_of_scheduling() -> None:
    """Same time means the order in which they were scheduled."""
    loop, seen = Loop(), list[str]()
    loop.call_at(2.0, seen.append, "late")
    loop.call_at(1.0, seen.append, "first")
    loop.call_at(1.0, seen.append, "second")

    loop.run_until(5.0)

    assert seen == ["first", "second", "late"]
    assert loop.now == 5.0


def test_time_does_not_move_while_a_callback_runs() -> None:
    """What a callback schedules for now runs at the same time, after it."""
    loop, seen = Loop(), list[float]()
    loop.call_at(1.0, lambda: loop.call_soon(lambda: seen.append(loop.now)))

    loop.run_until(3.0)

    assert seen == [1.0]


def test_a_cancelled_timer_never_runs() -> None:
    """Cancelling is final and may be repeated."""
    loop, seen = Loop(), list[str]()
    timer = loop.call_later(1.0, seen.append, "no")
    timer.cancel()
    timer.cancel()

    loop.run_for(2.0)

    assert seen == []
    assert loop.next_time() is None


def test_what_is_scheduled_for_the_past_runs_now() -> None:
    """Time never goes back."""
    loop, seen = Loop(now=10.0), list[float]()
    loop.call_at(3.0, lambda: seen.append(loop.now))

    loop.run_for(0.0)

    assert seen == [10.0]


def test_the_context_is_carried_from_scheduling_to_running() -> None:
    """So that what is caused can be told from what causes."""
    loop, seen = Loop(), list[object]()

    def cause() -> None:
        loop.context = "cause"
        loop.call_later(1.0, lambda: seen.append(loop.context))

    loop.call_soon(cause)
    loop.call_soon(lambda: seen.append(loop.context))
    loop.run_for(2.0)

    assert seen == [None, "cause"]


def test_run_now_answers_and_restores_the_context() -> None:
    """A request from outside is a step of its own."""
    loop = Loop()

    answer = loop.run_now(lambda: loop.context, context="request")

    assert answer == "request"
    assert loop.context is None
    assert loop.steps == 1


def test_cancelled_timers_do_not_pile_up() -> None:
    """A timer far ahead that is cancelled soon costs memory for a short while only."""
    loop = Loop()
    seen: list[int] = []
    for number in range(20_000):
        loop.call_later(3600.0 + number, seen.append, number).cancel()
    loop.call_later(2.0, seen.append, 2)
    loop.call_later(1.0, seen.append, 1)

    assert len(loop._heap) < 2_000

    loop.run_for(10_000.0)
    assert seen == [1, 2]
