"""Cron schedules are read as Kubernetes reads them, in any time zone."""

from datetime import UTC, datetime

import pytest

from engine.api.cron import parse_schedule


def _next(schedule: str, after: str, zone: str | None = None) -> str | None:
    start = datetime.fromisoformat(after).replace(tzinfo=UTC).timestamp()
    found = parse_schedule(schedule, zone).next_after(start)
    return None if found is None else datetime.fromtimestamp(found, UTC).isoformat()[:16]


@pytest.mark.parametrize(
    ("schedule", "after", "expected"),
    [
        ("*/5 * * * *", "2024-01-01T00:00", "2024-01-01T00:05"),
        ("*/5 * * * *", "2024-01-01T00:04:59", "2024-01-01T00:05"),
        ("0 0 29 feb *", "2024-03-01T00:00", "2028-02-29T00:00"),
        ("0 0 1 12 *", "2024-12-01T00:00", "2025-12-01T00:00"),
        ("59 23 31 12 *", "2024-12-31T23:59", "2025-12-31T23:59"),
        ("5/15 8-10 * JAN MON-FRI", "2024-01-01T10:51", "2024-01-02T08:05"),
        ("0 9,17 ? * 1-5/2", "2024-01-01T09:00", "2024-01-01T17:00"),
        ("0 9 13 * fri", "2024-01-01T00:00", "2024-01-05T09:00"),
        ("0 9 */2 * fri", "2024-01-01T10:00", "2024-01-03T09:00"),
        ("0 9 * * fri", "2024-01-01T00:00", "2024-01-05T09:00"),
        ("@hourly", "2024-01-01T00:00", "2024-01-01T01:00"),
        ("@daily", "2024-01-01T00:00", "2024-01-02T00:00"),
        ("@weekly", "2024-01-01T00:00", "2024-01-07T00:00"),
        ("@monthly", "2024-01-02T00:00", "2024-02-01T00:00"),
        ("@yearly", "2024-01-02T00:00", "2025-01-01T00:00"),
        ("@every 1h30m", "2024-01-01T00:00", "2024-01-01T01:30"),
    ],
)
def test_the_next_time(schedule: str, after: str, expected: str) -> None:
    """Steps, ranges, lists, names and macros; of two restricted day fields either is enough."""
    assert _next(schedule, after) == expected


def test_a_date_that_never_comes_has_no_next_time() -> None:
    """The search ends."""
    assert _next("0 0 31 2 *", "2024-01-01T00:00") is None


@pytest.mark.parametrize(
    ("schedule", "after", "expected"),
    [
        ("30 9 * * *", "2024-07-01T00:00", "2024-07-01T13:30"),
        ("30 9 * * *", "2024-01-01T00:00", "2024-01-01T14:30"),
        ("30 2 * * *", "2024-03-09T12:00", "2024-03-11T06:30"),
        ("30 1 * * *", "2024-11-03T05:31", "2024-11-04T06:30"),
    ],
    ids=["summer", "winter", "skipped by the clocks", "repeated by the clocks"],
)
def test_times_are_those_of_the_zone(schedule: str, after: str, expected: str) -> None:
    """America/New_York, with its changes of clocks."""
    assert _next(schedule, after, "America/New_York") == expected


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ("", "empty spec string"),
        ("* * * *", "expected exactly 5 fields, found 4: [* * * *]"),
        ("60 * * * *", "end of range (60) above maximum (59): 60"),
        ("* * * * 7", "end of range (7) above maximum (6): 7"),
        ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
        ("5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"),
        ("*/0 * * * *", "step of range should be a positive number: */0"),
        ("@often", "unrecognized descriptor: @often"),
        ("x * * * *", "failed to parse int from x"),
        ("@every soon", "failed to parse duration @every soon"),
    ],
)
def test_what_is_no_schedule_is_refused(schedule: str, message: str) -> None:
    """The message says what is wrong."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is what is looked at
        parse_schedule(schedule)

    assert message in str(caught.value)


def test_an_unknown_zone_is_refused() -> None:
    """Also the zone of the machine, which is nobody's."""
    for zone in ("Mars/Phobos", "Local", ""):
        with pytest.raises(ValueError, match="unknown time zone"):
            parse_schedule("@daily", zone)
