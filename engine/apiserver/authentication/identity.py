"""What a cluster signs with: its certificate authority and its key for ServiceAccount tokens."""

import attrs

from engine.apiserver.authentication.certificates import Authority, derive_key, make_authority
from engine.apiserver.authentication.jwt import TokenSigner
from engine.kernel.rng import RandomStreams


@attrs.frozen(eq=False, repr=False)
class Identity:
    """Both, made together and kept together. Its repr shows no key."""

    authority: Authority
    signer: TokenSigner

    @property
    def ca(self) -> str:
        """The certificate that clients check the API server with, as text (PEM)."""
        return self.authority.pem


def derived_identity(random: RandomStreams, now: float) -> Identity:
    """What a cluster signs with that nobody outside the process meets: repeatable, not secret."""
    stream = random["apiserver/identity"]
    authority = make_authority(
        derive_key(stream.getrandbits(256)), now=now, serial=stream.getrandbits(64)
    )
    return Identity(authority, TokenSigner(derive_key(stream.getrandbits(256))))
