"""snapshot.storage.k8s.io/v1: kinds that a bundled CustomResourceDefinition serves.

Their objects are custom ones: what they say is in ``extra``.
"""

from engine.api.scheme import make_kind

GROUP = "snapshot.storage.k8s.io"
VERSION = f"{GROUP}/v1"

VolumeSnapshot = make_kind(VERSION, "VolumeSnapshot")
VolumeSnapshotContent = make_kind(VERSION, "VolumeSnapshotContent")
VolumeSnapshotClass = make_kind(VERSION, "VolumeSnapshotClass")
