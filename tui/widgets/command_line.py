"""The command line: ``:`` goes somewhere, ``/`` filters what is shown."""

from collections.abc import Callable, Iterable

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.message import Message
from textual.suggester import Suggester
from textual.widgets import Input, Static


class _Names(Suggester):
    """Completes the first word from names, the second from namespaces."""

    def __init__(self, names: Iterable[str], namespaces: Callable[[], Iterable[str]]) -> None:
        super().__init__(use_cache=False, case_sensitive=False)
        self._names = sorted(set(names), key=lambda name: (len(name), name))
        self._namespaces = namespaces

    async def get_suggestion(self, value: str) -> str | None:
        """The shortest name that goes on as *value* begins."""
        head, space, tail = value.rpartition(" ")
        names: Iterable[str] = sorted(self._namespaces()) if space else self._names
        for name in names:
            if tail and name.startswith(tail.lower()) and name != tail.lower():
                return f"{head}{space}{name}"
        return None


class CommandLine(Horizontal):
    """One line above the footer, hidden until it is needed."""

    DEFAULT_CSS = """
    CommandLine { height: 1; display: none; background: $panel; }
    CommandLine.-open { display: block; }
    CommandLine Static { width: 3; color: $accent; text-style: bold; padding: 0 0 0 1; }
    CommandLine Input {
        width: 1fr; border: none; height: 1; padding: 0; background: $panel;
    }
    CommandLine Input:focus { border: none; background-tint: $foreground 0%; }
    CommandLine #hint { width: auto; color: $warning; padding: 0 1; text-style: none; }
    """

    BINDINGS = [
        Binding("escape", "close", "Close", show=False),
        Binding("tab", "complete", "Complete", show=False, priority=True),
    ]

    class Submitted(Message):
        """A command was given."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Filtered(Message):
        """The filter reads differently. *is_final* once it was confirmed."""

        def __init__(self, text: str, *, is_final: bool) -> None:
            super().__init__()
            self.text = text
            self.is_final = is_final

    class Closed(Message):
        """The line is hidden again."""

    def __init__(self, names: Iterable[str], namespaces: Callable[[], Iterable[str]]) -> None:
        super().__init__()
        self._suggester = _Names(names, namespaces)
        self._sign = ":"

    def compose(self) -> ComposeResult:
        """A sign, an input, a hint."""
        yield Static(":", id="sign")
        yield Input(id="line")
        yield Static("", id="hint", markup=False)

    @property
    def is_open(self) -> bool:
        """Whether somebody is typing here."""
        return self.has_class("-open")

    def open(self, sign: str, text: str = "") -> None:
        """Show the line for ``:`` or ``/``."""
        self._sign = sign
        self.query_one("#sign", Static).update(sign)
        self.hint("")
        line = self.query_one("#line", Input)
        line.suggester = self._suggester if sign == ":" else None
        line.placeholder = (
            "kind [namespace] [/filter]"
            if sign == ":"
            else "regex   !regex   -l app=web   -f fuzzy"
        )
        with line.prevent(Input.Changed):
            line.value = text
        self.add_class("-open")
        line.focus()
        line.cursor_position = len(text)

    def hint(self, text: str) -> None:
        """Show a few words at the right end."""
        self.query_one("#hint", Static).update(text)

    def action_close(self) -> None:
        """Hide the line; a filter is dropped."""
        if self._sign == "/":
            self.post_message(self.Filtered("", is_final=True))
        self._close()

    def action_complete(self) -> None:
        """Take the suggestion."""
        self.query_one("#line", Input).action_cursor_right()

    def _close(self) -> None:
        self.remove_class("-open")
        self.post_message(self.Closed())

    @on(Input.Changed)
    def _on_changed(self, event: Input.Changed) -> None:
        event.stop()
        if self._sign == "/":
            self.post_message(self.Filtered(event.value, is_final=False))

    @on(Input.Submitted)
    def _on_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._close()
        if self._sign == "/":
            self.post_message(self.Filtered(event.value, is_final=True))
        else:
            self.post_message(self.Submitted(event.value))

    def on_descendant_blur(self, _event: events.DescendantBlur) -> None:
        """Hide when the focus goes elsewhere."""
        if self.is_open and self.app.focused is not self.query_one("#line"):
            self._close()
