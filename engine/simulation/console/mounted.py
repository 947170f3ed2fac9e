"""One mapping of paths over a container's own entries and those of the volumes mounted in it."""

from collections.abc import Iterator, MutableMapping
from typing import TypeVar

import attrs

V = TypeVar("V")


@attrs.define(eq=False)
class Mounted(MutableMapping[str, V]):
    """Entries by absolute path: those below a mount point lie in the volume's own mapping.

    The deepest mount point wins. Whoever else has the volume mounted sees every change.
    """

    own: dict[str, V] = attrs.field(factory=dict)
    _mounts: list[tuple[str, dict[str, V], str]] = attrs.field(factory=list, init=False)

    def mount(self, point: str, entries: dict[str, V], below: str = "") -> None:
        """Show the entries of a volume, those below its folder *below*, at *point*."""
        inside = f"{below.strip('/')}/" if below.strip("/") else ""
        self._mounts.append((point.rstrip("/") + "/", entries, inside))
        self._mounts.sort(key=lambda one: -len(one[0]))

    def __getitem__(self, path: str) -> V:
        entries, key = self._place(path)
        return entries[key]

    def __setitem__(self, path: str, value: V) -> None:
        entries, key = self._place(path)
        entries[key] = value

    def __delitem__(self, path: str) -> None:
        entries, key = self._place(path)
        del entries[key]

    def __iter__(self) -> Iterator[str]:
        for path in tuple(self.own):
            if self._place(path)[0] is self.own:
                yield path
        for point, entries, inside in self._mounts:
            for key in tuple(entries):
                path = point + key[len(inside) :]
                if key.startswith(inside) and self._place(path) == (entries, key):
                    yield path

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _place(self, path: str) -> tuple[dict[str, V], str]:
        for point, entries, inside in self._mounts:
            if path.startswith(point) and len(path) > len(point):
                return entries, inside + path[len(point) :]
        return self.own, path
