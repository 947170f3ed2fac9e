"""Text with tones: what `render` modules return. Which colour a tone has is the theme's affair."""

from typing import NamedTuple

from rich.cells import cell_len, set_cell_size

Tone = str
"""ok, wait, bad, gone, done, info, dim, faint, title, accent, or empty for plain text."""


class Span(NamedTuple):
    """A piece of text in one tone; *on* names the tone of its ground."""

    text: str
    tone: Tone = ""
    is_bold: bool = False
    on: Tone = ""


Line = list[Span]


class State(NamedTuple):
    """A state as a symbol, a word and a tone: it reads without colour."""

    symbol: str
    word: str
    tone: Tone


def width(line: Line) -> int:
    """Terminal cells that *line* takes."""
    return sum(cell_len(span.text) for span in line)


def plain(line: Line) -> str:
    """The text of *line* alone."""
    return "".join(span.text for span in line)


def fit(text: str, cells: int) -> str:
    """*text* in exactly *cells* cells, with an ellipsis where it was cut."""
    if cells <= 0:
        return ""
    if cell_len(text) <= cells:
        return set_cell_size(text, cells)
    return set_cell_size(text, cells - 1) + "…"


def fit_middle(text: str, cells: int) -> str:
    """*text* in at most *cells* cells; what is cut is cut from the middle, so the end stays."""
    if cell_len(text) <= cells:
        return text
    if cells <= 2:
        return text[-cells:] if cells > 0 else ""
    tail = min((cells - 1) // 2 + 1, 6)
    return f"{text[: cells - 1 - tail]}…{text[-tail:]}"


def fit_line(line: Line, cells: int) -> Line:
    """*line* in exactly *cells* cells."""
    out: Line = []
    room = cells
    for span in line:
        length = cell_len(span.text)
        if length > room:
            if room > 0:
                out.append(span._replace(text=fit(span.text, room)))
            return out
        out.append(span)
        room -= length
    if room > 0:
        out.append(Span(" " * room))
    return out


def between(left: Line, right: Line, cells: int) -> Line:
    """*left* and *right* at the two ends of a line; *left* gives way."""
    gap = cells - width(left) - width(right)
    if gap >= 1:
        return [*left, Span(" " * gap), *right]
    if width(right) >= cells:
        return fit_line(right, cells)
    return [*fit_line(left, cells - width(right) - 1), Span(" "), *right]


def bar(share: float, cells: int, tone: Tone = "ok") -> Line:
    """A bar of *cells* cells, filled to *share* (0 to 1)."""
    filled = max(0, min(cells, round(share * cells)))
    if share > 0 and not filled:
        filled = 1
    return [Span("━" * filled, tone), Span("━" * (cells - filled), "faint")]


def plural(count: int, noun: str) -> str:
    """``1 pod``, ``3 pods``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def wrap(text: str, cells: int) -> list[str]:
    """*text* in lines of at most *cells* cells, wide characters counted as two.

    Paragraphs stay apart; what is indented is kept as it is, for it is a command.
    """
    lines: list[str] = []
    for paragraph in text.strip("\n").split("\n"):
        if paragraph.startswith("  ") or not paragraph.strip():
            lines += _cut(paragraph.rstrip(), cells)
            continue
        line = ""
        # A line break inside a paragraph of the file is no more than a space.
        joins = lines and lines[-1].strip() and not lines[-1].startswith("  ")
        if joins:
            line = lines.pop()
        for word in paragraph.split():
            for piece in _cut(word, cells):
                if line and cell_len(line) + 1 + cell_len(piece) > cells:
                    lines.append(line)
                    line = piece
                else:
                    line = f"{line} {piece}" if line else piece
        lines.append(line)
    return lines


def _cut(text: str, cells: int) -> list[str]:
    pieces, piece = [], ""
    for sign in text:
        if cell_len(piece) + cell_len(sign) > max(cells, 2):
            pieces.append(piece)
            piece = "    " if text.startswith("  ") else ""
        piece += sign
    return [*pieces, piece]
