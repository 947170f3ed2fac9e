"""Node cards and pod chips: what the Overview is made of. Pure layout, no widget."""

from collections.abc import Mapping, Sequence

import attrs

from engine.api.node import Node
from engine.api.pod import Pod
from tui.render import nodes as nodes_
from tui.render import pods as pods_
from tui.render.text import Line, Span, bar, fit, fit_line, fit_middle, plural, width

ROWS, NAMES, SHORT, DOTS = "rows", "names", "short", "dots"
"""How much of a pod a chip shows: a line of facts, its name and tag, its suffix, its state."""

CHIP_CELLS = {ROWS: 46, NAMES: 24, SHORT: 9, DOTS: 2}
MIN_CARD = 34
FRAME = 3
"""Lines of a card that are not chips: top, gauges, bottom."""


@attrs.frozen(kw_only=True)
class Shape:
    """How all cards of a board are laid out: how many side by side, how large, which chips."""

    columns: int
    card_width: int
    chip_rows: int
    chips_per_row: int
    mode: str

    @property
    def card_height(self) -> int:
        """Lines of one card."""
        return self.chip_rows + FRAME

    @property
    def inner(self) -> int:
        """Cells between the edges of a card."""
        return self.card_width - 5

    @property
    def chip_width(self) -> int:
        """Cells of one chip, without the gap after it."""
        if self.mode in (ROWS, NAMES):
            return (self.inner + 1) // self.chips_per_row - 1
        return CHIP_CELLS[self.mode] - 1


def choose_shape(pod_counts: Sequence[int], *, cells: int, lines: int) -> Shape:
    """The most telling shape in which cards with so many pods fit into *cells* by *lines*.

    When nothing fits, the cards become as small as they can and the board scrolls.
    """
    cards = max(1, len(pod_counts))
    most = max(pod_counts, default=0)
    widest = max(1, min(cards, cells // MIN_CARD))
    shapes = []
    for mode_rank, mode in enumerate((ROWS, NAMES, SHORT, DOTS)):
        for columns in range(1, widest + 1):
            card_width = cells // columns
            per_row = max(1, (card_width - 4) // CHIP_CELLS[mode])
            if mode == ROWS and card_width - 5 < CHIP_CELLS[ROWS]:
                continue
            rows = max(1, -(-most // per_row))
            card_rows = -(-cards // columns)
            room = max(1, lines // card_rows - FRAME)
            empty = card_rows * columns - cards
            fits = card_rows * (rows + FRAME) <= lines
            shape = Shape(
                columns=columns,
                card_width=card_width,
                chip_rows=min(max(rows, min(room, 10)), 24) if fits else rows,
                chips_per_row=per_row,
                mode=mode,
            )
            height = card_rows * (rows + FRAME)
            shapes.append(((not fits, mode_rank if fits else -mode_rank, empty, height), shape))
    return min(shapes, key=lambda entry: entry[0])[1]


def order(pods: Mapping[str, Pod]) -> list[Pod]:
    """Pods as a card shows them: by workload, oldest first, so that newcomers come last."""
    return sorted(
        pods.values(),
        key=lambda pod: (
            pod.metadata.namespace,
            pods_.app_name(pod),
            pod.metadata.creation_timestamp or 0.0,
            pod.metadata.name,
        ),
    )


def chip(
    pod: Pod, cells: int, *, mode: str, is_selected: bool = False, is_fresh: bool = False
) -> Line:
    """One pod as a coloured cell: symbol, name, tag."""
    state = pods_.pod_state(pod)
    ground = f"{state.tone}-soft"
    if is_selected:
        body, symbol_tone, ground = "ground", "ground", "accent"
    elif is_fresh:
        body, symbol_tone, ground = "ground", "ground", state.tone
    else:
        body, symbol_tone = ("dim" if state.tone == "gone" else ""), state.tone
    if mode == DOTS:
        return [Span(state.symbol[:cells], symbol_tone, is_bold=True, on=ground)]
    if mode == SHORT:
        name = pods_.suffix(pod) or pod.metadata.name
        text = fit(fit_middle(name, cells - 2), cells - 2)
        return [
            Span(f"{state.symbol} ", symbol_tone, is_bold=True, on=ground),
            Span(text, body, on=ground),
        ]
    if mode == ROWS:
        return _row_chip(pod, cells, (symbol_tone, body, ground))
    tag = "" if state.tone in ("bad", "gone") else pods_.tag(pod)
    note = fit_middle(tag, 8) if state.tone == "ok" else state.word
    note = fit(note, min(len(note), max(0, cells - 14)))
    name_cells = cells - 3 - len(note) - (2 if note else 0)
    name = fit(fit_middle(pods_.short_name(pod), name_cells), name_cells)
    note_tone = body if is_selected or is_fresh else "dim" if state.tone == "ok" else state.tone
    return [
        Span(f" {state.symbol} ", symbol_tone, is_bold=True, on=ground),
        Span(name, body, on=ground),
        Span(f" {note} " if note else "", note_tone, on=ground),
    ]


def _row_chip(pod: Pod, cells: int, tones: tuple[str, str, str]) -> Line:
    symbol_tone, body, ground = tones
    state = pods_.pod_state(pod)
    ready, total = pods_.ready_counts(pod)
    restarts = pods_.restarts(pod)
    word = f"{state.word} ↻{restarts}" if restarts else state.word
    name_cells = cells - 33
    tone = body if symbol_tone == "ground" else state.tone
    return [
        Span(f" {state.symbol} ", symbol_tone, is_bold=True, on=ground),
        Span(fit(fit_middle(pods_.short_name(pod), name_cells), name_cells), body, on=ground),
        Span(" " + fit(pods_.tag(pod), 5), body, is_bold=True, on=ground),
        Span(fit(word, 20), tone, on=ground),
        Span(fit(f"{ready}/{total}", 4), tone, on=ground),
    ]


def ghost(name: str, cells: int, *, mode: str) -> Line:
    """The place where a pod has just been."""
    if mode == DOTS:
        return [Span("·", "faint")]
    return [Span(fit(f" ✕ {name}" if mode in (ROWS, NAMES) else f"✕ {name}", cells), "faint")]


def card_lines(
    node: Node,
    pods: Sequence[Pod],
    shape: Shape,
    *,
    selected: str = "",
    fresh: frozenset[str] = frozenset(),
    ghosts: Sequence[str] = (),
    marks: Sequence[str] = (),
) -> list[Line]:
    """All lines of one card.

    Args:
        node: whose card it is.
        pods: what runs there, in order.
        shape: the shape that all cards have.
        selected: ``node/NAME`` or ``pod/KEY``, whichever is under the cursor.
        fresh: keys of pods that changed just now.
        ghosts: short names of pods that left just now.
        marks: active faults of this node, in words.
    """
    cells = shape.card_width - 1
    inner = shape.inner
    state = nodes_.node_state(node)
    is_selected = selected == f"node/{node.metadata.name}"
    edge = "accent" if is_selected else ("border" if state.tone == "ok" else state.tone)
    used = nodes_.usage(node, pods)
    return [
        _top(node, used.pods, cells, edge=edge, is_selected=is_selected, marks=marks),
        [Span("│ ", edge), *_gauges(used, inner), Span(" │", edge)],
        *[
            [Span("│ ", edge), *line, Span(" │", edge)]
            for line in _chip_rows(pods, shape, inner, selected, fresh, ghosts)
        ],
        _bottom(node, cells, edge=edge),
    ]


def _top(
    node: Node, count: int, cells: int, *, edge: str, is_selected: bool, marks: Sequence[str]
) -> Line:
    state = nodes_.node_state(node)
    words = [*marks, *nodes_.pressures(node)]
    left = [
        Span("╭─ ", edge),
        Span(f"{state.symbol} ", state.tone, is_bold=True),
        Span(node.metadata.name, "accent" if is_selected else "", is_bold=True),
        Span(f" {state.word}", state.tone),
        *[Span(f" ⚡{word}", "bad", is_bold=True) for word in words],
        Span(" "),
    ]
    right = [Span(f" {plural(count, 'pod')} ", "dim"), Span("─╮", edge)]
    gap = cells - width(left) - width(right)
    if gap < 0:
        return [*fit_line(left, cells - 2), Span("─╮", edge)]
    return [*left, Span("─" * gap, edge), *right]


def _bottom(node: Node, cells: int, *, edge: str) -> Line:
    taints = nodes_.taints(node)
    words = [nodes_.address(node)]
    if nodes_.roles(node) != "<none>":
        words.append(nodes_.roles(node))
    left = [Span("╰─ ", edge), Span(" · ".join(words) + " ", "dim")]
    right = [Span(f" {fit_middle(taints, cells // 2)} ", "wait")] if taints else []
    right.append(Span("─╯", edge))
    gap = cells - width(left) - width(right)
    if gap < 0:
        return [*fit_line(left, cells - 2), Span("─╯", edge)]
    return [*left, Span("─" * gap, edge), *right]


def _gauges(used: nodes_.Usage, cells: int) -> Line:
    half = (cells - 2) // 2
    cpu = _gauge(
        "cpu", used.cpu_share, f"{nodes_.cores(used.cpu)}/{nodes_.cores(used.cpu_total)}", half
    )
    memory = _gauge(
        "mem",
        used.memory_share,
        f"{nodes_.size(used.memory)}/{nodes_.size(used.memory_total)}",
        cells - 2 - half,
    )
    return [*cpu, Span("  "), *memory]


def _gauge(name: str, share: float, words: str, cells: int) -> Line:
    room = cells - len(name) - 1
    if room - len(words) - 1 < 4:
        words = f"{share:.0%}"
    length = max(2, room - len(words) - 1)
    tone = "bad" if share > 0.9 else "wait" if share > 0.75 else "info"
    return fit_line(
        [Span(f"{name} ", "dim"), *bar(share, length, tone), Span(f" {words}", "dim")], cells
    )


def _chip_rows(
    pods: Sequence[Pod],
    shape: Shape,
    inner: int,
    selected: str,
    fresh: frozenset[str],
    ghosts: Sequence[str],
) -> list[Line]:
    size = shape.chip_width
    chips = [
        chip(
            pod,
            size,
            mode=shape.mode,
            is_selected=selected == f"pod/{pod.key}",
            is_fresh=pod.key in fresh,
        )
        for pod in pods
    ]
    chips.extend(ghost(name, size, mode=shape.mode) for name in ghosts)
    if not chips:
        chips.append([Span("no pods", "faint")])
    rows: list[Line] = []
    for start in range(0, shape.chip_rows * shape.chips_per_row, shape.chips_per_row):
        line: Line = []
        for piece in chips[start : start + shape.chips_per_row]:
            line.extend([*piece, Span(" ")])
        rows.append(fit_line(line[:-1], inner))
    return rows
