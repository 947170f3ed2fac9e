"""Store: the keyspace, revisions streaming in with who and why, watchers, leases, compaction."""

from collections import deque
from collections.abc import Iterator
from functools import partial

from textual.containers import Horizontal, Vertical
from textual.getters import query_one
from textual.timer import Timer
from textual.widget import Widget

from engine.api.coordination import Lease
from engine.errors import EngineError
from engine.store.status import RevisionRow, StoreStatus
from tui.language import say
from tui.render import store as render
from tui.render.text import Span
from tui.screens.view import View
from tui.widgets.panel import Panel
from tui.widgets.text_view import TextView

_INTERVAL = 0.5
"""Seconds between two looks at the store, while this view is in front."""
_KEPT = 1000
"""Revisions that can be scrolled back to."""


class StoreScreen(View):
    """The event log of the cluster as etcd sees it; newest revision first."""

    NAME = "store"
    CSS_PATH = "store.tcss"
    AUTO_FOCUS = "#revisions"

    keys = query_one("#keys", TextView)
    summary = query_one("#summary", Panel)
    revisions = query_one("#revisions", TextView)
    watchers = query_one("#watchers", TextView)
    leases = query_one("#leases", TextView)

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # the view's own
        self._rows: deque[RevisionRow] = deque(maxlen=_KEPT)
        self._status: StoreStatus | None = None
        self._is_asking = False
        self._timer: Timer | None = None

    @property
    def crumbs(self) -> str:
        """How far the store is."""
        return "" if self._status is None else f"revision {self._status.revision}"

    def body(self) -> Iterator[Widget]:
        """Tree and figures on the left, what moves on the right."""
        with Horizontal(id="columns"):
            with Vertical(id="left"):
                yield TextView(id="keys")
                yield Panel("Store", id="summary")
            with Vertical(id="right"):
                yield TextView(id="revisions")
                with Horizontal(id="below"):
                    yield TextView(id="watchers")
                    yield TextView(id="leases")

    def on_mount(self) -> None:
        """Follow the store as well."""
        super().on_mount()
        for view, title in (
            (self.keys, "Keyspace"), (self.revisions, "Revisions"),
            (self.watchers, "Watchers"), (self.leases, "Leases"),
        ):  # fmt: skip
            view.border_title = say(title)
        self._timer = self.set_interval(_INTERVAL, self._look)
        self.begin(partial(self.session.watch, Lease))

    def rebuild(self) -> None:
        """Look at once."""
        self._look()

    def fit(self) -> None:
        """Cut the lines anew."""
        self._show()

    def _look(self) -> None:
        if self.is_current and not self._is_asking:
            self._is_asking = True
            self.begin(self._ask)

    async def _ask(self) -> None:
        try:
            since = self._rows[0].revision if self._rows else 0
            status = await self.session.store(since)
            if status.revision < since:
                # Another store than before: a cluster that was started anew.
                self._rows.clear()
                status = await self.session.store(0)
        except EngineError as error:
            self._status = None
            self.summary.show([[Span(str(error), "bad")]])
            return
        finally:
            self._is_asking = False
        self._status = status
        added = len(status.revisions)
        self._rows.extendleft(status.revisions)
        if added and self.revisions.scroll_offset.y:
            # Who reads further down keeps the place.
            place = self.revisions.scroll_offset.y + added
            self.call_after_refresh(self.revisions.scroll_to, y=place, animate=False)
        self._show()

    def _show(self) -> None:
        status = self._status
        if status is None or not self.is_mounted:
            return
        now = status.now
        self.keys.show(render.keyspace(status.groups, self.keys.room))
        self.summary.show(render.summary(status, self.summary.room[0]))
        cells = self.revisions.room
        self.revisions.show([render.revision_line(row, now, cells) for row in self._rows])
        self.watchers.show(render.watchers(status.watchers, self.watchers.room))
        held = self.session.objects(Lease).values()
        self.leases.show(render.leases(status.leases, held, now, self.leases.room))
        late = sum(1 for row in status.watchers if row.lag or row.waiting)
        self.watchers.border_subtitle = say(
            "{count}, {late} lagging", count=len(status.watchers), late=late
        )
        self.refresh_crumbs()
