"""Faults in words: the list, one in detail, the invariants, and what a new one would touch."""

from collections.abc import Iterable

from engine.api.fault_catalogue import CATALOGUE
from engine.api.fault_kind import FaultKind
from engine.api.kubarium import Fault, Invariant
from tui.language import say
from tui.render.column import AGE, NAME, Column
from tui.render.text import Line, Span, State, fit

_STATES = {
    "Active": State("✖", "active", "bad"),
    "Scheduled": State("◷", "scheduled", "info"),
    "Recovered": State("✓", "undone", "ok"),
    "Aborted": State("■", "aborted", "wait"),
    "Failed": State("!", "failed", "bad"),
    "Previewed": State("?", "preview", "info"),
}


def fault_state(fault: Fault) -> State:
    """How far it is, as a symbol and a word."""
    symbol, word, tone = _STATES.get(fault.status.phase, State("…", "pending", "wait"))
    return State(symbol, say(word), tone)


def time_left(fault: Fault, now: float) -> str:
    """The seconds until it ends by itself."""
    if fault.status.phase != "Active":
        return "-"
    if fault.status.ends_at is None:
        return "open"
    return f"{max(0, int(fault.status.ends_at - now))}s"


def touched_words(fault: Fault) -> str:
    """What it touches: the first and how many more."""
    touched = fault.status.touched
    if not touched:
        return "-"
    return touched[0] if len(touched) == 1 else f"{touched[0]} +{len(touched) - 1}"


def columns() -> tuple[Column, ...]:
    """The columns of the list."""
    return (
        NAME,
        Column(name="TYPE", value=lambda fault, _now: fault.spec.type or "sequence"),
        Column(
            name="STATE",
            value=lambda fault, _now: " ".join(fault_state(fault)[:2]),
            tone=lambda fault: fault_state(fault).tone,
        ),
        Column(name="TOUCHES", value=lambda fault, _now: touched_words(fault)),
        Column(name="LEFT", value=time_left, is_right=True),
        AGE,
    )


def detail_lines(fault: Fault, now: float, cells: int) -> list[Line]:
    """One fault: what it does, to whom, since when, and how it ended."""
    kind = CATALOGUE.get(fault.spec.type)
    state = fault_state(fault)
    lines: list[Line] = [
        [
            Span(fault.metadata.name, "title", is_bold=True),
            Span(f"  {fault.spec.type or 'sequence'}  ", "accent"),
            Span(f"{state.symbol} {state.word}", state.tone),
        ]
    ]
    if kind is not None:
        lines.append([Span(fit(say(kind.summary), cells).rstrip(), "dim")])
    if fault.status.phase == "Active":
        left = time_left(fault, now)
        words = say("until somebody ends it") if left == "open" else left
        lines.append([_label("ends in" if left != "open" else "goes on"), Span(words)])
    if fault.status.message:
        lines.append([_label("said"), Span(fault.status.message)])
    settings = ", ".join(f"{name} {value}" for name, value in fault.spec.params.items())
    if settings:
        lines.append([_label("with"), Span(settings)])
    for index, name in enumerate(fault.status.touched):
        lines.append([_label("touches" if not index else ""), Span(name)])
    for result in fault.status.steady_state:
        tone = "ok" if result.holds else "bad"
        mark = "✓" if result.holds else "✖"
        lines.append([Span(f"{mark} ", tone), Span(result.title), Span(f"  {result.found}", "dim")])
    for number, stage in enumerate(fault.spec.sequence, 1):
        parts = " and ".join(part.type for part in stage.faults)
        lines.append([Span(say("stage {number}", number=number) + "  ", "faint"), Span(parts)])
    return lines


def _label(text: str) -> Span:
    return Span(fit(say(text) if text else "", 9), "faint")


def invariant_lines(invariants: Iterable[Invariant], cells: int) -> list[Line]:
    """Each promise with a tick, the broken ones first and in full."""
    broken: list[Line] = []
    holding: list[Line] = []
    for found in invariants:
        status = found.status
        if status.get("holds", True):
            words = say(str(found.spec.get("promise", found.metadata.name)))
            holding.append([Span("✓ ", "ok"), Span(fit(words, max(0, cells - 2)).rstrip(), "dim")])
            continue
        count = status.get("violations", 0)
        broken.append(
            [
                Span("✖ ", "bad"),
                Span(found.metadata.name, "bad", is_bold=True),
                Span("  " + say("{count} times", count=count)),
            ]
        )
        broken.append([Span(f"  {status.get('message', '')}")])
        where = f"  revision {status.get('revision', 0)}"
        if status.get("actor"):
            where += f" by {status['actor']}"
        if status.get("cause"):
            where += f", after {status['cause']}"
        broken.append([Span(where, "dim")])
        broken += [[Span(f"  {name}", "dim")] for name in status.get("objects", ())]
    return broken + holding or [[Span(say("not checked yet"), "faint")]]


def kind_lines(kind: FaultKind, cells: int) -> list[Line]:
    """One fault of the catalogue: what it does and which parameters it takes."""
    lines: list[Line] = [[Span(fit(say(kind.summary), cells).rstrip())]]
    for parameter in kind.parameters:
        default = "" if parameter.default in (None, "") else f" ({parameter.default})"
        lines.append(
            [
                Span(f"{parameter.name}{default}  ", "accent"),
                Span(fit(say(parameter.help), max(0, cells - 24)).rstrip(), "dim"),
            ]
        )
    return lines
