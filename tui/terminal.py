"""The screen as the text a terminal is sent, for recordings."""

from io import StringIO

from rich.console import Console
from textual.app import App


def terminal_text(app: App[None]) -> str:
    """The whole screen with its colours, line by line."""
    width, height = app.size
    file = StringIO()
    console = Console(
        width=width,
        height=height,
        file=file,
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
    )
    screen = app.screen
    console.print(
        screen._compositor.render_update(full=True, screen_stack=app._background_screens),  # noqa: SLF001 - as App.export_screenshot does
        end="",
    )
    return file.getvalue()
