"""Cron schedules as Kubernetes reads them: five fields, names, ranges, steps and macros.

The rules are those of the robfig/cron parser that Kubernetes uses, which differ from other crons
in three ways: Sunday is 0 and never 7; a step takes the "any" out of a star, so that ``*/2`` in
one of the day fields restricts days; ``@every 90m`` counts from the last run.

Source: batch/v1 CronJob schedule syntax; robfig/cron v3 ParseStandard, kubernetes v1.34.
"""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

import attrs

_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
_DAYS = {
    name: number for number, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))
}
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of month", 1, 31, {}),
    ("month", 1, 12, _MONTHS),
    ("day of week", 0, 6, _DAYS),
)
_MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(h|ms|us|µs|ns|m|s)")
_HORIZON_YEARS = 5


@attrs.frozen
class CronSchedule:
    """Which minutes a schedule names; with *every*, seconds from one run to the next instead."""

    minutes: frozenset[int] = frozenset()
    hours: frozenset[int] = frozenset()
    days: frozenset[int] = frozenset()
    months: frozenset[int] = frozenset()
    weekdays: frozenset[int] = frozenset()
    is_any_day: bool = True
    is_any_weekday: bool = True
    every: float = 0.0
    zone: tzinfo = UTC

    def next_after(self, when: float) -> float | None:
        """The first time after *when* (epoch seconds); None if there is none in five years.

        A time of day that the clocks skip is passed over; one that they repeat comes once.
        """
        if self.every:
            return float(int(when)) + self.every
        start = datetime.fromtimestamp(int(when), self.zone).replace(tzinfo=None)
        local = start.replace(second=0) + timedelta(minutes=1)
        for _ in range(_HORIZON_YEARS * 366):
            if local.month not in self.months:
                year, month = divmod(local.year * 12 + local.month, 12)
                local = datetime(year, month + 1, 1)  # noqa: DTZ001 - wall clock of self.zone
                if local.year > start.year + _HORIZON_YEARS:
                    return None
                continue
            if self._has_day(local):
                found = self._time_of_day(local, when)
                if found is not None:
                    return found
            local = (local + timedelta(days=1)).replace(hour=0, minute=0)
        return None

    def _time_of_day(self, local: datetime, when: float) -> float | None:
        for hour in sorted(self.hours):
            if hour < local.hour:
                continue
            for minute in sorted(self.minutes):
                at = local.replace(hour=hour, minute=minute)
                if at < local:
                    continue
                aware = at.replace(tzinfo=self.zone)
                found = aware.timestamp()
                is_real = datetime.fromtimestamp(found, self.zone).replace(tzinfo=None) == at
                if is_real and found > when:
                    return found
        return None

    def _has_day(self, local: datetime) -> bool:
        day = local.day in self.days
        weekday = (local.weekday() + 1) % 7 in self.weekdays
        if self.is_any_day or self.is_any_weekday:
            return day and weekday
        return day or weekday


@lru_cache(maxsize=1024)
def parse_schedule(text: str, zone: str | None = None) -> CronSchedule:
    """The schedule that *text* writes, in the time zone *zone* (UTC without one).

    Raises:
        ValueError: it is no schedule, or there is no such zone.
    """
    where = parse_zone(zone) if zone is not None else UTC
    text = text.strip()
    if not text:
        msg = "empty spec string"
        raise ValueError(msg)
    if text.startswith("@every "):
        seconds = _duration(text[len("@every ") :])
        return CronSchedule(every=max(1.0, float(int(seconds))), zone=where)
    if text.startswith("@"):
        if text not in _MACROS:
            msg = f"unrecognized descriptor: {text}"
            raise ValueError(msg)
        text = _MACROS[text]
    parts = text.split()
    if len(parts) != len(_FIELDS):
        msg = f"expected exactly 5 fields, found {len(parts)}: [{' '.join(parts)}]"
        raise ValueError(msg)
    fields = [
        _field(part, low, high, names)
        for part, (_, low, high, names) in zip(parts, _FIELDS, strict=True)
    ]
    minutes, hours, days, months, weekdays = (values for values, _ in fields)
    return CronSchedule(
        minutes=minutes,
        hours=hours,
        days=days,
        months=months,
        weekdays=weekdays,
        is_any_day=fields[2][1],
        is_any_weekday=fields[4][1],
        zone=where,
    )


def parse_zone(name: str) -> tzinfo:
    """The time zone of that name, as the IANA database has it.

    Raises:
        ValueError: there is none.
    """
    if name.lower() == "local" or not name:
        msg = f"unknown time zone {name}"
        raise ValueError(msg)
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        msg = f"unknown time zone {name}"
        raise ValueError(msg) from error


def _field(text: str, low: int, high: int, names: dict[str, int]) -> tuple[frozenset[int], bool]:
    found: set[int] = set()
    is_any = False
    for part in text.split(","):
        values, part_is_any = _range(part, low, high, names)
        found.update(values)
        is_any = is_any or part_is_any
    return frozenset(found), is_any


def _range(text: str, low: int, high: int, names: dict[str, int]) -> tuple[range, bool]:
    span, slash, step_text = text.partition("/")
    first, dash, last = span.partition("-")
    is_any = first in ("*", "?")
    if is_any:
        if dash:
            msg = f"failed to parse int from {span}"
            raise ValueError(msg)
        start, end = low, high
    else:
        start = _number(first, names)
        end = _number(last, names) if dash else start
    step = 1
    if slash:
        step = _number(step_text, {})
        if not dash and not is_any:
            # 5/15 means 5-59/15.
            end = high
        if step > 1:
            is_any = False
    if start < low:
        msg = f"beginning of range ({start}) below minimum ({low}): {text}"
        raise ValueError(msg)
    if end > high:
        msg = f"end of range ({end}) above maximum ({high}): {text}"
        raise ValueError(msg)
    if start > end:
        msg = f"beginning of range ({start}) beyond end of range ({end}): {text}"
        raise ValueError(msg)
    if step == 0:
        msg = f"step of range should be a positive number: {text}"
        raise ValueError(msg)
    return range(start, end + 1, step), is_any


def _number(text: str, names: dict[str, int]) -> int:
    named = names.get(text.lower())
    if named is not None:
        return named
    if not text.isdigit():
        msg = f'failed to parse int from {text}: strconv.Atoi: parsing "{text}": invalid syntax'
        raise ValueError(msg)
    return int(text)


def _duration(text: str) -> float:
    seconds, position = 0.0, 0
    for match in _DURATION.finditer(text):
        if match.start() != position:
            break
        seconds += float(match[1]) * _UNITS[match[2]]
        position = match.end()
    if position != len(text) or not text:
        msg = f'failed to parse duration @every {text}: time: invalid duration "{text}"'
        raise ValueError(msg)
    return seconds
