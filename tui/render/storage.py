"""What volumes, claims and their kin show in a table, as kubectl shows it."""

from engine.api.persistent import PersistentVolume, PersistentVolumeClaim
from engine.api.storage import VolumeAttachment
from tui.render.column import AGE, col
from tui.render.text import State

Phased = PersistentVolume | PersistentVolumeClaim

SHORT_MODES = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}


def phase(obj: Phased) -> State:
    """The phase; what grows says so."""
    if obj.metadata.deletion_timestamp is not None:
        return State("…", "Terminating", "wait")
    if isinstance(obj, PersistentVolumeClaim):
        growing = [
            one for one in obj.status.conditions if one.type.endswith(("Resizing", "Pending"))
        ]
        if growing:
            return State("◐", growing[0].type, "wait")
    known = {
        "Bound": State("✓", "Bound", "ok"),
        "Available": State("○", "Available", "info"),
        "Released": State("○", "Released", "done"),
        "Failed": State("✗", "Failed", "bad"),
        "Lost": State("✗", "Lost", "bad"),
    }
    return known.get(obj.status.phase, State("…", obj.status.phase or "Pending", "wait"))


def phase_text(obj: Phased) -> str:
    """The phase with its symbol."""
    found = phase(obj)
    return f"{found.symbol} {found.word}"


def access(modes: tuple[str, ...]) -> str:
    """Access modes in kubectl's short form."""
    return ",".join(SHORT_MODES.get(mode, mode) for mode in modes)


def claim_of(volume: PersistentVolume) -> str:
    """Whose volume it is."""
    owner = volume.spec.claim_ref
    return f"{owner.namespace}/{owner.name}" if owner is not None else ""


def attached(attachment: VolumeAttachment) -> State:
    """Whether the volume is on its node, or why not."""
    if attachment.metadata.deletion_timestamp is not None:
        return State("…", "Detaching", "wait")
    if attachment.status.attached:
        return State("✓", "Attached", "ok")
    if attachment.status.attach_error is not None:
        return State("✗", "Failed", "bad")
    return State("…", "Attaching", "wait")


VOLUME = (
    col("STATUS", phase_text, tone=lambda v: phase(v).tone),
    col("CAPACITY", lambda v: v.spec.capacity.get("storage", ""), is_right=True),
    col("ACCESS", lambda v: access(v.spec.access_modes)),
    col("CLAIM", claim_of, tone=lambda _: "info"),
    col("CLASS", lambda v: v.spec.storage_class_name),
    col("RECLAIM", lambda v: v.spec.persistent_volume_reclaim_policy, is_spare=True),
    AGE,
)  # fmt: skip
CLAIM = (
    col("STATUS", phase_text, tone=lambda c: phase(c).tone),
    col("CAPACITY", lambda c: c.status.capacity.get("storage", ""), is_right=True),
    col("ACCESS", lambda c: access(c.status.access_modes or c.spec.access_modes)),
    col("CLASS", lambda c: c.spec.storage_class_name or ""),
    col("VOLUME", lambda c: c.spec.volume_name, tone=lambda _: "dim", is_spare=True),
    AGE,
)  # fmt: skip
CLASS = (
    col("PROVISIONER", lambda c: c.provisioner, tone=lambda _: "info"),
    col("RECLAIM", lambda c: c.reclaim_policy or "Delete"),
    col("BINDING", lambda c: c.volume_binding_mode or "Immediate"),
    col("EXPANSION", lambda c: str(bool(c.allow_volume_expansion)), is_spare=True),
    AGE,
)
ATTACHMENT = (
    col("STATUS", lambda a: " ".join(attached(a)[:2]),
         tone=lambda a: attached(a).tone),
    col("VOLUME", lambda a: a.spec.source.persistent_volume_name or ""),
    col("NODE", lambda a: a.spec.node_name, tone=lambda _: "info"),
    col("ATTACHER", lambda a: a.spec.attacher, is_spare=True),
    AGE,
)  # fmt: skip
