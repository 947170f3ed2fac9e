"""KubariumApp: modes, themes and the life of the session. What views do is in `screens`."""

from typing import Any

from textual.app import App
from textual.binding import Binding

from tui.screens.overview import OverviewScreen
from tui.session import Session
from tui.source import Source
from tui.themes import THEMES


class KubariumApp(App[None]):
    """A cluster in the terminal."""

    TITLE = "Kubarium"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS = [Binding("ctrl+q", "quit", "Quit", show=False)]

    def __init__(
        self,
        source: Source,
        *,
        theme: str = "kubarium-dark",
        is_readonly: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        for known in THEMES:
            self.register_theme(known)
        self.theme = theme
        self.session = Session(source, is_readonly=is_readonly)
        self.session.bind(self)
        self.add_mode("overview", lambda: OverviewScreen(self.session))

    async def on_mount(self) -> None:
        """Follow the cluster and open the first view."""
        await self.session.start()
        self.switch_mode("overview")
        self.set_interval(1.0, self.session.tick)

    async def on_unmount(self) -> None:
        """Let go of the cluster."""
        await self.session.stop()
