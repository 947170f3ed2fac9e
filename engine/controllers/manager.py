"""The controller manager: one set of caches, one identity per controller.

Source: kube-controller-manager, kubernetes v1.34.
"""

from collections.abc import Iterator, Mapping

import attrs

from engine.client.client import Client
from engine.client.informer import InformerFactory
from engine.client.link import Link
from engine.client.recorder import EventRecorder
from engine.client.server import Server
from engine.controllers.controller import Controller, ControllerFactory
from engine.controllers.registry import CONTROLLERS, EVENT_SOURCES
from engine.kernel.loop import Loop, Timer
from engine.kernel.rng import RandomStreams

SYNC_PERIOD = 0.1
"""Seconds between looks at whether the caches hold the whole state."""


@attrs.define(eq=False, repr=False)
class ControllerManager:
    """Builds every controller of the registry and starts them once the caches are complete.

    All of them share *link*: cutting it cuts them all off.
    """

    loop: Loop
    server: Server
    link: Link
    random: RandomStreams
    registry: Mapping[str, ControllerFactory] = attrs.field(factory=lambda: CONTROLLERS)
    informers: InformerFactory = attrs.field(init=False)
    _controllers: dict[str, Controller] = attrs.field(factory=dict, init=False)
    _stopped: dict[str, None] = attrs.field(factory=dict, init=False)
    _waiting: Timer | None = attrs.field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self.informers = InformerFactory(
            Client(
                self.server,
                self.link,
                user="system:kube-controller-manager",
                actor="kube-controller-manager",
            )
        )
        for name, factory in self.registry.items():
            client = Client(
                self.server,
                self.link,
                user=f"system:serviceaccount:kube-system:{name}",
                groups=(
                    "system:serviceaccounts",
                    "system:serviceaccounts:kube-system",
                    "system:authenticated",
                ),
                actor=name,
            )
            source = EVENT_SOURCES.get(name, name)
            recorder = EventRecorder(client, source, self.random[f"events/{name}"])
            self._controllers[name] = factory(self.loop, client, self.informers, recorder)

    def start(self) -> None:
        """Fill the caches, then start all controllers that were not stopped by name."""
        self.informers.start()
        self._start_when_synced()

    def stop(self) -> None:
        """Stop all controllers and leave the caches as they are."""
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        for controller in self._controllers.values():
            controller.stop()
        self.informers.stop()

    def stop_controller(self, name: str) -> None:
        """Stop one controller.

        Raises:
            KeyError: there is none of that name.
        """
        self._controllers[name].stop()
        self._stopped[name] = None

    def start_controller(self, name: str) -> None:
        """Start one controller that was stopped.

        Raises:
            KeyError: there is none of that name.
        """
        controller = self._controllers[name]
        self._stopped.pop(name, None)
        if self._waiting is None:
            controller.start()

    def is_stopped(self, name: str) -> bool:
        """Whether the controller was stopped by name."""
        return name in self._stopped

    def __getitem__(self, name: str) -> Controller:
        return self._controllers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._controllers)

    def _start_when_synced(self) -> None:
        self._waiting = None
        if not self.informers.has_synced:
            self._waiting = self.loop.call_later(SYNC_PERIOD, self._start_when_synced)
            return
        for name, controller in self._controllers.items():
            if name not in self._stopped:
                controller.start()
