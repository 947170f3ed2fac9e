"""An operator as kopf's users write them: `kopf run` starts it, a test watches what it does."""

import logging
from typing import Any

import kopf

RESOURCE = ("stable.example.com", "v1", "crontabs")


@kopf.on.startup()
def configure(settings: kopf.OperatorSettings, **_: Any) -> None:
    """Alone, without peers."""
    settings.peering.standalone = True


@kopf.on.create(*RESOURCE)
def created(body: kopf.Body, name: str, patch: kopf.Patch, **_: Any) -> dict[str, str]:
    """Says so in the status and as an event."""
    patch.status["phase"] = "Created"
    kopf.info(body, reason="Made", message=f"made {name}")
    return {"message": f"made {name}"}


@kopf.on.update(*RESOURCE, field="spec.color")
def recoloured(new: str, patch: kopf.Patch, **_: Any) -> None:
    """Follows the field."""
    patch.status["color"] = new


@kopf.timer(*RESOURCE, interval=0.5)
def tick(status: kopf.Status, patch: kopf.Patch, **_: Any) -> None:
    """Counts."""
    patch.status["ticks"] = min(status.get("ticks", 0) + 1, 3)


@kopf.daemon(*RESOURCE)
async def stay(stopped: kopf.DaemonStopped, **_: Any) -> None:
    """Stays as long as the object."""
    while not stopped:
        await stopped.wait(0.1)


@kopf.on.delete(*RESOURCE)
def deleted(name: str, **_: Any) -> None:
    """Is awaited by the finalizer."""
    logging.getLogger("operator").warning("deleted %s", name)
