"""Gives every namespace the certificate that pods check the API server with: kube-root-ca.crt.

Source: pkg/controller/certificates/rootcacertpublisher, kubernetes v1.34.
"""

from typing import ClassVar

import attrs

from engine.api.core import ConfigMap, Namespace
from engine.api.frozen import FrozenDict
from engine.api.meta import ObjectMeta
from engine.apiserver.errors import AlreadyExistsError, ApiError, NotFoundError
from engine.client.informer import Informer
from engine.client.workqueue import Result
from engine.controllers.controller import QueueController
from engine.controllers.pod_control import is_namespace_terminating

CONFIG_MAP = "kube-root-ca.crt"
KEY = "ca.crt"
AUTHORITY_KEY = "kube-system/extension-apiserver-authentication"
"""The config map that says which authority the cluster has."""

_DESCRIPTION = FrozenDict(
    {
        "kubernetes.io/description": "Contains a CA bundle that can be used to verify the "
        "kube-apiserver when using internal endpoints such as the internal service IP or "
        "kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes "
        "clusters."
    }
)


@attrs.define(eq=False)
class RootCaPublisher(QueueController):
    """Creates the config map where it is missing, and mends it where somebody changed it."""

    QUEUE: ClassVar[str] = "root-ca-cert-publisher"

    _namespaces: Informer[Namespace] = attrs.field(init=False)
    _config_maps: Informer[ConfigMap] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._namespaces = self.informers.informer(Namespace)
        self._config_maps = self.informers.informer(ConfigMap)
        self._namespaces.add_handler(self.enqueue)
        self._config_maps.add_handler(self._on_config_map)

    def reconcile(self, key: str) -> Result | None:
        """Let the namespace have the config map as it should be."""
        namespace = self._namespaces.lister.by_key(key)
        authority = self._config_maps.lister.by_key(AUTHORITY_KEY)
        if namespace is None or namespace.status.phase == "Terminating" or authority is None:
            return None
        data = FrozenDict({KEY: authority.data.get("client-ca-file", "")})
        found = self._config_maps.lister.get(CONFIG_MAP, namespace=key)
        if found is not None and found.data == data:
            return None
        try:
            if found is None:
                meta = ObjectMeta(name=CONFIG_MAP, namespace=key, annotations=_DESCRIPTION)
                self.client.create(ConfigMap(metadata=meta, data=data))
            else:
                self.client.update(attrs.evolve(found, data=data))
        except (AlreadyExistsError, NotFoundError):
            return None
        except ApiError as error:
            if not is_namespace_terminating(error):
                raise
        return None

    def _on_config_map(self, key: str, _old: ConfigMap | None, _new: ConfigMap | None) -> None:
        if key == AUTHORITY_KEY:
            for namespace in self._namespaces.lister.list():
                self.queue.add(namespace.key)
            return
        namespace_name, _, name = key.partition("/")
        if name == CONFIG_MAP:
            self.queue.add(namespace_name)
