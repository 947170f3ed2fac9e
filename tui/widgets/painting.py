"""From tones to colours of the theme at hand, and from lines to strips."""

import attrs
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.app import App
from textual.color import Color
from textual.strip import Strip

from tui.render.text import Line, Span, Tone
from tui.themes import TONES

_FALLBACK = {
    "ok": "success", "wait": "warning", "bad": "error", "gone": "foreground-darken-3",
    "done": "primary", "info": "accent", "dim": "foreground-darken-2", "faint": "surface-lighten-2",
    "chip": "panel",
}  # fmt: skip


@attrs.define(eq=False)
class Paint:
    """The colours of one theme. Styles are made once and kept."""

    colours: dict[Tone, str]
    _styles: dict[tuple[Tone, bool, Tone], Style] = attrs.field(factory=dict, init=False)

    @classmethod
    def of(cls, app: App[object]) -> "Paint":
        """The colours of the theme that *app* uses now."""
        variables = app.theme_variables
        foreground = variables.get("foreground", "#ffffff")
        background = variables.get("surface", "#000000")
        colours = {"": foreground}
        for tone in TONES:
            name = variables.get(f"tone-{tone}") or variables.get(_FALLBACK[tone], "")
            colours[tone] = name if name.startswith("#") else foreground
        for tone, name in (
            ("title", "foreground"), ("accent", "accent"), ("primary", "primary"),
            ("secondary", "secondary"), ("ground", "background"), ("surface", "surface"),
            ("panel", "panel"), ("border", "border"),
        ):  # fmt: skip
            value = variables.get(name, "")
            colours[tone] = value if value.startswith("#") else foreground
        ground = Color.parse(background)
        for tone in ("ok", "wait", "bad", "gone", "done", "info", "primary"):
            tint = ground.blend(Color.parse(colours[tone]), 0.22)
            colours[f"{tone}-soft"] = tint.hex6
        return cls(colours)

    def style(self, tone: Tone = "", *, is_bold: bool = False, on: Tone = "") -> Style:
        """The style of a tone, on the widget's own ground or on that of another tone."""
        key = (tone, is_bold, on)
        found = self._styles.get(key)
        if found is None:
            found = self._styles[key] = Style(
                color=self.colours.get(tone, self.colours[""]),
                bgcolor=self.colours.get(on) if on else None,
                bold=is_bold or None,
            )
        return found

    def segments(self, line: Line, *, base: Style | None = None) -> list[Segment]:
        """*line* as segments; *base* lies under every style."""
        out = []
        for text, tone, is_bold, on in line:
            style = self.style(tone, is_bold=is_bold, on=on)
            out.append(Segment(text, base + style if base else style))
        return out

    def strip(self, line: Line, cells: int, *, base: Style | None = None) -> Strip:
        """*line* as a strip of exactly *cells* cells."""
        return Strip(self.segments(line, base=base)).adjust_cell_length(
            cells, base or self.style("")
        )

    def text(self, *lines: Line) -> Text:
        """*lines* as one Rich text."""
        out = Text(no_wrap=True, end="")
        for number, line in enumerate(lines):
            if number:
                out.append("\n")
            for text, tone, is_bold, on in line:
                out.append(text, self.style(tone, is_bold=is_bold, on=on))
        return out


def highlighted(line: Line, on: Tone) -> Line:
    """*line* with every span on one ground."""
    return [Span(span.text, span.tone, span.is_bold, on) for span in line]
