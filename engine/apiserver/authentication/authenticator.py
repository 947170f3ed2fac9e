"""Who a request comes from: a client certificate, a bearer token, or nobody known.

Source: k8s.io/apiserver authentication/request (x509, bearertoken, anonymous), kubernetes v1.34.
"""

import attrs

from engine.apiserver.authentication.jwt import BadTokenError
from engine.apiserver.authentication.service_accounts import ServiceAccountTokens
from engine.apiserver.authentication.user import NOBODY, UserInfo, with_authenticated
from engine.apiserver.errors import UnauthorizedError


@attrs.frozen(eq=False)
class Authenticator:
    """Believes certificates that TLS has checked, and tokens that we have issued.

    *nobody* is who comes without either.
    """

    tokens: ServiceAccountTokens
    nobody: UserInfo = NOBODY

    def authenticate(self, *, certificate: UserInfo | None, authorization: str) -> UserInfo:
        """The user, from the client certificate or the Authorization header.

        Raises:
            UnauthorizedError: a token was given that is not believed.
        """
        if certificate is not None:
            return with_authenticated(certificate)
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            return self.nobody
        try:
            user, _ = self.tokens.authenticate(token)
        except BadTokenError as error:
            raise UnauthorizedError("Unauthorized") from error
        return with_authenticated(user)
