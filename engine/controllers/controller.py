"""What every controller is to the manager that starts it."""

from collections.abc import Callable
from typing import ClassVar, Protocol

import attrs

from engine.client.client import Client
from engine.client.informer import InformerFactory
from engine.client.recorder import EventRecorder
from engine.client.workqueue import Result, WorkQueue
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


@attrs.define(eq=False)
class QueueController:
    """A controller that works off the keys of one queue, named *QUEUE*.

    What extends it asks for its informers, and adds its handlers, after this has made the queue.
    """

    QUEUE: ClassVar[str]

    loop: Loop
    client: Client
    informers: InformerFactory
    recorder: EventRecorder
    queue: WorkQueue = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.queue = WorkQueue(self.loop, self.reconcile, name=self.QUEUE)
        self.queue.pause()

    def start(self) -> None:
        """Begin to reconcile."""
        self.queue.resume()

    def stop(self) -> None:
        """Reconcile nothing until started again."""
        self.queue.pause()

    def reconcile(self, key: str) -> Result | None:
        """Look at one object, and bring the world closer to what it asks for.

        Raises:
            ApiError: it is to be tried again.
        """
        raise NotImplementedError

    def enqueue(self, key: str, _old: object, _new: object) -> None:
        """The handler of an informer whose keys are the queue's."""
        self.queue.add(key)
