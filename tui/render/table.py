"""How a table of objects is laid out: widths of columns, its head, and a row as a line."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import attrs
from rich.cells import cell_len

from engine.api.meta import ApiObject
from tui.render.column import Column
from tui.render.rows import Keep
from tui.render.text import Line, Span, fit, fit_middle

GAP = 2
_LONGEST = 120
_NARROWEST = 12
_NAME = 32


def texts_of(columns: Sequence[Column], obj: ApiObject, now: float) -> tuple[str, ...]:
    """What stands in each column of *obj*'s row at *now*."""
    return tuple([column.value(obj, now) for column in columns])


@attrs.define(eq=False)
class Said:
    """What the rows say, remembered while a filter is typed: from one key to the next."""

    _texts: dict[str, tuple[ApiObject, str]] = attrs.field(factory=dict)

    def kept(
        self,
        objects: Mapping[str, ApiObject],
        keep: Keep | None,
        columns: Sequence[Column],
        now: float,
    ) -> dict[str, ApiObject]:
        """Those of *objects* that the filter keeps, all without one."""
        known = self._texts
        if keep is None:
            known.clear()
            return dict(objects)
        self.learn(objects.items(), columns, now)
        return {key: obj for key, obj in objects.items() if keep(obj, known[key][1])}

    def learn(
        self, rows: Iterable[tuple[str, ApiObject]], columns: Sequence[Column], now: float
    ) -> int:
        """Remember what these rows say; how many they were."""
        known, count = self._texts, 0
        for key, obj in rows:
            count += 1
            before = known.get(key)
            if before is None or before[0] is not obj:
                known[key] = (obj, " ".join(texts_of(columns, obj, now)))
        return count


def column_widths(
    columns: Sequence[Column], rows: Iterable[tuple[str, ...]], cells: int, known: Sequence[int]
) -> list[int]:
    """The width of each column for *rows* in *cells* cells; columns do not shrink below *known*.

    Elastic columns give way where there is too little room, the widest first.
    """
    natural = [len(column.name) + 1 for column in columns]
    for texts in rows:
        for index, text in enumerate(texts):
            natural[index] = max(natural[index], min(cell_len(text), _LONGEST))
    if known:
        natural = [
            size if column.is_elastic else max(size, before)
            for column, size, before in zip(columns, natural, known, strict=True)
        ]
    over = sum(natural) - (cells - 2 - GAP * len(natural))
    elastic = [index for index, column in enumerate(columns) if column.is_elastic]
    while over > 0 and elastic:
        widest = max(elastic, key=lambda index: natural[index])
        if natural[widest] <= _NARROWEST:
            break
        natural[widest] -= 1
        over -= 1
    if over < 0 and elastic and columns[elastic[0]].name == "NAME":
        natural[elastic[0]] += min(-over, max(0, _NAME - natural[elastic[0]]))
    return natural


def column_at(widths: Sequence[int], x: int) -> int | None:
    """Which column stands in cell *x*, if any does."""
    edge = 1
    for index, width in enumerate(widths):
        edge += width + GAP
        if x < edge:
            return index
    return None


def head_line(
    columns: Sequence[Column], widths: Sequence[int], *, sorted_by: int, is_descending: bool
) -> Line:
    """The names of the columns, an arrow at the one that gives the order."""
    line: Line = [Span(" ")]
    for index, (column, width) in enumerate(zip(columns, widths, strict=True)):
        is_sorted = index == sorted_by
        arrow = ("↓" if is_descending else "↑") if is_sorted else ""
        name = f"{column.name}{arrow}"
        shown = name.rjust(width) if column.is_right else fit(name, max(width, len(name)))
        tone = "accent" if is_sorted else "dim"
        gap = GAP - max(0, cell_len(shown) - width)
        line.append(Span(shown + " " * max(1, gap), tone, is_bold=True))
    return line


def row_line(
    columns: Sequence[Column],
    texts: Sequence[str],
    widths: Sequence[int],
    tone_of: Callable[[Column], str],
    *,
    is_marked: bool,
    ground: str,
) -> Line:
    """One row on *ground* (empty for the table's own), each column in its tone."""
    line: Line = [Span("▌" if is_marked else " ", "wait", on=ground)]
    for column, text, width in zip(columns, texts, widths, strict=True):
        shown = fit(fit_middle(text, width) if column.is_elastic else text, width)
        if column.is_right:
            shown = fit(text.rjust(width), width)
        bold = column.name == "NAME" or is_marked
        line.append(Span(shown + " " * GAP, tone_of(column), is_bold=bold, on=ground))
    return line
