"""Gives every namespace its default ServiceAccount.

Source: serviceaccounts_controller.go, kubernetes v1.34.
"""

import attrs

from engine.api.core import Namespace, ServiceAccount
from engine.api.meta import ObjectMeta
from engine.apiserver.errors import AlreadyExistsError, ApiError
from engine.client.client import Client
from engine.client.informer import Informer, InformerFactory
from engine.client.recorder import EventRecorder
from engine.client.workqueue import Result, WorkQueue
from engine.controllers.pod_control import is_namespace_terminating
from engine.kernel.loop import Loop

DEFAULT = "default"


@attrs.define(eq=False)
class ServiceAccountController:
    """Creates the account ``default`` wherever it is missing."""

    loop: Loop
    client: Client
    informers: InformerFactory
    recorder: EventRecorder
    queue: WorkQueue = attrs.field(init=False)
    _namespaces: Informer[Namespace] = attrs.field(init=False)
    _accounts: Informer[ServiceAccount] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.queue = WorkQueue(self.loop, self.reconcile, name="service-account")
        self.queue.pause()
        self._namespaces = self.informers.informer(Namespace)
        self._accounts = self.informers.informer(ServiceAccount)
        self._namespaces.add_handler(lambda key, _old, _new: self.queue.add(key))
        self._accounts.add_handler(self._on_account)

    def start(self) -> None:
        """Begin to reconcile."""
        self.queue.resume()

    def stop(self) -> None:
        """Reconcile nothing until started again."""
        self.queue.pause()

    def reconcile(self, key: str) -> Result | None:
        """Create the namespace's default account if it has none."""
        namespace = self._namespaces.lister.by_key(key)
        if namespace is None or namespace.status.phase == "Terminating":
            return None
        if self._accounts.lister.get(DEFAULT, namespace=key) is not None:
            return None
        try:
            self.client.create(ServiceAccount(metadata=ObjectMeta(name=DEFAULT, namespace=key)))
        except AlreadyExistsError:
            return None
        except ApiError as error:
            if not is_namespace_terminating(error):
                raise
        return None

    def _on_account(
        self, _key: str, old: ServiceAccount | None, new: ServiceAccount | None
    ) -> None:
        if new is None and old is not None and old.metadata.name == DEFAULT:
            self.queue.add(old.metadata.namespace)
