"""Help: the keys that apply here, what states look like, and the commands."""

from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen

from tui import keymap
from tui.language import say
from tui.render.text import Line, Span, fit
from tui.widgets.text_view import TextView

_STATES = (
    ("●", "ok", "ready"), ("◐", "wait", "running, not ready"), ("○", "wait", "being started"),
    ("✖", "bad", "failing"), ("◌", "gone", "going away"), ("✔", "done", "finished"),
)  # fmt: skip

_MOVES = (
    ("F2 … F7", "the views"),
    ("0 1 … 9", "all namespaces, or one"),
    ("↑ ↓ j k g G", "move; pgup pgdn by pages"),
    ("enter", "go into it"),
    ("space", "mark rows, to act on several"),
    ("o  O", "order by the next column; turn the order"),
    ("ctrl-w ctrl-z", "wide columns; only what needs attention"),
)


def help_lines(kind: str) -> list[Line]:
    """The help page for who has chosen an object of *kind*."""
    lines: list[Line] = []
    group = ""
    for action in keymap.ACTIONS:
        if not action.applies_to(kind):
            continue
        if action.group != group:
            group = action.group
            title = f"{say(group)} ({kind})" if kind and "object" in group else say(group)
            lines += [[], [Span(title, "accent", is_bold=True)]]
        lines.append(
            _entry(
                keymap.key_label(action.keys), f"{fit(say(action.title), 16)} {say(action.help)}"
            )
        )
    lines += [[], [Span(say("Moving"), "accent", is_bold=True)]]
    lines += [_entry(keys, say(words)) for keys, words in _MOVES]
    lines += [[], [Span(say("States"), "accent", is_bold=True)]]
    lines += [
        [Span("  "), Span(fit(symbol, 14), tone, is_bold=True), Span(say(words))]
        for symbol, tone, words in _STATES
    ]
    return lines[1:]


class HelpScreen(ModalScreen[None]):
    """A page over the view."""

    CSS_PATH = "help.tcss"
    BINDINGS = [Binding("escape,q,question_mark", "dismiss", "Close", show=False)]

    def __init__(self, kind: str) -> None:
        super().__init__()
        self._kind = kind

    def compose(self) -> ComposeResult:
        """The page."""
        yield TextView(id="page")

    def on_mount(self) -> None:
        """Fill the page."""
        page = self.query_one("#page", TextView)
        page.border_title = say("Keys")
        page.border_subtitle = "esc"
        page.show(help_lines(self._kind))
        page.focus()


def _entry(keys: str, words: str) -> Line:
    return [Span("  "), Span(fit(keys, 14), "info", is_bold=True), Span(words)]
