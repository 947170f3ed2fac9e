"""Log lines with tones: whose they are, and which speak of trouble."""

import re

from tui.render.text import Line, Span, fit

_TIME = re.compile(r"^(\d{4}-\d\d-\d\d[T ][\d:.,]+(?:Z|[+-]\d\d:?\d\d)?)\s?(.*)$")
_BAD = re.compile(r"\b(error|fatal|panic|exception|traceback|failed|5\d\d)\b", re.IGNORECASE)
_WARN = re.compile(r"\b(warn(ing)?|timeout|retry|4\d\d)\b", re.IGNORECASE)

OWNER_TONES = ("primary", "secondary", "info", "ok", "wait", "done")
"""The tones that tell several pods apart."""


def log_line(text: str, owner: str = "", number: int = 0) -> Line:
    """One line of a log; *owner* and *number* name and colour the pod it came from."""
    text = text.replace("\t", "    ").replace("\r", "")
    line: Line = []
    if owner:
        line.append(
            Span(fit(owner, 14) + " ", OWNER_TONES[number % len(OWNER_TONES)], is_bold=True)
        )
        line.append(Span("│ ", "faint"))
    match = _TIME.match(text)
    if match:
        line.append(Span(f"{match[1]} ", "dim"))
        text = match[2]
    tone = "bad" if _BAD.search(text) else "wait" if _WARN.search(text) else ""
    line.append(Span(text, tone))
    return line
