"""Fills Secrets of type kubernetes.io/service-account-token, and removes those of accounts gone.

Source: pkg/controller/serviceaccount/tokens_controller.go, kubernetes v1.34.
"""

import base64
from typing import ClassVar

import attrs

from engine.api.core import ConfigMap, Secret, ServiceAccount
from engine.apiserver.authentication.service_accounts import LEGACY_TYPE
from engine.apiserver.errors import NotFoundError
from engine.client.informer import Informer
from engine.client.workqueue import Result
from engine.controllers.controller import QueueController
from engine.controllers.root_ca_publisher import AUTHORITY_KEY

NAME = "kubernetes.io/service-account.name"
UID = "kubernetes.io/service-account.uid"


@attrs.define(eq=False)
class TokensController(QueueController):
    """Keeps the token, the certificate and the namespace in each such Secret."""

    QUEUE: ClassVar[str] = "tokens"

    _secrets: Informer[Secret] = attrs.field(init=False)
    _accounts: Informer[ServiceAccount] = attrs.field(init=False)
    _config_maps: Informer[ConfigMap] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._secrets = self.informers.informer(Secret)
        self._accounts = self.informers.informer(ServiceAccount)
        self._config_maps = self.informers.informer(ConfigMap)
        self._secrets.add_handler(self._on_secret)
        self._accounts.add_handler(self._on_account)

    def reconcile(self, key: str) -> Result | None:
        """Fill the Secret, or delete it if its account is gone."""
        secret = self._secrets.lister.by_key(key)
        if secret is None or secret.type != LEGACY_TYPE:
            return None
        meta = secret.metadata
        account = self._accounts.lister.get(
            meta.annotations.get(NAME, ""), namespace=meta.namespace
        )
        uid = meta.annotations.get(UID, "")
        if account is None or (uid and uid != account.metadata.uid):
            try:
                self.client.delete(Secret, meta.name, namespace=meta.namespace, uid=meta.uid)
            except NotFoundError:
                return None
            return None
        filled = self._filled(secret, account)
        if filled != secret:
            self.client.update(filled)
        return None

    def _filled(self, secret: Secret, account: ServiceAccount) -> Secret:
        authority = self._config_maps.lister.by_key(AUTHORITY_KEY)
        wanted = {
            "ca.crt": "" if authority is None else authority.data.get("client-ca-file", ""),
            "namespace": secret.metadata.namespace,
        }
        if not secret.data.get("token"):
            wanted["token"] = self.client.create_legacy_token(account, secret.metadata.name)
        annotations = secret.metadata.annotations.with_items({UID: account.metadata.uid})
        return attrs.evolve(
            secret,
            metadata=attrs.evolve(secret.metadata, annotations=annotations),
            data=secret.data.with_items(
                {key: base64.b64encode(text.encode()).decode() for key, text in wanted.items()}
            ),
        )

    def _on_secret(self, key: str, _old: Secret | None, new: Secret | None) -> None:
        if new is not None and new.type == LEGACY_TYPE:
            self.queue.add(key)

    def _on_account(
        self, _key: str, old: ServiceAccount | None, new: ServiceAccount | None
    ) -> None:
        account = new or old
        assert account is not None
        meta = account.metadata
        for secret in self._secrets.lister.list(namespace=meta.namespace):
            if secret.type == LEGACY_TYPE and secret.metadata.annotations.get(NAME) == meta.name:
                self.queue.add(secret.key)
