"""Who asks for a certificate is written by the server.

Source: pkg/registry/certificates/certificates/strategy.go, kubernetes v1.34.
"""

from typing import Any

import attrs

from engine.api.certificates import CertificateSigningRequest
from engine.api.frozen import FrozenDict
from engine.apiserver.admission.attributes import Attributes
from engine.apiserver.storage import ObjectStorage


class CertificateRequester:
    """Writes into a new signing request who asks; nobody can say it for himself."""

    kinds = (CertificateSigningRequest,)

    def admit(self, attributes: Attributes, storage: ObjectStorage) -> Any:
        """The request with the name and groups of its user."""
        del storage
        obj = attributes.obj
        if not attributes.is_creation_of(CertificateSigningRequest):
            return obj
        user = attributes.request
        spec = attrs.evolve(
            obj.spec,
            username=user.user,
            uid=user.uid,
            groups=tuple(user.groups),
            user_extra=FrozenDict(user.extra),
        )
        return attrs.evolve(obj, spec=spec)
