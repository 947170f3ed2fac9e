"""Similar Events are combined, and no object floods the store."""

from engine.client.event_correlation import COMBINED, EventCorrelator


def test_the_tenth_message_of_a_group_stands_for_all() -> None:
    """Until ten minutes have passed without one."""
    correlator = EventCorrelator()

    first = [correlator.combined("group", f"pod {n}", now=float(n)) for n in range(12)]

    assert first[:9] == [(f"pod {n}", False) for n in range(9)]
    assert first[9:] == [(f"{COMBINED}pod {n}", True) for n in range(9, 12)]
    assert correlator.combined("other", "pod 1", now=12.0) == ("pod 1", False)
    assert correlator.combined("group", "pod 1", now=700.0) == ("pod 1", False)


def test_the_same_message_again_is_no_new_one() -> None:
    """It is counted, not combined."""
    correlator = EventCorrelator()

    assert {correlator.combined("group", "again", now=float(n)) for n in range(50)} == {
        ("again", False)
    }


def test_an_object_has_twenty_five_events_and_then_one_each_five_minutes() -> None:
    """Others have their own."""
    correlator = EventCorrelator()

    assert [correlator.is_spam("pod", now=0.0) for _ in range(26)] == [False] * 25 + [True]
    assert not correlator.is_spam("other", now=0.0)
    assert correlator.is_spam("pod", now=299.0)
    assert not correlator.is_spam("pod", now=301.0)
    assert correlator.is_spam("pod", now=302.0)


def test_who_may_say_everything_again_is_forgotten() -> None:
    """Of a million pods that came and went, those of the last hours are kept at most."""
    correlator = EventCorrelator()

    for number in range(20_000):
        correlator.is_spam(f"pod-{number}", now=number * 10.0)

    assert len(correlator._buckets) <= 31
