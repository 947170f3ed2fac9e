"""What every controller is to the manager that starts it."""

from collections.abc import Callable
from typing import Protocol

from engine.client.client import Client
from engine.client.informer import InformerFactory
from engine.client.recorder import EventRecorder
from engine.kernel.loop import Loop


class Controller(Protocol):
    """Brings the world closer to what its objects ask for.

    Building one registers its handlers and indexes on the informers, so keys gather from then on;
    `start` begins to work them off, `stop` leaves them waiting.
    """

    def start(self) -> None:
        """Reconcile what waits and what comes. Called once the caches hold the whole state."""
        ...

    def stop(self) -> None:
        """Reconcile nothing until started again; nothing is forgotten."""
        ...


ControllerFactory = Callable[[Loop, Client, InformerFactory, EventRecorder], Controller]
"""Builds a controller from the collaborators that all of them have."""
