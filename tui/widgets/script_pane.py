"""The playing scenario below a view: steps on the left, what is told on the right."""

from rich.text import Text
from textual import events
from textual.widget import Widget

from engine.scenario.player import Player
from tui.language import say
from tui.render.script import narration_lines, step_lines
from tui.render.text import Line, Span, width
from tui.widgets.painting import Paint


class ScriptPane(Widget):
    """Follows one player; a click on a step goes there."""

    DEFAULT_CSS = """
    ScriptPane { height: 9; background: $surface; color: $foreground;
                 border: round $secondary; border-title-color: $secondary;
                 border-title-style: bold; border-subtitle-color: $accent; }
    ScriptPane.-low { height: 6; }
    """

    def __init__(self, player: Player) -> None:
        super().__init__()
        self.player = player
        self._shown: list[Line] = []

    def on_mount(self) -> None:
        """Look four times a second."""
        self.border_title = self.player.scenario.title
        self.set_interval(0.25, self._look)
        self._look()

    def _look(self) -> None:
        self.set_class(self.app.size.height < 32, "-low")
        lines = self._lines()
        player = self.player
        state = say("done")
        if not player.is_done:
            state = f"‖ {say('paused')}" if player.is_paused else f"▶ {say('playing')}"
        keys = "" if player.is_done else "  " + say(", play/pause  . step  < > speed  J go to")
        self.border_subtitle = f"{state}{keys}"
        if lines != self._shown:
            self._shown = lines
            self.refresh()

    @property
    def _left(self) -> int:
        return min(46, self.content_size.width // 2)

    def _lines(self) -> list[Line]:
        size = self.content_size
        if size.width < 20:
            return []
        left = step_lines(self.player, self._left, size.height)
        right = narration_lines(self.player, size.width - self._left - 3, size.height)
        lines: list[Line] = []
        for row in range(size.height):
            first = left[row] if row < len(left) else []
            gap = Span(" " * (self._left - width(first)) + " │ ", "dim")
            lines.append([*first, gap, *(right[row] if row < len(right) else [])])
        return lines

    def on_click(self, event: events.Click) -> None:
        """Go to the step that was clicked."""
        steps, rows = len(self.player.scenario.step), self.content_size.height
        here = min(max(0, self.player.current), max(0, steps - 1))
        number = max(0, min(here - rows // 2, steps - rows)) + event.y - 1
        if event.x <= self._left and 0 <= number < steps:
            self.player.go_to(number)

    def render(self) -> Text:
        """Steps and narration."""
        return Paint.of(self.app).text(*self._lines())
