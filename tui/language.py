"""Which language the app speaks, and what it says in it.

What stands in the code is English; `say` looks it up in ``translations/LANGUAGE.toml``. The
language belongs to the context that an app runs in, so that two apps may speak two.
"""

import os
import tomllib
from collections.abc import Mapping
from contextvars import ContextVar
from functools import cache
from pathlib import Path

_SPOKEN: ContextVar[str] = ContextVar("language", default="en")


def language_of(wanted: str | None) -> str:
    """The two letters of a language: as wanted, else the locale's, else English."""
    if wanted:
        return wanted.lower()[:2]
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(name, "")
        if value:
            found = value[:2].lower()
            return found if found.isalpha() and len(found) == 2 and value[:1] != "C" else "en"
    return "en"


def speak(language: str) -> None:
    """Say everything in *language* from now on, as far as there is a translation."""
    _SPOKEN.set(language)


def say(text: str, /, **values: object) -> str:
    """*text*, which is English, in the language spoken, with ``{name}`` replaced by *values*."""
    found = _sentences(_SPOKEN.get()).get(text, text)
    return found.format(**values) if values else found


@cache
def _sentences(language: str) -> Mapping[str, str]:
    """Every translated sentence; none for a language that there is no file of."""
    file = Path(__file__).with_name("translations") / f"{language}.toml"
    if not file.is_file():
        return {}
    tables = tomllib.loads(file.read_text(encoding="utf-8"))
    return {text: found for table in tables.values() for text, found in table.items()}
