"""Tokens of service accounts for pods: asked for once, asked for again before they run out.

Source: kubelet token/token_manager.go, kubernetes v1.34.
"""

from collections.abc import Callable
from typing import Protocol

import attrs

from engine.api.pod import Pod
from engine.apiserver.errors import ApiError
from engine.client.client import Client
from engine.kernel.loop import Loop, Timer
from engine.kubelet.config_source import MissingConfigError

REFRESH_AT = 0.8  # of a token's life
MAX_AGE_SECONDS = 24 * 3600.0
RETRY_SECONDS = 10.0


@attrs.frozen(kw_only=True)
class PodToken:
    """A token as it stands in a file, when it was issued and when it runs out, in epoch seconds."""

    data: bytes
    issued_at: float
    expires_at: float

    @property
    def refresh_at(self) -> float:
        """When to ask for the next one."""
        life = self.expires_at - self.issued_at
        return self.issued_at + min(life * REFRESH_AT, MAX_AGE_SECONDS)


class Issuer(Protocol):
    """Who issues tokens."""

    def __call__(self, pod: Pod, audience: str, seconds: int) -> PodToken:
        """A token for the pod's account, bound to the pod; ApiError if it is refused."""
        ...


def issuer(client: Client) -> Issuer:
    """Who asks the API server for tokens, by *client*."""

    def issue(pod: Pod, audience: str, seconds: int) -> PodToken:
        issued = client.create_token(
            pod.spec.service_account_name or "default",
            namespace=pod.metadata.namespace,
            audiences=(audience,) if audience else (),
            expiration_seconds=seconds,
            pod=pod,
        )
        return PodToken(
            data=issued.token.encode(),
            issued_at=issued.expires - seconds,
            expires_at=issued.expires,
        )

    return issue


Key = tuple[str, str, int]
"""Uid of the pod, audience, seconds of life."""


@attrs.define(eq=False)
class TokenManager:
    """Keeps one token for each pod, audience and length of life.

    *renew* is called with the uid of a pod whose token has reached 80 % of its life: by the node's
    clock, which is *skew* ahead. By a clock that is far ahead every token is too old.
    """

    loop: Loop
    issue: Issuer
    renew: Callable[[str], None]
    skew: Callable[[], float] = float
    _tokens: dict[Key, PodToken] = attrs.field(factory=dict, init=False)
    _timers: dict[Key, Timer] = attrs.field(factory=dict, init=False)

    def token(self, pod: Pod, audience: str, seconds: int) -> bytes:
        """A token that is not due for renewal; an old one as long as no new one is to be had.

        Raises:
            MissingConfigError: there is none, and none is issued.
        """
        key = (pod.metadata.uid, audience, seconds)
        known = self._tokens.get(key)
        now = self.loop.now + self.skew()
        if known is not None and now < known.refresh_at:
            return known.data
        try:
            fresh = self.issue(pod, audience, seconds)
        except ApiError as error:
            self._again(key, now + RETRY_SECONDS)
            if known is not None and now < known.expires_at:
                return known.data
            raise MissingConfigError(f"failed to fetch token: {error}") from error
        self._tokens[key] = fresh
        self._again(key, fresh.refresh_at)
        return fresh.data

    def forget(self, uid: str) -> None:
        """That pod needs no tokens any more."""
        for key in [key for key in self._tokens if key[0] == uid]:
            del self._tokens[key]
        for key in [key for key in self._timers if key[0] == uid]:
            self._timers.pop(key).cancel()

    def stop(self) -> None:
        """Renew nothing any more."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._tokens.clear()

    def _again(self, key: Key, when: float) -> None:
        timer = self._timers.get(key)
        if timer is not None:
            timer.cancel()
        now = self.loop.now
        at = when - self.skew()
        self._timers[key] = self.loop.call_at(
            at if at > now else now + RETRY_SECONDS, self.renew, key[0]
        )
