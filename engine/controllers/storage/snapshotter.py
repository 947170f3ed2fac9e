"""Takes snapshots of volumes and lets them go: VolumeSnapshots and their contents.

It stands for the snapshot-controller and the csi-snapshotter beside each driver. The kinds are
custom ones, so everything is read from and written to ``spec`` and ``status`` as they are.

Source: external-snapshotter v8 (pkg/common-controller, pkg/sidecar-controller).
"""

import contextlib
from typing import Any, ClassVar

import attrs

from engine.api import snapshot
from engine.api.codec import format_time
from engine.api.frozen import EMPTY, FrozenDict, freeze
from engine.api.meta import ApiObject, ObjectMeta
from engine.api.persistent import PersistentVolume, PersistentVolumeClaim
from engine.api.quantity import format_bytes
from engine.apiserver.errors import AlreadyExistsError, ApiError, NotFoundError
from engine.client.informer import Informer
from engine.client.workqueue import Result
from engine.controllers.controller import QueueController
from engine.controllers.storage.claims import capacity, mode_of
from engine.controllers.storage.operations import StorageOperations
from engine.cri.storage import DRIVERS, DeleteVolume, SnapshotVolume

AS_SOURCE = "snapshot.storage.kubernetes.io/volumesnapshot-as-source-protection"
BOUND = "snapshot.storage.kubernetes.io/volumesnapshot-bound-protection"
CONTENT_BOUND = "snapshot.storage.kubernetes.io/volumesnapshotcontent-bound-protection"
IS_DEFAULT = "snapshot.storage.kubernetes.io/is-default-class"
RETRY_SECONDS = 5.0
KINDS: tuple[type[Any], ...] = (snapshot.VolumeSnapshot, snapshot.VolumeSnapshotContent)


def spec_of(obj: ApiObject) -> Any:
    """The specification of a custom object."""
    return getattr(obj, "extra", EMPTY).get("spec") or EMPTY


def state_of(obj: ApiObject) -> Any:
    """The status of a custom object."""
    return getattr(obj, "extra", EMPTY).get("status") or EMPTY


@attrs.define(eq=False)
class CsiSnapshotter(QueueController):
    """Keys are ``snapshot/NAMESPACE/NAME`` and ``content/NAME``; idle while nobody serves them."""

    QUEUE: ClassVar[str] = "csi-snapshotter"

    operations: StorageOperations | None = None
    _informers: dict[type[Any], Informer[Any]] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._watch_kinds()
        self.client.server.scheme.follow(lambda: self.loop.call_soon(self._watch_kinds))

    def reconcile(self, key: str) -> Result | None:
        """Look at one snapshot or one content."""
        kind, _, name = key.partition("/")
        namespace, _, short = name.rpartition("/")
        cls = KINDS[0] if kind == "snapshot" else KINDS[1]
        if cls not in self._informers or self.operations is None:
            return None
        try:
            found: Any = self.client.get(cls, short, namespace=namespace)
        except NotFoundError:
            return None
        if kind == "content":
            return self._sync_content(key, found)
        return self._sync_snapshot(found)

    # Snapshots

    def _sync_snapshot(self, found: Any) -> Result | None:
        if found.metadata.deletion_timestamp is not None:
            return self._end_snapshot(found)
        missing = [one for one in (AS_SOURCE, BOUND) if one not in found.metadata.finalizers]
        if missing:
            found = self._with_finalizers(found, (*found.metadata.finalizers, *missing))
        content_name = state_of(found).get("boundVolumeSnapshotContentName")
        given = (spec_of(found).get("source") or EMPTY).get("volumeSnapshotContentName")
        if content_name is None and given is not None:
            content_name = given
        if content_name is None:
            return self._begin(found)
        try:
            content: Any = self.client.get(snapshot.VolumeSnapshotContent, content_name)
        except NotFoundError:
            what = "VolumeSnapshotContent is missing"
            return self._fail(found, "SnapshotContentMissing", what)
        reference = spec_of(content).get("volumeSnapshotRef") or EMPTY
        wanted = (found.metadata.namespace, found.metadata.name)
        is_other = reference.get("uid") not in (None, "", found.metadata.uid)
        if (reference.get("namespace"), reference.get("name")) != wanted or is_other:
            what = f"VolumeSnapshotContent [{content_name}] is bound to a different snapshot"
            return self._fail(found, "SnapshotContentMisbound", what)
        if not reference.get("uid"):
            content = self._bind(content, found)
        self._copy_state(found, content)
        return None

    def _bind(self, content: Any, found: Any) -> Any:
        """A content that was there before its snapshot is that one's from now on."""
        spec = spec_of(content)
        reference = {**spec["volumeSnapshotRef"], "uid": found.metadata.uid}
        extra = content.extra.with_items({"spec": freeze({**spec, "volumeSnapshotRef": reference})})
        return self.client.update(attrs.evolve(content, extra=extra))

    def _begin(self, found: Any) -> Result | None:
        name = (spec_of(found).get("source") or EMPTY).get("persistentVolumeClaimName")
        try:
            claim = self.client.get(
                PersistentVolumeClaim, str(name), namespace=found.metadata.namespace
            )
            if claim.status.phase != "Bound":
                what = (
                    f"the PVC {name} is not yet bound to a PV, will not attempt to take a snapshot"
                )
                return self._fail(found, "SnapshotContentCreationFailed", what)
            volume = self.client.get(PersistentVolume, claim.spec.volume_name)
        except NotFoundError:
            what = (
                "Failed to create snapshot content with error snapshot controller failed to update "
                f"{found.metadata.name} on API server: cannot get claim from snapshot"
            )
            return self._fail(found, "SnapshotContentCreationFailed", what)
        driver = volume.spec.csi.driver if volume.spec.csi is not None else ""
        try:
            chosen = self._class_for(found, driver)
        except NotFoundError as error:
            what = f"Failed to get snapshot class with error {error}"
            return self._fail(found, "GetSnapshotClassFailed", what)
        if chosen is None:
            what = (
                f"Failed to set default snapshot class with error cannot find default for {driver}"
            )
            return self._fail(found, "SetDefaultSnapshotClassFailed", what)
        parameters = chosen.extra
        if parameters.get("driver") != driver or driver not in DRIVERS:
            what = (
                f'volume "{volume.metadata.name}" is of driver {driver!r}, the class '
                f"{chosen.metadata.name} of {parameters.get('driver')}"
            )
            return self._fail(found, "SnapshotContentCreationFailed", what)
        content = make_content(found, volume, chosen)
        message = f"Waiting for a snapshot {found.key} to be created by the CSI driver."
        self.recorder.normal(found, "CreatingSnapshot", message)
        with contextlib.suppress(AlreadyExistsError):
            self.client.create(content)
        state = {**state_of(found), "readyToUse": False}
        state["boundVolumeSnapshotContentName"] = content.metadata.name
        state.pop("error", None)
        self._write_state(found, state)
        return None

    def _class_for(self, found: Any, driver: str) -> Any:
        """The class it names, or the default one, which is written down; None if there is none.

        Raises:
            NotFoundError: there is no class of that name.
        """
        name = spec_of(found).get("volumeSnapshotClassName")
        if name:
            return self.client.get(snapshot.VolumeSnapshotClass, name)
        for one in self.client.list(snapshot.VolumeSnapshotClass).items:
            extra = getattr(one, "extra", EMPTY)
            is_default = one.metadata.annotations.get(IS_DEFAULT) == "true"
            if is_default and extra.get("driver") == driver:
                spec = {**spec_of(found), "volumeSnapshotClassName": one.metadata.name}
                extra = found.extra.with_items({"spec": freeze(spec)})
                self.client.update(attrs.evolve(found, extra=extra))
                return one
        return None

    def _copy_state(self, found: Any, content: Any) -> None:
        held, state = state_of(content), state_of(found)
        error = held.get("error")
        wanted: dict[str, Any] = {
            "boundVolumeSnapshotContentName": content.metadata.name,
            "readyToUse": bool(held.get("readyToUse")),
        }
        if held.get("creationTime"):
            wanted["creationTime"] = format_time(held["creationTime"] / 1e9)
        if held.get("restoreSize"):
            wanted["restoreSize"] = format_bytes(int(held["restoreSize"]))
        if error:
            wanted["error"] = error
        if freeze(wanted) == state:
            return
        was_ready = bool(state.get("readyToUse"))
        self._write_state(found, wanted)
        if wanted["readyToUse"] and not was_ready:
            message = f"Snapshot {found.key} was successfully created by the CSI driver."
            self.recorder.normal(found, "SnapshotCreated", message)
            self.recorder.normal(found, "SnapshotReady", f"Snapshot {found.key} is ready to use.")
        elif error and error != state.get("error"):
            self.recorder.warning(found, "SnapshotCreationFailed", str(error.get("message")))

    def _end_snapshot(self, found: Any) -> Result | None:
        ours = {AS_SOURCE, BOUND}
        if not ours & set(found.metadata.finalizers):
            return None
        if self._is_being_restored(found):
            message = "Snapshot is being used to restore a PVC"
            self.recorder.warning(found, "SnapshotDeletePending", message)
            return Result(requeue_after=RETRY_SECONDS)
        name = state_of(found).get("boundVolumeSnapshotContentName")
        content: Any = None
        if name:
            try:
                content = self.client.get(snapshot.VolumeSnapshotContent, name)
            except NotFoundError:
                content = None
        if content is not None and spec_of(content).get("deletionPolicy") == "Delete":
            if content.metadata.deletion_timestamp is None:
                self.client.delete(snapshot.VolumeSnapshotContent, name)
            return Result(requeue_after=0.5)
        kept = tuple(one for one in found.metadata.finalizers if one not in ours)
        self._with_finalizers(found, kept)
        return None

    def _is_being_restored(self, found: Any) -> bool:
        """Whether a claim waits for a volume that begins as this snapshot."""
        claims = self.client.list(PersistentVolumeClaim, namespace=found.metadata.namespace)
        return any(
            claim.status.phase == "Pending"
            and (source := claim.spec.data_source) is not None
            and (source.kind, source.name) == ("VolumeSnapshot", found.metadata.name)
            for claim in claims.items
        )

    def _fail(self, found: Any, reason: str, message: str) -> Result:
        before = state_of(found).get("error") or EMPTY
        if before.get("message") != message:
            error = {"message": message, "time": format_time(self.loop.now)}
            self._write_state(found, {**state_of(found), "error": error, "readyToUse": False})
            self.recorder.warning(found, reason, message)
        return Result(requeue_after=RETRY_SECONDS)

    # Contents

    def _sync_content(self, key: str, content: Any) -> Result | None:
        assert self.operations is not None
        spec, state = spec_of(content), state_of(content)
        driver = DRIVERS.get(spec.get("driver", ""))
        if driver is None or self.operations.is_running(key):
            return None
        source = spec.get("source") or EMPTY
        handle = state.get("snapshotHandle") or source.get("snapshotHandle")
        if content.metadata.deletion_timestamp is not None:
            self._end_content(key, content, handle)
            return None
        if CONTENT_BOUND not in content.metadata.finalizers:
            finalizers = (*content.metadata.finalizers, CONTENT_BOUND)
            content = self._with_finalizers(content, finalizers)
        if state.get("readyToUse"):
            self._tell_snapshot(content)
            return None
        if handle:
            self._content_ready(content, handle, source.get("size") or 0)
            return None
        volume_handle = str(source.get("volumeHandle", ""))
        made = f"snap-{content.metadata.uid}"
        size = self._size_of(volume_handle)

        def done(error: str) -> None:
            self._taken(key, made, size, error)

        request = SnapshotVolume(handle=made, driver=driver.name, source=volume_handle)
        self.operations.run(key, request, seconds=driver.create_seconds, done=done)
        return None

    def _taken(self, key: str, handle: str, size: int, error: str) -> None:
        try:
            content: Any = self.client.get(snapshot.VolumeSnapshotContent, key.partition("/")[2])
            if not error:
                self._content_ready(content, handle, size)
                return
            message = (
                f"Failed to check and update snapshot content: failed to take snapshot: {error}"
            )
            state = {"readyToUse": False, "error": {"message": message}}
            self._tell_snapshot(self._write_state(content, state))
            self.queue.add_after(key, RETRY_SECONDS)
        except NotFoundError:
            return
        except ApiError:
            self.queue.add_after(key, 1.0)

    def _content_ready(self, content: Any, handle: str, size: int) -> None:
        state = {
            "creationTime": int(self.loop.now) * 1_000_000_000,
            "readyToUse": True,
            "restoreSize": int(size),
            "snapshotHandle": handle,
        }
        self._tell_snapshot(self._write_state(content, state))

    def _end_content(self, key: str, content: Any, handle: str | None) -> None:
        assert self.operations is not None
        if CONTENT_BOUND not in content.metadata.finalizers:
            return
        if spec_of(content).get("deletionPolicy") != "Delete" or not handle:
            self._let_go(content)
            return

        def done(error: str) -> None:
            if error:
                self.recorder.warning(content, "SnapshotDeleteError", error)
                self.queue.add_after(key, RETRY_SECONDS)
                return
            try:
                name = content.metadata.name
                self._let_go(self.client.get(snapshot.VolumeSnapshotContent, name))
            except NotFoundError:
                return
            except ApiError:
                self.queue.add_after(key, 1.0)

        driver = DRIVERS[spec_of(content)["driver"]]
        request = DeleteVolume(handle=handle, driver=driver.name)
        self.operations.run(key, request, seconds=driver.delete_seconds, done=done)

    def _let_go(self, content: Any) -> None:
        kept = tuple(one for one in content.metadata.finalizers if one != CONTENT_BOUND)
        self._with_finalizers(content, kept)

    def _tell_snapshot(self, content: Any) -> None:
        reference = spec_of(content).get("volumeSnapshotRef") or EMPTY
        self.queue.add(f"snapshot/{reference.get('namespace')}/{reference.get('name')}")

    def _size_of(self, handle: str) -> int:
        for volume in self.client.list(PersistentVolume).items:
            if volume.spec.csi is not None and volume.spec.csi.volume_handle == handle:
                return capacity(volume)
        return 0

    # Objects

    def _with_finalizers(self, obj: Any, finalizers: tuple[str, ...]) -> Any:
        metadata = attrs.evolve(obj.metadata, finalizers=finalizers)
        return self.client.update(attrs.evolve(obj, metadata=metadata))

    def _write_state(self, obj: Any, state: Any) -> Any:
        extra = obj.extra.with_items({"status": freeze(dict(state))})
        return self.client.update_status(attrs.evolve(obj, extra=extra))

    def _watch_kinds(self) -> None:
        scheme = self.client.server.scheme
        for cls in KINDS:
            if scheme.class_for(cls.API_VERSION, cls.KIND) is None:
                self._informers.pop(cls, None)
            elif cls not in self._informers:
                informer = self._informers[cls] = self.informers.informer(cls)
                informer.add_handler(self._on_snapshot if cls is KINDS[0] else self._on_content)

    def _on_snapshot(self, key: str, _old: Any, _new: Any) -> None:
        self.queue.add(f"snapshot/{key}")

    def _on_content(self, key: str, _old: Any, _new: Any) -> None:
        self.queue.add(f"content/{key}")


def make_content(found: Any, volume: PersistentVolume, chosen: Any) -> Any:
    """The content of a snapshot of *volume* by the class *chosen*."""
    csi = volume.spec.csi
    assert csi is not None
    meta = found.metadata
    spec = {
        "deletionPolicy": chosen.extra.get("deletionPolicy", "Delete"),
        "driver": csi.driver,
        "source": {"volumeHandle": csi.volume_handle},
        "sourceVolumeMode": mode_of(volume),
        "volumeSnapshotClassName": chosen.metadata.name,
        "volumeSnapshotRef": {
            "apiVersion": snapshot.VERSION,
            "kind": "VolumeSnapshot",
            "name": meta.name,
            "namespace": meta.namespace,
            "uid": meta.uid,
            "resourceVersion": meta.resource_version,
        },
    }
    name = f"snapcontent-{meta.uid}"
    cls: Any = snapshot.VolumeSnapshotContent
    return cls(
        metadata=ObjectMeta(name=name, finalizers=(CONTENT_BOUND,)),
        extra=FrozenDict({"spec": freeze(spec)}),
    )
