"""ServiceAccount: a pod that names no account gets "default" and its pull secrets.

Source: plugin/pkg/admission/serviceaccount, kubernetes v1.34. Token volumes are not mounted here.
"""

from typing import Any

import attrs

from engine.api.core import ServiceAccount
from engine.api.meta import LocalObjectReference
from engine.api.pod import Pod
from engine.api.scheme import SCHEME
from engine.apiserver.admission.attributes import Attributes
from engine.apiserver.storage import ObjectStorage

_ACCOUNTS = SCHEME.resource_of(ServiceAccount)


class ServiceAccountDefaulting:
    """Fills in the account of a pod."""

    def admit(self, attributes: Attributes, storage: ObjectStorage) -> Any:
        """The pod with an account."""
        pod = attributes.obj
        if not isinstance(pod, Pod) or attributes.operation != "CREATE" or attributes.subresource:
            return pod
        spec = pod.spec
        name = spec.service_account_name or "default"
        if name != spec.service_account_name or "serviceAccount" not in spec.extra:
            extra = spec.extra.with_items({"serviceAccount": name})
            spec = attrs.evolve(spec, service_account_name=name, extra=extra)
        account = storage.find(_ACCOUNTS, pod.metadata.namespace, name)
        if account is not None and account.image_pull_secrets and not spec.image_pull_secrets:
            secrets = tuple(
                LocalObjectReference(name=str(secret.get("name", "")))
                for secret in account.image_pull_secrets
            )
            spec = attrs.evolve(spec, image_pull_secrets=secrets)
        return pod if spec is pod.spec else attrs.evolve(pod, spec=spec)
