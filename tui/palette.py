"""The command palette: every action that applies, every view, every kind."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from engine.api.scheme import SCHEME
from tui import keymap
from tui.language import say

if TYPE_CHECKING:
    from tui.app import KubariumApp

Entry = tuple[str, str, Callable[[], None]]


class KubariumCommands(Provider):
    """Actions on what is chosen, then the cluster's, then places to go to."""

    async def discover(self) -> Hits:
        """What to show before anything is typed."""
        for title, words, call in self._entries(has_kinds=False):
            yield DiscoveryHit(title, call, help=words)

    async def search(self, query: str) -> Hits:
        """What fits *query*."""
        matcher = self.matcher(query)
        for title, words, call in self._entries(has_kinds=True):
            score = matcher.match(title)
            if score > 0:
                yield Hit(score, matcher.highlight(title), call, help=words)

    def _entries(self, *, has_kinds: bool) -> Iterator[Entry]:
        from tui.screens.view import VIEWS, View  # noqa: PLC0415 - views know the app

        app = cast("KubariumApp", self.app)
        view = self.screen
        chosen = view.chosen if isinstance(view, View) else []
        kind = chosen[0].KIND if chosen else ""
        for action in keymap.ACTIONS:
            if not action.applies_to(kind) or action.id in ("palette", "leave"):
                continue
            if action.is_change and app.session.is_readonly:
                continue
            about = f" {kind.lower()}/{chosen[0].metadata.name}" if action.kinds and chosen else ""
            keys = keymap.key_label(action.keys)

            def call(name: str = action.id) -> None:
                app.perform(name, chosen)

            yield f"{say(action.title)}{about}", f"{say(action.help)}  ({keys})", call
        for name, key, title in VIEWS:
            yield (
                say("Go to {view}", view=say(title)),
                say("the view  ({key})", key=key),
                partial(app.action_view, name),
            )
        if not has_kinds:
            return
        for resource in SCHEME:
            if "list" in resource.verbs and resource.stored_as is None:
                short = ", ".join(resource.short_names)
                yield (
                    say("Show {kind}", kind=resource.plural),
                    f":{short or resource.plural}",
                    partial(app.run_command, resource.qualified),
                )
