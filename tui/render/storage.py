"""What volumes, claims and their kin show in a table, as kubectl shows it."""

from engine.api.persistent import PersistentVolume, PersistentVolumeClaim
from engine.api.storage import VolumeAttachment
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
