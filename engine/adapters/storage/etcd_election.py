"""Who may write: leadership held by a lease in etcd."""

import threading
from collections.abc import Callable
from typing import Any

import attrs

from engine.adapters.storage.etcd_gateway import (
    EtcdAddress,
    EtcdGateway,
    EtcdRefusedError,
    EtcdUnavailableError,
    b64,
    unb64,
)


@attrs.define(eq=False)
class Election:
    """A place that one candidate at a time can hold, named by *key*.

    The holder's key exists as long as its lease, which a thread keeps alive. Whoever writes adds
    `fence` to its transaction: etcd then refuses it if the place has changed hands, however late
    the former holder notices.
    """

    address: EtcdAddress
    key: bytes
    identity: str
    ttl: int = 10
    on_lost: Callable[[], object] = attrs.field(default=bool)
    _lease: int = attrs.field(default=0, init=False)
    created: int = attrs.field(default=0, init=False)
    _stop: threading.Event = attrs.field(factory=threading.Event, init=False)
    _thread: threading.Thread | None = attrs.field(default=None, init=False)

    def try_acquire(self) -> str | None:
        """Take the place if it is free; None if it is ours now, else who holds it.

        Raises:
            EtcdUnavailableError: etcd does not answer.
            EtcdRefusedError: etcd does not let us in.
        """
        gateway = EtcdGateway(self.address)
        try:
            # A lease that was granted long ago would end soon after the place is won.
            if self._lease and not self._renew(gateway):
                self._lease = 0
            if not self._lease:
                granted = gateway.call("/v3/lease/grant", {"TTL": self.ttl})
                self._lease = int(granted["ID"])
            answer = gateway.call("/v3/kv/txn", self._claim())
            if not answer.get("succeeded"):
                holder = answer["responses"][0]["response_range"]["kvs"][0]
                if int(holder.get("lease", 0)) != self._lease:
                    return unb64(holder["value"]).decode()
                # An earlier try succeeded though its answer was lost.
                self.created = int(holder["create_revision"])
            else:
                self.created = int(answer["header"]["revision"])
        finally:
            gateway.close()
        self._thread = threading.Thread(target=self._keep, name="store-leader", daemon=True)
        self._thread.start()
        return None

    def campaign(
        self,
        stop: threading.Event,
        *,
        interval: float = 1.0,
        on_waiting: Callable[[str], object] = bool,
    ) -> bool:
        """Try until the place is ours, or until *stop* is set (False); blocks.

        *on_waiting* hears why we wait, and again when the reason has changed.

        Raises:
            EtcdRefusedError: etcd does not let us in.
        """
        told = ""
        while not stop.is_set():
            try:
                holder = self.try_acquire()
            except EtcdUnavailableError as error:
                reason = str(error)
            else:
                if holder is None:
                    return True
                reason = f"{holder} is the leader"
            if reason != told:
                told = reason
                on_waiting(reason)
            stop.wait(interval)
        return False

    def fence(self) -> dict[str, Any]:
        """The comparison that holds only while the place is ours."""
        return {
            "key": b64(self.key),
            "target": "CREATE",
            "result": "EQUAL",
            "create_revision": self.created,
        }

    def resign(self) -> None:
        """Give the place up at once, so that nobody waits for the lease to end.

        Resigning twice is allowed.
        """
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._lease:
            gateway = EtcdGateway(self.address)
            try:
                gateway.call("/v3/lease/revoke", {"ID": self._lease})
            except (EtcdUnavailableError, EtcdRefusedError):
                pass
            finally:
                gateway.close()
            self._lease = 0

    def _renew(self, gateway: EtcdGateway) -> bool:
        """Let the lease live its whole time again; False if it has ended."""
        answer = gateway.call("/v3/lease/keepalive", {"ID": self._lease})
        return int(answer.get("result", {}).get("TTL", 0)) > 0

    def _claim(self) -> dict[str, Any]:
        key = b64(self.key)
        put = {"key": key, "value": b64(self.identity.encode()), "lease": self._lease}
        free = {"key": key, "target": "CREATE", "result": "EQUAL", "create_revision": 0}
        return {
            "compare": [free],
            "success": [{"request_put": put}],
            "failure": [{"request_range": {"key": key}}],
        }

    def _keep(self) -> None:
        gateway = EtcdGateway(self.address)
        try:
            while not self._stop.wait(self.ttl / 3):
                try:
                    is_ours = self._renew(gateway)
                except (EtcdUnavailableError, EtcdRefusedError):
                    # The fence decides; as long as etcd is away nobody else gets the place either.
                    continue
                if not is_ours:
                    self.on_lost()
                    return
        finally:
            gateway.close()
