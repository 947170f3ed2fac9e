"""Which images lie on which rows, with their sizes. It knows nothing of pods."""

from collections.abc import Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

from engine.api.node import ContainerImage
from engine.scheduler.columns import Rows


@attrs.define(eq=False)
class ImageIndex:
    """Image name to row to size in bytes."""

    _sizes: dict[str, dict[int, int]] = attrs.field(factory=dict, init=False)
    _arrays: dict[str, tuple[Rows, NDArray[np.float64]]] = attrs.field(factory=dict, init=False)

    def put(self, row: int, old: Sequence[ContainerImage], new: Sequence[ContainerImage]) -> None:
        """Replace what lies on a row."""
        if old is new:
            return
        for image in old:
            for name in image.names:
                self._arrays.pop(name, None)
                rows = self._sizes.get(name)
                if rows is not None:
                    rows.pop(row, None)
                    if not rows:
                        del self._sizes[name]
        for image in new:
            for name in image.names:
                self._arrays.pop(name, None)
                self._sizes.setdefault(name, {})[row] = image.size_bytes

    def has(self, name: str) -> bool:
        """Whether any row has an image."""
        return normalized(name) in self._sizes

    def sizes(self, name: str) -> tuple[Rows, NDArray[np.float64]]:
        """The rows that have an image, and its size on each; not to be written to."""
        name = normalized(name)
        arrays = self._arrays.get(name)
        if arrays is None:
            found = self._sizes.get(name, {})
            arrays = (
                np.fromiter(found, np.intp, len(found)),
                np.fromiter(found.values(), np.float64, len(found)),
            )
            if found:
                self._arrays[name] = arrays
        return arrays


def normalized(name: str) -> str:
    """An image name with its tag: ``:latest`` if none is given.

    Source: imagelocality normalizedImageName, kubernetes v1.34.
    """
    return f"{name}:latest" if name.rfind(":") <= name.rfind("/") else name
