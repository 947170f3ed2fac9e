"""The slider over revisions, and the difference of two, as lines."""

import difflib
from collections.abc import Mapping
from datetime import UTC, datetime

from engine.api.meta import ApiObject
from tui.language import say
from tui.render.text import Line, Span, fit_line
from tui.render.yaml_text import to_yaml

Changes = Mapping[type[ApiObject], Mapping[str, tuple[ApiObject | None, ApiObject | None]]]
_LINES = 40
_RESTLESS = ("Lease", "Event")


def revision_at(column: int, room: int, oldest: int, newest: int) -> int:
    """The revision under a column of the slider."""
    share = min(1.0, max(0.0, column / max(1, room - 1)))
    return oldest + round(share * (newest - oldest))


def bar_lines(
    revision: int,
    oldest: int,
    newest: int,
    room: int,
    *,
    time: float,
    mark: int | None = None,
    is_playing: bool = False,
    pace: float = 1.0,
) -> list[Line]:
    """The slider, and a line that says which revision and when."""
    span = max(1, newest - oldest)
    knob = round((revision - oldest) / span * (room - 1))
    cells = [Span("─", "dim")] * room
    cells = [Span("━", "primary") if place < knob else cell for place, cell in enumerate(cells)]
    if mark is not None:
        cells[min(room - 1, max(0, round((mark - oldest) / span * (room - 1))))] = Span("◆", "wait")
    if 0 <= knob < room:
        cells[knob] = Span("●", "accent", is_bold=True)
    when = datetime.fromtimestamp(time, UTC).strftime("%H:%M:%S")
    is_live = revision >= newest
    state = (
        f"▶ {say('playing')}" if is_playing else say("live") if is_live else f"‖ {say('the past')}"
    )
    words = [
        Span(f" {state} ", "ok" if is_live else "wait", is_bold=True),
        Span(" " + say("revision {revision}", revision=revision), "", is_bold=True),
        Span(f" of {oldest}…{newest}  {when} UTC", "dim"),
        *([Span(f"  {pace:g}x", "info")] if pace != 1.0 else []),
        *([Span(f"  ◆ {mark}", "wait")] if mark is not None else []),
        Span("   " + say("←→ step  space play  m mark  D diff  esc live"), "dim"),
    ]
    return [cells, fit_line(words, room)]


def difference_lines(changes: Changes) -> list[Line]:
    """Every object that differs, with the lines of its YAML that do."""
    lines: list[Line] = []
    # Heartbeats and Events change all the time; what people look for comes first.
    for cls, found in sorted(changes.items(), key=lambda entry: entry[0].KIND in _RESTLESS):
        for key, (old, new) in sorted(found.items()):
            sign, tone = (
                ("+", "ok") if old is None else ("-", "bad") if new is None else ("~", "wait")
            )
            if lines:
                lines.append([])
            lines.append(
                [Span(f"{sign} {cls.KIND} ", tone, is_bold=True), Span(key, "", is_bold=True)]
            )
            lines += _object_lines(old, new)
    return lines or [[Span(say("Nothing that is shown differs."), "dim")]]


def _object_lines(old: ApiObject | None, new: ApiObject | None) -> list[Line]:
    if old is None or new is None:
        return []
    before, after = to_yaml(old).splitlines(), to_yaml(new).splitlines()
    tones = {"+": "ok", "-": "bad", "@": "info"}
    found: list[Line] = []
    for text in list(difflib.unified_diff(before, after, n=1, lineterm=""))[2:]:
        if "resourceVersion:" in text:
            continue
        shown = "  ⋮" if text.startswith("@@") else text
        found.append([Span(f"    {shown}", tones.get(text[:1], "dim"))])
    if len(found) > _LINES:
        found = [
            *found[:_LINES],
            [Span("    … " + say("{count} more lines", count=len(found) - _LINES), "dim")],
        ]
    return found
