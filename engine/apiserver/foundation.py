"""What every verb of the API server stands on: its parts, its clock, whether it is up."""

from collections.abc import Callable
from typing import Any

import attrs

from engine.api.meta import ApiObject
from engine.api.scheme import SCHEME, Resource, Scheme
from engine.api.wire import Time
from engine.apiserver.admission.pod_security.settings import PodSecuritySettings
from engine.apiserver.auditor import Auditor
from engine.apiserver.authentication.identity import Identity, derived_identity
from engine.apiserver.authentication.service_accounts import (
    ServiceAccountTokens,
)
from engine.apiserver.authorization.access import Access
from engine.apiserver.authorization.authorizer import Authorizer
from engine.apiserver.computed import Computed
from engine.apiserver.customresources.registry import CustomResources
from engine.apiserver.errors import ApiError, NotFoundError, UnavailableError
from engine.apiserver.reviews import Reviews
from engine.apiserver.storage import ObjectStorage
from engine.apiserver.watch import WatchHandle
from engine.kernel.loop import Loop
from engine.kernel.rng import RandomStreams, Stream
from engine.store.watchable_store import Store


@attrs.define(eq=False, repr=False)
class Foundation:
    """The parts of an API server and what strategies may look at.

    Promises:
        * while it is not *is_up*, every verb raises UnavailableError and changes nothing.
    """

    loop: Loop
    store: Store[Any]
    random: RandomStreams
    scheme: Scheme = attrs.field(factory=SCHEME.copy)
    service_cidr: str = "10.96.0.0/16"
    cluster_domain: str = "cluster.local"
    is_up: bool = True
    latency: float = attrs.field(default=0.0, init=False)
    """Seconds by which answers over HTTP come late; a fault sets it."""
    clock_offset: float = attrs.field(default=0.0, init=False)
    """Seconds by which its clock is ahead of everybody's."""
    refusals: dict[str, Callable[[str], ApiError | None]] = attrs.field(factory=dict, init=False)
    """What refuses requests on purpose: asked with the user's name, before anything else."""
    auditor: Auditor | None = attrs.field(default=None, init=False)
    """Who takes note of what the cluster's own parts ask for; None while nobody does."""
    identity: Identity = attrs.field(kw_only=True)
    has_authorization: bool = attrs.field(default=False, kw_only=True)
    pod_security: PodSecuritySettings = attrs.field(default=PodSecuritySettings(), kw_only=True)
    authorizer: Authorizer | None = attrs.field(default=None, init=False)
    reviews: Reviews = attrs.field(init=False)
    computed: dict[type[ApiObject], Computed] = attrs.field(factory=dict, init=False)
    storage: ObjectStorage = attrs.field(init=False)
    tokens: ServiceAccountTokens = attrs.field(init=False)
    custom_resources: CustomResources = attrs.field(init=False)
    _watches: dict[int, WatchHandle] = attrs.field(factory=dict, init=False)

    @identity.default
    def _derived_identity(self) -> Identity:
        return derived_identity(self.random, self.loop.now)

    def __attrs_post_init__(self) -> None:
        self.storage = ObjectStorage(self.store)
        self.tokens = ServiceAccountTokens(
            self.storage,
            self.identity.signer,
            self.loop,
            f"https://kubernetes.default.svc.{self.cluster_domain}",
        )
        if self.has_authorization:
            self.authorizer = Authorizer(self.storage)
        self.reviews = Reviews(self.tokens, self.authorizer)
        self.custom_resources = CustomResources(self.store, self.scheme, self._end_watches)

    # --- what strategies may look at ---

    @property
    def now(self) -> Time:
        """The time in whole seconds: objects carry no finer one."""
        return Time(int(self.loop.now + self.clock_offset))

    def stream(self, name: str) -> Stream:
        """The random stream *name*."""
        return self.random[name]

    # --- availability ---

    def set_up(self, *, is_up: bool) -> None:
        """Answer requests, or refuse them all and end every watch."""
        self.is_up = is_up
        if not is_up:
            handles, self._watches = list(self._watches.values()), {}
            for handle in handles:
                handle.fail(UnavailableError("the API server is down"))

    @property
    def watching(self) -> list[str]:
        """The names of those who watch something."""
        handles = self._watches.values()
        return sorted({handle.watcher.name for handle in handles if handle.watcher is not None})

    def drop_watches(self, name: str = "") -> int:
        """End the watches of the component *name*, or all; how many there were."""
        handles = [
            handle
            for handle in self._watches.values()
            if not name or (handle.watcher is not None and handle.watcher.name == name)
        ]
        for handle in handles:
            handle.fail(UnavailableError("the connection was lost"))
        return len(handles)

    def _end_watches(self, cls: type[ApiObject]) -> None:
        """End the watches on a kind that is served no more."""
        for handle in tuple(self._watches.values()):
            if handle.cls is cls:
                handle.end()

    def resource_of(self, cls: type[ApiObject]) -> Resource:
        """The resource of *cls*.

        Raises:
            NotFoundError: it is not served.
            UnavailableError: the server is down.
        """
        if not self.is_up:
            raise UnavailableError("the API server is down", retryAfterSeconds=1)
        try:
            return self.scheme.resource_of(cls)
        except KeyError as error:
            raise NotFoundError("the server could not find the requested resource") from error

    # --- who may do what ---

    def check(self, access: Access) -> None:
        """Return if *access* is allowed; every request is checked before its verb is called.

        Raises:
            ForbiddenError: it is not.
            ApiError: a fault refuses it.
        """
        for refuse in tuple(self.refusals.values()):
            error = refuse(access.user)
            if error is not None:
                raise error
        if self.authorizer is not None:
            self.authorizer.check(access)
