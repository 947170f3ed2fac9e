"""ImageLocality: better where the pod's images are already.

Source: imagelocality/image_locality.go, kubernetes v1.34.
"""

from typing import ClassVar

import numpy as np

from engine.scheduler.columns import Rows
from engine.scheduler.framework import MAX_SCORE, Scores
from engine.scheduler.node_table import NodeTable
from engine.scheduler.pod_info import PodInfo

_MEGABYTE = 1024 * 1024
SMALLEST = 23 * _MEGABYTE
"""Bytes below which images make no difference."""
LARGEST = 1000 * _MEGABYTE
"""Bytes per container above which more makes none."""


class ImageLocality:
    """Scores by the bytes that need not be pulled, less where few nodes have the image."""

    NAME: ClassVar[str] = "ImageLocality"
    IS_LOCAL: ClassVar[bool] = False
    READS_PODS: ClassVar[bool] = False
    IS_PERCENT: ClassVar[bool] = True

    def scores(self, info: PodInfo) -> bool:
        """Whether the pod has images."""
        return bool(info.images)

    def is_idle(self, info: PodInfo, table: NodeTable) -> bool:
        """Whether no node has any of the images."""
        return not any(table.images.has(image) for image in info.images)

    def score(self, info: PodInfo, table: NodeTable, rows: Rows) -> Scores:
        """How much of the images a node has, in percent."""
        if self.is_idle(info, table):
            return np.zeros(len(rows))
        present = np.zeros(table.size)
        for image in info.images:
            holders, sizes = table.images.sizes(image)
            share = len(holders) / max(table.node_count, 1)
            present[holders] += np.trunc(sizes * share)
        most = LARGEST * len(info.images)
        clipped = np.clip(present[rows], SMALLEST, most)
        scores: Scores = np.floor(MAX_SCORE * (clipped - SMALLEST) / (most - SMALLEST))
        return scores

    def normalize(self, raw: Scores) -> Scores:
        """Percentages already."""
        return raw
