"""Tokens for pods: one each, and a new one in time."""

import attrs

from engine.api.meta import ObjectMeta
from engine.api.pod import Pod
from engine.apiserver.errors import UnavailableError
from engine.kernel.loop import Loop
from engine.kubelet.volumes.tokens import PodToken, TokenManager

POD = Pod(metadata=ObjectMeta(name="web", namespace="default", uid="uid-1"))


@attrs.define(eq=False)
class Issuing:
    """An issuer that counts, and a manager that asks it."""

    loop: Loop = attrs.field(factory=lambda: Loop(now=1000.0))
    count: int = 0
    is_away: bool = False
    renewed: list[str] = attrs.field(factory=list)
    tokens: TokenManager = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.tokens = TokenManager(self.loop, self.issue, self.renewed.append)

    def issue(self, pod: Pod, audience: str, seconds: int) -> PodToken:
        """The next token."""
        if self.is_away:
            raise UnavailableError("away")
        self.count += 1
        now = self.loop.now
        return PodToken(
            data=f"{audience}-{self.count}".encode(), issued_at=now, expires_at=now + seconds
        )


def test_a_token_is_asked_for_once() -> None:
    """As long as it is fresh the same token is given; another audience has another one."""
    issuing = Issuing()

    first = [issuing.tokens.token(POD, "api", 3600) for _ in range(3)]
    other = issuing.tokens.token(POD, "vault", 3600)

    assert first == [b"api-1"] * 3
    assert other == b"vault-2"


def test_a_token_is_renewed_at_80_percent_of_its_life() -> None:
    """The pod is looked at again then, and gets a new token."""
    issuing = Issuing()
    issuing.tokens.token(POD, "api", 1000)

    issuing.loop.run_for(799.0)
    assert issuing.renewed == []
    issuing.loop.run_for(1.0)

    assert issuing.renewed == ["uid-1"]
    assert issuing.tokens.token(POD, "api", 1000) == b"api-2"


def test_an_old_token_serves_while_no_new_one_is_to_be_had() -> None:
    """A server that is away for a while costs nothing as long as the token is valid."""
    issuing = Issuing()
    issuing.tokens.token(POD, "api", 1000)
    issuing.is_away = True
    issuing.loop.run_for(850.0)

    assert issuing.tokens.token(POD, "api", 1000) == b"api-1"
    issuing.loop.run_for(20.0)
    assert len(issuing.renewed) > 1
