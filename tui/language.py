"""Which language prose is shown in."""

import os


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
