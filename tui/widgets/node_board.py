"""The board of node cards, with pods as coloured cells that appear, change and go."""

from collections.abc import Iterable

from rich.segment import Segment
from textual import events
from textual.binding import Binding
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from engine.api.meta import ApiObject
from engine.api.node import Node
from engine.api.pod import Pod
from tui.language import say
from tui.render import cards
from tui.render import pods as pods_
from tui.render.text import Line, Span, fit, plural
from tui.session import Delta
from tui.widgets.painting import Paint

FRESH_SECONDS = 1.2
LANE = 2
"""Lines above the cards: the pods that wait for a node."""


class NodeBoard(ScrollView, can_focus=True):
    """Node cards side by side. Only lines that are in view are painted.

    Promises: the selected node or pod stays selected while others come and go; when it goes
    itself, its node is selected.
    """

    BINDINGS = [
        Binding("left", "move(-1,0)", "Left", show=False),
        Binding("right", "move(1,0)", "Right", show=False),
        Binding("up,k", "move(0,-1)", "Up", show=False),
        Binding("down,j", "move(0,1)", "Down", show=False),
        Binding("home,g", "edge(0)", "First", show=False),
        Binding("end,G", "edge(-1)", "Last", show=False),
        Binding("enter", "open", "Open", show=False),
    ]

    DEFAULT_CSS = """
    NodeBoard { background: $background; scrollbar-size-vertical: 1; overflow-x: hidden; }
    """

    class Selected(Message):
        """The cursor stands on another node or pod, or that one has changed."""

        def __init__(self, obj: ApiObject | None) -> None:
            super().__init__()
            self.obj = obj

    class Opened(Message):
        """A node or pod was chosen."""

        def __init__(self, obj: ApiObject) -> None:
            super().__init__()
            self.obj = obj

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id)
        self._node_map: dict[str, Node] = {}
        self._pod_map: dict[str, dict[str, Pod]] = {}
        self._names: list[str] = []
        self._shape = cards.choose_shape((), cells=80, lines=20)
        self._lines: dict[str, list[Strip]] = {}
        self._where: dict[str, str] = {}
        self._known_targets: dict[str, Region] | None = None
        self._selected = ""
        self._fresh: dict[str, int] = {}
        self._ghosts: dict[str, list[str]] = {}
        self._generation = 0
        self._marks: dict[str, tuple[str, ...]] = {}
        self._paint: Paint | None = None

    @property
    def selected(self) -> ApiObject | None:
        """The node or pod under the cursor."""
        kind, _, key = self._selected.partition("/")
        if kind == "node":
            return self._node_map.get(key)
        where = self._where.get(key)
        return None if where is None else self._pod_map[where][key]

    def on_mount(self) -> None:
        """Repaint when the theme changes."""
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self._repaint())

    def show(self, nodes: Iterable[Node], pods: Iterable[Pod]) -> None:
        """Show exactly these."""
        self._node_map = {node.metadata.name: node for node in nodes}
        self._pod_map = {}
        self._where = {}
        for pod in pods:
            self._place(pod)
        self._fresh.clear()
        self._ghosts.clear()
        self._relayout()

    def apply(self, delta: Delta, *, namespace: str) -> None:
        """Show what changed, and only that."""
        is_first = not self._node_map
        touched: set[str] = set()
        for key, (_, node) in delta.of(Node).items():
            if node is None:
                self._node_map.pop(key, None)
            else:
                self._node_map[key] = node
            touched.add(key)
        self._generation += 1
        for key, (old, new) in delta.of(Pod).items():
            if namespace and not key.startswith(f"{namespace}/"):
                continue
            touched |= self._change(key, old, new)
        if not touched:
            return
        if is_first:
            self._fresh.clear()
            self._ghosts.clear()
        if self._fresh or self._ghosts:
            generation = self._generation
            self.set_timer(FRESH_SECONDS, lambda: self._settle(generation))
        self._relayout(touched)

    def mark(self, marks: dict[str, tuple[str, ...]]) -> None:
        """Show these faults on the cards of their nodes."""
        if marks != self._marks:
            changed = marks.keys() | self._marks.keys()
            self._marks = marks
            self._relayout(changed)

    def _change(self, key: str, old: Pod | None, new: Pod | None) -> set[str]:
        touched = set()
        before = old.spec.node_name if old else None
        if old is not None and (new is None or new.spec.node_name != before):
            self._pod_map.get(old.spec.node_name, {}).pop(key, None)
            self._where.pop(key, None)
            touched.add(old.spec.node_name)
            if old.spec.node_name:
                self._ghosts.setdefault(old.spec.node_name, []).append(pods_.short_name(old))
        if new is not None:
            self._place(new)
            touched.add(new.spec.node_name)
            moved = old is None or before != new.spec.node_name
            if old is None or moved or pods_.pod_state(old) != pods_.pod_state(new):
                self._fresh[key] = self._generation
        return touched

    def _place(self, pod: Pod) -> None:
        self._pod_map.setdefault(pod.spec.node_name, {})[pod.key] = pod
        self._where[pod.key] = pod.spec.node_name

    def _settle(self, generation: int) -> None:
        touched = {
            name
            for name, pods in self._pod_map.items()
            if any(self._fresh.get(key, generation + 1) <= generation for key in pods)
        }
        self._fresh = {key: at for key, at in self._fresh.items() if at > generation}
        if generation == self._generation:
            touched |= self._ghosts.keys()
            self._ghosts.clear()
        self._relayout(touched)

    def on_resize(self) -> None:
        """Choose the shape anew."""
        self._relayout()

    def _repaint(self) -> None:
        self._paint = None
        self._lines.clear()
        self.refresh()

    def _relayout(self, touched: set[str] | None = None) -> None:
        if not self.size.width:
            return
        names = sorted(self._node_map, key=_natural)
        counts = [
            len(self._pod_map.get(name, ())) + len(self._ghosts.get(name, ())) for name in names
        ]
        cells = self.scrollable_content_region.width or self.size.width
        shape = cards.choose_shape(counts, cells=cells, lines=self.size.height - LANE)
        if touched is None or shape != self._shape or names != self._names:
            self._lines.clear()
            touched = None
        self._shape, self._names = shape, names
        for name in touched or ():
            self._lines.pop(name, None)
        rows = -(-len(names) // shape.columns)
        self.virtual_size = Size(cells, LANE + rows * shape.card_height)
        self._known_targets = None
        self._keep_selection()
        if touched is None:
            self.refresh()
            return
        for name in touched:
            region = self._card_region(name) if name else Region(0, 0, cells, LANE)
            if region:
                self.refresh(region.translate((0, -self.scroll_offset.y)))

    def _card_region(self, name: str) -> Region | None:
        if name not in self._node_map:
            return None
        index, shape = self._names.index(name), self._shape
        row, column = divmod(index, shape.columns)
        return Region(
            column * shape.card_width,
            LANE + row * shape.card_height,
            shape.card_width,
            shape.card_height,
        )

    @property
    def _targets(self) -> dict[str, Region]:
        """Where each node and pod stands; found when a key or the mouse asks."""
        if self._known_targets is None:
            self._known_targets = self._find_targets()
        return self._known_targets

    def _find_targets(self) -> dict[str, Region]:
        shape = self._shape
        targets: dict[str, Region] = {}
        x = 16
        for pod in cards.order(self._pod_map.get("", {})):
            targets[f"pod/{pod.key}"] = Region(x, 0, 20, 1)
            x += 21
        for name in self._names:
            region = self._card_region(name)
            assert region is not None
            targets[f"node/{name}"] = Region(region.x, region.y, region.width, 2)
            for index, pod in enumerate(cards.order(self._pod_map.get(name, {}))):
                row, column = divmod(index, shape.chips_per_row)
                targets[f"pod/{pod.key}"] = Region(
                    region.x + 2 + column * (shape.chip_width + 1),
                    region.y + 2 + row,
                    shape.chip_width,
                    1,
                )
        return targets

    def _keep_selection(self) -> None:
        if self.selected is None:
            self._selected = f"node/{self._names[0]}" if self._names else ""
        self.post_message(self.Selected(self.selected))

    def _select(self, target: str) -> None:
        if target == self._selected:
            return
        before, self._selected = self._selected, target
        for changed in (before, target):
            self._forget_card_of(changed)
        region = self._targets.get(target)
        if region is not None:
            kind, _, name = target.partition("/")
            card = self._card_region(name) if kind == "node" else None
            self.scroll_to_region(card or region, animate=False)
        self.refresh()
        self.post_message(self.Selected(self.selected))

    def _forget_card_of(self, target: str) -> None:
        kind, _, key = target.partition("/")
        if kind == "node":
            self._lines.pop(key, None)
            return
        self._lines.pop(self._where.get(key, ""), None)

    def action_move(self, dx: int, dy: int) -> None:
        """Move the cursor to the nearest target in that direction."""
        here = self._targets.get(self._selected)
        if here is None:
            return
        best, best_score = "", float("inf")
        x, y, width, _ = here
        for target, region in self._targets.items():
            across, down = region[0] - x, region[1] - y
            if dx and (down == 0) and across * dx > 0:
                score = float(abs(across))
            elif dx and across * dx > 0:
                score = 1000.0 + abs(across) + abs(down) * 40
            elif dy and down * dy > 0:
                score = abs(down) * 4 + max(0.0, float(abs(across)) - width / 2)
            else:
                continue
            if score < best_score:
                best, best_score = target, score
        if best:
            self._select(best)

    def action_edge(self, index: int) -> None:
        """Go to the first or last target."""
        if self._targets:
            self._select(list(self._targets)[index])

    def action_open(self) -> None:
        """Open what is selected."""
        obj = self.selected
        if obj is not None:
            self.post_message(self.Opened(obj))

    def on_click(self, event: events.Click) -> None:
        """Select what was clicked; a second click opens it."""
        x, y = event.x, event.y + self.scroll_offset.y
        for target, region in reversed(self._targets.items()):
            if region.contains(x, y):
                if target == self._selected and event.chain > 1:
                    self.action_open()
                self._select(target)
                return

    def render_line(self, y: int) -> Strip:
        """One line of the board."""
        paint = self._paint = self._paint or Paint.of(self.app)
        cells = self.size.width
        y += self.scroll_offset.y
        if y < LANE:
            return paint.strip(self._lane() if y == 0 else [], cells, base=self.rich_style)
        row, offset = divmod(y - LANE, self._shape.card_height)
        start = row * self._shape.columns
        segments: list[Segment] = []
        for name in self._names[start : start + self._shape.columns]:
            segments.extend(self._card(name, paint)[offset])
            segments.append(Segment(" ", self.rich_style))
        return Strip(segments).adjust_cell_length(cells, self.rich_style)

    def _lane(self) -> Line:
        waiting = cards.order(self._pod_map.get("", {}))
        line = [Span(fit(f" {say('waiting')}", 12), "dim"), Span("▸ ", "accent")]
        if not waiting:
            return [*line, Span(say("every pod has a node"), "faint")]
        room = max(1, (self.size.width - 26) // 21)
        for pod in waiting[:room]:
            line += cards.chip(
                pod,
                20,
                mode=cards.NAMES,
                is_selected=self._selected == f"pod/{pod.key}",
                is_fresh=pod.key in self._fresh,
            )
            line.append(Span(" "))
        if len(waiting) > room:
            line.append(Span(f"+ {plural(len(waiting) - room, 'pod')}", "wait"))
        return line

    def _card(self, name: str, paint: Paint) -> list[Strip]:
        found = self._lines.get(name)
        if found is None:
            lines = cards.card_lines(
                self._node_map[name],
                cards.order(self._pod_map.get(name, {})),
                self._shape,
                selected=self._selected,
                fresh=frozenset(self._fresh),
                ghosts=self._ghosts.get(name, ()),
                marks=self._marks.get(name, ()),
            )
            width, base = self._shape.card_width - 1, self.rich_style
            found = self._lines[name] = [paint.strip(line, width, base=base) for line in lines]
        return found


def _natural(name: str) -> tuple[bool, str, int]:
    head = name.rstrip("0123456789")
    tail = name[len(head) :]
    return ("control" not in name and "master" not in name, head, int(tail) if tail else -1)
