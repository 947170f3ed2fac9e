"""Gives every namespace its default ServiceAccount.

Source: serviceaccounts_controller.go, kubernetes v1.34.
"""

from typing import ClassVar

import attrs

from engine.api.core import Namespace, ServiceAccount
from engine.api.meta import ObjectMeta
from engine.apiserver.errors import AlreadyExistsError, ApiError
from engine.client.informer import Informer
from engine.client.workqueue import Result
from engine.controllers.controller import QueueController
from engine.controllers.pod_control import is_namespace_terminating

DEFAULT = "default"


@attrs.define(eq=False)
class ServiceAccountController(QueueController):
    """Creates the account ``default`` wherever it is missing."""

    QUEUE: ClassVar[str] = "service-account"

    _namespaces: Informer[Namespace] = attrs.field(init=False)
    _accounts: Informer[ServiceAccount] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._namespaces = self.informers.informer(Namespace)
        self._accounts = self.informers.informer(ServiceAccount)
        self._namespaces.add_handler(self.enqueue)
        self._accounts.add_handler(self._on_account)

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
