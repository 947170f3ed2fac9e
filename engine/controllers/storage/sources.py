"""Where the content of a new claim comes from: another claim, a snapshot, or nowhere.

Source: external-provisioner v5 getVolumeContentSource; VolumeSnapshot API v1.
"""

from typing import Any

import attrs

from engine.api import snapshot
from engine.api.frozen import EMPTY
from engine.api.persistent import PersistentVolume, PersistentVolumeClaim
from engine.api.quantity import parse_int
from engine.apiserver.errors import NotFoundError
from engine.client.client import Client
from engine.controllers.storage.claims import capacity, mode_of, requested
from engine.controllers.storage.provisioning import ProvisionError
from engine.cri.storage import Driver


@attrs.frozen(kw_only=True)
class Content:
    """What a new volume begins with: *handle* in the driver's words, at least *size* bytes."""

    handle: str = ""
    size: int = 0
    node_volume: PersistentVolume | None = None


def find_content(client: Client, driver: Driver, claim: PersistentVolumeClaim) -> Content | None:
    """What *claim* is to begin with; None if that is another's to fill (a populator's).

    Raises:
        ProvisionError: it cannot be had, or not yet.
    """
    source = claim.spec.data_source_ref or claim.spec.data_source
    if source is None:
        return Content()
    namespace = source.namespace or claim.metadata.namespace
    if source.kind == "PersistentVolumeClaim" and not source.api_group:
        content = _of_claim(client, driver, claim, namespace, source.name)
    elif source.kind == "VolumeSnapshot" and source.api_group == snapshot.GROUP:
        content = _of_snapshot(client, driver, namespace, source.name)
    else:
        return None
    if requested(claim) < content.size:
        raise ProvisionError(
            f"requested volume size {requested(claim)} is less than the size {content.size} for "
            f"the source {source.kind} {source.name}"
        )
    return content


def _of_claim(
    client: Client, driver: Driver, claim: PersistentVolumeClaim, namespace: str, name: str
) -> Content:
    try:
        found = client.get(PersistentVolumeClaim, name, namespace=namespace)
    except NotFoundError as error:
        raise ProvisionError(
            f"error getting PVC {name} (namespace {namespace}) from api server: {error}"
        ) from error
    if found.metadata.deletion_timestamp is not None:
        raise ProvisionError("the source PVC is being deleted, cannot use it for cloning")
    if found.status.phase != "Bound":
        raise ProvisionError("PVC not bound. Make sure the source PVC is bound, before cloning it")
    if mode_of(found) != mode_of(claim):
        raise ProvisionError("the source PVC and destination PVCs do not have the same volume mode")
    volume = client.get(PersistentVolume, found.spec.volume_name)
    if volume.spec.csi is None or volume.spec.csi.driver != driver.name:
        raise ProvisionError(
            f"the source PVC {name} is not of driver {driver.name}, it cannot be cloned"
        )
    return Content(handle=volume.spec.csi.volume_handle, size=capacity(volume), node_volume=volume)


def _of_snapshot(client: Client, driver: Driver, namespace: str, name: str) -> Content:
    try:
        found = client.get(snapshot.VolumeSnapshot, name, namespace=namespace)
    except NotFoundError as error:
        raise ProvisionError(f"error getting snapshot {name} from api server: {error}") from error
    status: Any = found.extra.get("status") or EMPTY
    if not status.get("readyToUse"):
        raise ProvisionError(f"snapshot {name} is not Ready")
    content = client.get(
        snapshot.VolumeSnapshotContent, str(status.get("boundVolumeSnapshotContentName"))
    )
    spec: Any = content.extra.get("spec") or EMPTY
    if spec.get("driver") != driver.name:
        raise ProvisionError(
            f"requested volume is of driver {driver.name}, the snapshot {name} of "
            f"{spec.get('driver')}"
        )
    held: Any = content.extra.get("status") or EMPTY
    size = held.get("restoreSize") or parse_int(str(status.get("restoreSize") or "0"))
    return Content(handle=str(held.get("snapshotHandle", "")), size=int(size))
