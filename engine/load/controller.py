"""Starts and ends the traffic that Load objects ask for, and keeps their status current.

It knows nothing about how requests are sent: that is a `Traffic`, modelled or real.
"""

from collections.abc import Callable
from math import inf
from typing import Any, Protocol

import attrs

from engine.api.frozen import freeze
from engine.api.load import Load
from engine.apiserver.errors import ApiError, NotFoundError
from engine.client.client import Client
from engine.client.informer import InformerFactory
from engine.errors import ConfigError
from engine.kernel.loop import Loop, Timer
from engine.load.profile import Profile

REPORT_SECONDS = 1.0


class Traffic(Protocol):
    """Requests under way for one Load."""

    def status(self) -> dict[str, Any]:
        """How it stands, as `LoadStats.as_status` gives it."""
        ...

    def stop(self) -> None:
        """Send nothing more."""
        ...


Begin = Callable[[Load, Profile], Traffic]


def profile_of(load: Load) -> Profile:
    """The pattern that *load* asks for.

    Raises:
        ConfigError: it cannot be.
    """
    spec = load.spec
    if not spec.service:
        raise ConfigError("spec.service is required: the service to send requests to")
    if not 1 <= spec.concurrency <= 10_000:
        msg = f"spec.concurrency must be from 1 to 10000, not {spec.concurrency}"
        raise ConfigError(msg)
    return Profile(
        pattern=spec.pattern,
        rate=spec.rate,
        peak=spec.peak,
        period=spec.period_seconds,
        duration=inf if spec.duration_seconds is None else spec.duration_seconds,
    )


@attrs.define(eq=False, repr=False)
class LoadController:
    """One `Traffic` per Load.

    Promises: a Load is started once; it ends at its time or when the object goes; the last status
    stays. A Load that was running when Kubarium ended is over.
    """

    loop: Loop
    client: Client
    informers: InformerFactory
    begin: Begin
    _running: dict[str, tuple[Load, Traffic]] = attrs.field(factory=dict, init=False)
    _timer: Timer | None = attrs.field(default=None, init=False)

    def start(self) -> None:
        """Act on Loads from now on."""
        self.informers.informer(Load).add_handler(self._on_change)
        self.informers.start()

    def stop(self) -> None:
        """End all traffic."""
        if self._timer is not None:
            self._timer.cancel()
        for _, traffic in self._running.values():
            traffic.stop()
        self._running.clear()
        self.informers.stop()

    def _on_change(self, _key: str, old: Load | None, new: Load | None) -> None:
        if new is None:
            found = self._running.pop(old.metadata.uid, None) if old is not None else None
            if found is not None:
                found[1].stop()
        elif not new.status.get("phase"):
            self.loop.call_soon(self._begin, new)
        elif new.status.get("phase") == "Running" and new.metadata.uid not in self._running:
            over = {"phase": "Done", "message": "Kubarium was restarted"}
            self.loop.call_soon(self._write, new, dict(new.status) | over)

    def _begin(self, load: Load) -> None:
        if load.metadata.uid in self._running:
            return
        try:
            traffic = self.begin(load, profile_of(load))
        except ConfigError as error:
            self._write(load, {"phase": "Failed", "message": str(error)})
            return
        self._running[load.metadata.uid] = (load, traffic)
        self._write(load, traffic.status())
        if self._timer is None or not self._timer.is_pending:
            self._timer = self.loop.call_later(REPORT_SECONDS, self._report)

    def _report(self) -> None:
        for uid, (load, traffic) in tuple(self._running.items()):
            status = traffic.status()
            self._write(load, status)
            if status["phase"] != "Running":
                del self._running[uid]
        if self._running:
            self._timer = self.loop.call_later(REPORT_SECONDS, self._report)

    def _write(self, load: Load, status: dict[str, Any]) -> None:
        meta = load.metadata
        try:
            current = self.client.get(Load, meta.name, namespace=meta.namespace)
            self.client.update_status(attrs.evolve(current, status=freeze(status)))
        except NotFoundError:
            return
        except ApiError:
            # The next second brings a newer one.
            return
