"""Dialogs: ask before something is destroyed, or for a value."""

from collections.abc import Callable

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from tui.language import say

Check = Callable[[str], str]
"""What is wrong with a value, or nothing."""


class Confirm(ModalScreen[bool]):
    """Says what will be touched, and asks."""

    CSS_PATH = "dialogs.tcss"
    BINDINGS = [
        Binding("escape,n", "answer(False)", "No", show=False),
        Binding("y", "answer(True)", "Yes", show=False),
        Binding("left,right", "app.focus_next", show=False),
    ]

    def __init__(self, title: str, text: str, *, verb: str) -> None:
        super().__init__()
        self._title, self._text, self._verb = title, text, verb

    def compose(self) -> ComposeResult:
        """The question and two buttons."""
        with Vertical(id="dialog", classes="-danger") as box:
            box.border_title = self._title
            box.border_subtitle = "y / n"
            yield Static(self._text, markup=False)
            with Horizontal(id="buttons"):
                yield Button(say("Cancel"), id="no")
                yield Button(self._verb, id="yes", variant="error")

    def action_answer(self, answer: bool) -> None:  # noqa: FBT001 - the binding's argument
        """Close with the answer."""
        self.dismiss(answer)

    @on(Button.Pressed)
    def _on_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")


class Ask(ModalScreen[str | None]):
    """Asks for a value and checks it while it is typed."""

    CSS_PATH = "dialogs.tcss"
    BINDINGS = [Binding("escape", "cancel", "Cancel", show=False)]

    def __init__(self, title: str, text: str, value: str, *, check: Check) -> None:
        super().__init__()
        self._title, self._text, self._value, self._check = title, text, value, check

    def compose(self) -> ComposeResult:
        """The question and its input."""
        with Vertical(id="dialog") as box:
            box.border_title = self._title
            box.border_subtitle = "enter / esc"
            yield Static(self._text, markup=False)
            yield Input(self._value, id="value", select_on_focus=False)
            yield Static("", id="problem", markup=False)

    def action_cancel(self) -> None:
        """Close without a value."""
        self.dismiss(None)

    @on(Input.Changed)
    def _on_changed(self, event: Input.Changed) -> None:
        self.query_one("#problem", Static).update(self._check(event.value))

    @on(Input.Submitted)
    def _on_submitted(self, event: Input.Submitted) -> None:
        if not self._check(event.value):
            self.dismiss(event.value)
