"""A scenario's steps and narration as lines, for the pane beside the cluster."""

from engine.scenario.player import Player
from engine.scenario.schema import StepBase
from engine.scenario.steps import NoteStep, PromptStep
from tui.language import say
from tui.render.text import Line, Span, fit_line, wrap

_MARKS = {"passed": ("✓", "ok"), "failed": ("✗", "bad"), "skipped": ("-", "gone")}


def name_of(step: StepBase) -> str:
    """What a step is called where there is little room."""
    return step.title or step.id or getattr(step, "text", "") or step.do


def step_lines(player: Player, cells: int, rows: int) -> list[Line]:
    """The steps around the one under way, each with its mark."""
    steps = player.scenario.step
    here = min(max(0, player.current), max(0, len(steps) - 1))
    first = max(0, min(here - rows // 2, len(steps) - rows))
    lines: list[Line] = []
    for number in range(first, min(len(steps), first + rows)):
        step = steps[number]
        if number < len(player.results):
            sign, tone = _MARKS[player.results[number].state]
        else:
            sign, tone = ("▸", "accent") if number == player.current else ("·", "dim")
        is_here = number == player.current and not player.is_done
        words = Span(f"{number + 1:>3} {name_of(step)}", "" if is_here else "dim", is_bold=is_here)
        lines.append(fit_line([Span(f" {sign} ", tone, is_bold=True), words], cells))
    return lines


def narration_lines(player: Player, cells: int, rows: int) -> list[Line]:
    """What is told now: the verdict, the note, the narration of the step, what it waits for."""
    words: list[tuple[str, str, bool]] = []
    if player.is_done:
        verdict = (
            say("failed: {message}", message=player.message) if player.message else say("passed")
        )
        words.append((verdict, "bad" if player.message else "ok", True))
    else:
        step = player.step
        if step is not None:
            words.append((name_of(step) if not isinstance(step, NoteStep) else "", "", True))
            told = step.say or (step.text if isinstance(step, NoteStep | PromptStep) else "")
            words.append((told or _last_note(player), "", False))
        if player.progress:
            words.append((player.progress, "dim", False))
    lines: list[Line] = []
    for text, tone, is_bold in words:
        pieces = wrap(text, max(10, cells))
        lines.extend([Span(piece, tone, is_bold=is_bold)] for piece in pieces)
    return lines[:rows]


def _last_note(player: Player) -> str:
    for result in reversed(player.results):
        step = player.scenario.step[result.number - 1]
        if isinstance(step, NoteStep):
            return step.text
        if step.say:
            return step.say
    return player.scenario.summary.strip() if not player.results else ""
