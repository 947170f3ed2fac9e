"""CertificateSubjectRestriction: nobody becomes an administrator by a signing request.

Source: plugin/pkg/admission/certificates/subjectrestriction, kubernetes v1.34.
"""

import base64

from cryptography import x509
from cryptography.x509.oid import NameOID

from engine.api.certificates import CertificateSigningRequest
from engine.apiserver.admission.attributes import Attributes
from engine.apiserver.authentication.user import MASTERS_GROUP
from engine.apiserver.errors import ForbiddenError
from engine.apiserver.storage import ObjectStorage

_SIGNER = "kubernetes.io/kube-apiserver-client"


class CertificateSubjectRestriction:
    """Looks at the organizations that a new request for a client certificate names."""

    kinds = (CertificateSigningRequest,)

    def check(self, attributes: Attributes, storage: ObjectStorage) -> None:
        """Return if the request names none that is reserved.

        Raises:
            ForbiddenError: it names the group of administrators.
        """
        del storage
        obj = attributes.obj
        if attributes.operation != "CREATE" or not isinstance(obj, CertificateSigningRequest):
            return
        if obj.spec.signer_name != _SIGNER:
            return
        request = x509.load_pem_x509_csr(base64.b64decode(obj.spec.request))
        groups = request.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
        if any(group.value == MASTERS_GROUP for group in groups):
            raise ForbiddenError(
                f'{attributes.resource.qualified} "{obj.metadata.name}" is forbidden: use of '
                f"{_SIGNER} signer with {MASTERS_GROUP} group is not allowed",
                name=obj.metadata.name,
                group=attributes.resource.group,
                kind=attributes.resource.plural,
            )

    def settle(self, attributes: Attributes, storage: ObjectStorage) -> None:
        """Nothing is to be noted."""
