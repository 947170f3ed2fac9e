"""Paths of fields as users read them, short enough that no document can blow them up."""

LONGEST_KEY = 253
LONGEST_PATH = 2000


def field(path: str, key: object) -> str:
    """The path of *key* under *path*: ``spec.containers``. Endless keys and paths are cut."""
    name = str(key) if len(str(key)) <= LONGEST_KEY else str(key)[:LONGEST_KEY] + "…"
    if len(path) >= LONGEST_PATH:
        return path
    return f"{path}.{name}" if path else name


def item(path: str, index: object) -> str:
    """The path of a list's item or a map's value under *path*: ``containers[0]``."""
    name = str(index) if len(str(index)) <= LONGEST_KEY else str(index)[:LONGEST_KEY] + "…"
    return path if len(path) >= LONGEST_PATH else f"{path}[{name}]"
