"""Kubarium's own themes. State has a tone of its own in each: ok, wait, bad, gone, done."""

from textual.theme import Theme

TONES = ("ok", "wait", "bad", "gone", "done", "info", "dim", "faint", "chip")
"""The theme variables ``tone-…`` that painting reads."""


def _tones(**tones: str) -> dict[str, str]:
    return {f"tone-{name}": colour for name, colour in tones.items()}


DARK = Theme(
    name="kubarium-dark",
    primary="#5b9dff",
    secondary="#a78bfa",
    accent="#3dd6c4",
    success="#4cc98a",
    warning="#f5b84d",
    error="#ff6b7a",
    foreground="#d9e2f2",
    background="#0c111b",
    surface="#121a28",
    panel="#1b2638",
    dark=True,
    variables={
        **_tones(
            ok="#4cc98a", wait="#f5b84d", bad="#ff6b7a", gone="#8793a8", done="#7fb4ff",
            info="#3dd6c4", dim="#8a98b0", faint="#4a5870", chip="#1d2a3f",
        ),
        "footer-key-foreground": "#3dd6c4",
        "footer-background": "#121a28",
        "border": "#2b3b55",
        "input-selection-background": "#5b9dff 35%",
    },
)  # fmt: skip

LIGHT = Theme(
    name="kubarium-light",
    primary="#1a62d6",
    secondary="#6d4bd8",
    accent="#067a70",
    success="#16794a",
    warning="#9a5b00",
    error="#c22338",
    foreground="#1b2536",
    background="#f3f5f9",
    surface="#fcfdff",
    panel="#e3e9f3",
    dark=False,
    variables={
        **_tones(
            ok="#16794a", wait="#9a5b00", bad="#c22338", gone="#6b778c", done="#1a62d6",
            info="#067a70", dim="#56637a", faint="#a9b4c6", chip="#e6ecf6",
        ),
        "footer-key-foreground": "#1a62d6",
        "footer-background": "#e3e9f3",
        "border": "#c3cede",
    },
)  # fmt: skip

CONTRAST = Theme(
    name="kubarium-contrast",
    primary="#66b2ff",
    secondary="#d0a8ff",
    accent="#00ffff",
    success="#00ff7f",
    warning="#ffe14d",
    error="#ff8080",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#1f1f1f",
    dark=True,
    variables={
        **_tones(
            ok="#00ff7f", wait="#ffe14d", bad="#ff8080", gone="#d0d0d0", done="#66b2ff",
            info="#00ffff", dim="#d8d8d8", faint="#9a9a9a", chip="#262626",
        ),
        "border": "#ffffff",
    },
)  # fmt: skip

SIXTEEN = Theme(
    name="kubarium-16",
    primary="#5c5cff",
    secondary="#ff00ff",
    accent="#00ffff",
    success="#00ff00",
    warning="#ffff00",
    error="#ff0000",
    foreground="#e5e5e5",
    background="#000000",
    surface="#000000",
    panel="#000000",
    dark=True,
    variables={
        **_tones(
            ok="#00ff00", wait="#ffff00", bad="#ff0000", gone="#7f7f7f", done="#5c5cff",
            info="#00ffff", dim="#e5e5e5", faint="#7f7f7f", chip="#000000",
        ),
        "border": "#7f7f7f",
    },
)  # fmt: skip

THEMES = (DARK, LIGHT, CONTRAST, SIXTEEN)


def theme_after(name: str) -> str:
    """The name of the theme that follows, in a circle; the first after one that is not ours."""
    names = [theme.name for theme in THEMES]
    here = names.index(name) if name in names else -1
    return names[(here + 1) % len(names)]
