"""The verbs of the API server as clients call them, so that clients can be built without one.

`engine.apiserver.server.ApiServer` implements and documents them.
"""

from collections.abc import Callable
from typing import Protocol, TypeVar

from engine.api.autoscaling import Scale
from engine.api.core import ServiceAccount
from engine.api.meta import ApiObject
from engine.api.scheme import Resource, Scheme
from engine.apiserver.auditor import Auditor
from engine.apiserver.authentication.service_accounts import IssuedToken, TokenSpec
from engine.apiserver.authorization.access import Access
from engine.apiserver.request import (
    DeleteOptions,
    ObjectList,
    PatchBody,
    RequestInfo,
    WatchEvent,
)

T = TypeVar("T", bound=ApiObject)


class WatchHandle(Protocol):
    """A running watch."""

    def cancel(self) -> None:
        """Deliver nothing more."""
        ...


class Server(Protocol):
    """What a client uses of the API server."""

    auditor: Auditor | None

    def resource_of(self, cls: type[ApiObject]) -> Resource: ...
    def check(self, access: Access) -> None: ...
    @property
    def scheme(self) -> Scheme:
        """The resources that are served, custom ones too."""
        ...

    def create(self, obj: T, *, request: RequestInfo, dry_run: bool = False) -> T: ...
    def get(
        self,
        cls: type[T],
        name: str,
        *,
        namespace: str = "",
        revision: int = 0,
        request: RequestInfo,
    ) -> T: ...
    def list(
        self,
        cls: type[T],
        *,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        request: RequestInfo,
    ) -> ObjectList[T]: ...
    def update(
        self, obj: T, *, subresource: str = "", request: RequestInfo, dry_run: bool = False
    ) -> T: ...
    def patch(
        self,
        cls: type[T],
        name: str,
        *,
        namespace: str = "",
        patch: PatchBody,
        subresource: str = "",
        request: RequestInfo,
        dry_run: bool = False,
    ) -> T: ...
    def delete(
        self,
        cls: type[T],
        name: str,
        *,
        namespace: str = "",
        options: DeleteOptions = ...,
        request: RequestInfo,
        dry_run: bool = False,
    ) -> T | None: ...
    def bind(
        self, pod_name: str, *, namespace: str, node_name: str, request: RequestInfo
    ) -> None: ...
    def evict(
        self, pod_name: str, *, namespace: str, options: DeleteOptions, request: RequestInfo
    ) -> None: ...
    def get_scale(
        self, cls: type[ApiObject], name: str, *, namespace: str, request: RequestInfo
    ) -> Scale: ...
    def update_scale(
        self, cls: type[ApiObject], scale: Scale, *, request: RequestInfo
    ) -> Scale: ...
    def create_token(
        self, name: str, *, namespace: str, spec: TokenSpec, request: RequestInfo
    ) -> IssuedToken: ...
    def create_legacy_token(
        self, account: ServiceAccount, secret_name: str, *, request: RequestInfo
    ) -> str: ...
    def watch(
        self,
        cls: type[ApiObject],
        *,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        resource_version: str = "",
        bookmarks: bool = False,
        deliver: Callable[[WatchEvent], None],
        request: RequestInfo,
    ) -> WatchHandle: ...
