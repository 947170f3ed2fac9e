"""Who may approve and sign certificates of which signer.

Source: plugin/pkg/admission/certificates/{approval,signing}, kubernetes v1.34.
"""

import attrs

from engine.api.certificates import CertificateSigningRequest
from engine.apiserver.authorization.access import Access
from engine.apiserver.authorization.authorizer import Authorizer
from engine.apiserver.errors import ForbiddenError
from engine.apiserver.request import RequestInfo

_GROUP = "certificates.k8s.io"
_PLURAL = "certificatesigningrequests"


@attrs.frozen(eq=False)
class SignerGuard:
    """Looks at decisions and certificates that somebody writes into a signing request."""

    authorizer: Authorizer

    def check(
        self,
        new: CertificateSigningRequest,
        old: CertificateSigningRequest,
        subresource: str,
        request: RequestInfo,
    ) -> None:
        """Return if who writes may do that for the request's signer.

        Raises:
            ForbiddenError: he may not.
        """
        if subresource == "approval":
            verb = "approve"
        elif subresource == "status" and new.status.certificate != old.status.certificate:
            verb = "sign"
        else:
            return
        signer = old.spec.signer_name
        domain, _, _ = signer.partition("/")
        for name in (signer, f"{domain}/*"):
            access = Access(request.user, request.groups, verb, _GROUP, "signers", "", "", name)
            if self.authorizer.decide(access).is_allowed:
                return
        raise ForbiddenError(
            f'{_PLURAL}.{_GROUP} "{old.metadata.name}" is forbidden: user not permitted to {verb} '
            f'requests with signerName "{signer}"',
            name=old.metadata.name,
            group=_GROUP,
            kind=_PLURAL,
        )
