"""Events as lines: when, what, to whom, in which words."""

from collections.abc import Iterable

from engine.api.events import Event
from tui.render.age import age
from tui.render.text import Line, Span, fit

_BAD = ("Failed", "BackOff", "Unhealthy", "Evict", "Kill", "NotReady", "Err", "OOM")


def last_seen(event: Event) -> float:
    """When it happened last, in epoch seconds."""
    return (
        event.last_timestamp
        or event.event_time
        or event.first_timestamp
        or event.metadata.creation_timestamp
        or 0.0
    )


def newest(events: Iterable[Event], count: int | None = None) -> list[Event]:
    """The newest events, newest first."""
    found = sorted(events, key=lambda event: (last_seen(event), event.revision), reverse=True)
    return found if count is None else found[:count]


def about(event: Event) -> str:
    """``pod/web-1``: what it happened to."""
    ref = event.involved_object
    return f"{ref.kind.lower()}/{ref.name}"


def symbol(event: Event) -> tuple[str, str]:
    """A symbol and a tone."""
    if event.type == "Warning":
        return "▲", "bad" if any(word in event.reason for word in _BAD) else "wait"
    return "·", "dim"


def event_line(event: Event, now: float, cells: int, *, is_about_shown: bool = True) -> Line:
    """One event in one line."""
    mark, tone = symbol(event)
    count = f" \u00d7{event.count}" if event.count > 1 else ""
    line = [
        Span(f"{age(last_seen(event), now):>6} ", "dim"),
        Span(f"{mark} ", tone, is_bold=True),
        Span(fit(event.reason, 18 if cells >= 90 else 16) + " ", tone if tone != "dim" else "info"),
    ]
    if is_about_shown:
        shown = about(event)
        room = max(18, min(44, cells // 3))
        line.append(Span(fit(shown, room) + " ", ""))
    used = sum(len(span.text) for span in line)
    line.append(
        Span(fit(event.message.replace("\n", " "), max(0, cells - used - len(count))), "dim")
    )
    if count:
        line.append(Span(count, "wait"))
    return line
