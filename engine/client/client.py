"""A component's typed view of the API server, over its own link and under its own name."""

from collections.abc import Callable
from typing import Any, TypeVar

import attrs

from engine.api.core import ServiceAccount
from engine.api.meta import ApiObject
from engine.api.pod import Pod
from engine.apiserver.authentication.service_accounts import (
    DEFAULT_SECONDS,
    IssuedToken,
    TokenSpec,
)
from engine.apiserver.request import (
    DeleteOptions,
    ObjectList,
    PatchBody,
    Propagation,
    RequestInfo,
    WatchEvent,
)
from engine.client.link import Link
from engine.client.server import Server, WatchHandle

T = TypeVar("T", bound=ApiObject)

PATCH_TYPES = {
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "json": "application/json-patch+json",
    "apply": "application/apply-patch+yaml",
}
"""Media types of the four kinds of patches."""


@attrs.define(eq=False, repr=False)
class Client:
    """Reads and writes API objects.

    Every call may raise ApiError; UnavailableError when the link is cut or the server is down.
    A lost race is ConflictError: the caller does not retry in place, its queue does.
    """

    server: Server
    link: Link
    user: str
    groups: tuple[str, ...] = ("system:authenticated",)
    actor: str = ""

    def request_info(self) -> RequestInfo:
        """Who we are, and what we are acting upon at this moment."""
        return RequestInfo(
            user=self.user,
            groups=self.groups,
            actor=self.actor or self.user,
            context=self.link.loop.context,
        )

    def create(self, obj: T) -> T:
        """Store a new object; the answer carries uid and revision.

        Raises:
            AlreadyExistsError: the name is taken.
            InvalidError: the object is not allowed.
        """
        return self.link.request(lambda: self.server.create(obj, request=self.request_info()))

    def get(self, cls: type[T], name: str, *, namespace: str = "") -> T:
        """The object as it is now.

        Raises:
            NotFoundError: there is none.
        """
        return self.link.request(
            lambda: self.server.get(cls, name, namespace=namespace, request=self.request_info())
        )

    def list(
        self,
        cls: type[T],
        *,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
    ) -> ObjectList[T]:
        """All objects of a kind, in one namespace or (None) in all, as of one revision."""
        return self.link.request(
            lambda: self.server.list(
                cls,
                namespace=namespace,
                label_selector=label_selector,
                field_selector=field_selector,
                request=self.request_info(),
            )
        )

    def update(self, obj: T) -> T:
        """Replace an object that was read at its resourceVersion; its status stays as it is.

        Raises:
            ConflictError: it has changed since.
            NotFoundError: it is gone.
        """
        return self.link.request(lambda: self.server.update(obj, request=self.request_info()))

    def update_status(self, obj: T) -> T:
        """Replace the status alone.

        Raises:
            ConflictError: the object has changed since it was read.
            NotFoundError: it is gone.
        """
        return self.link.request(
            lambda: self.server.update(obj, subresource="status", request=self.request_info())
        )

    def update_subresource(self, obj: T, subresource: str) -> T:
        """Replace what *subresource* ("finalize", "approval") covers."""
        return self.link.request(
            lambda: self.server.update(obj, subresource=subresource, request=self.request_info())
        )

    def patch(
        self,
        cls: type[T],
        name: str,
        data: Any,
        *,
        namespace: str = "",
        type: str = "merge",  # noqa: A002 - the field's word
        subresource: str = "",
    ) -> T:
        """Change parts of an object; *type* is merge, strategic, json or apply."""
        body = PatchBody(type=PATCH_TYPES[type], data=data, field_manager=self.actor or self.user)
        return self.link.request(
            lambda: self.server.patch(
                cls,
                name,
                namespace=namespace,
                patch=body,
                subresource=subresource,
                request=self.request_info(),
            )
        )

    def delete(
        self,
        cls: type[T],
        name: str,
        *,
        namespace: str = "",
        grace_period_seconds: int | None = None,
        propagation_policy: Propagation = "",
        uid: str = "",
    ) -> T | None:
        """Delete an object, or begin to; the answer is it as it is while it goes, or None.

        Raises:
            NotFoundError: there is none.
            ConflictError: *uid* is given and names another object.
        """
        options = DeleteOptions(
            grace_period_seconds=grace_period_seconds,
            propagation_policy=propagation_policy,
            uid=uid,
        )
        return self.link.request(
            lambda: self.server.delete(
                cls, name, namespace=namespace, options=options, request=self.request_info()
            )
        )

    def bind(self, pod: Pod, node_name: str) -> None:
        """Give an unbound pod its node.

        Raises:
            ConflictError: it has one already.
        """
        self.link.request(
            lambda: self.server.bind(
                pod.metadata.name,
                namespace=pod.metadata.namespace,
                node_name=node_name,
                request=self.request_info(),
            )
        )

    def evict(self, name: str, *, namespace: str, grace_period_seconds: int | None = None) -> None:
        """Delete a pod if its disruption budgets allow.

        Raises:
            TooManyRequestsError: a budget does not allow it now.
        """
        options = DeleteOptions(grace_period_seconds=grace_period_seconds)
        self.link.request(
            lambda: self.server.evict(
                name, namespace=namespace, options=options, request=self.request_info()
            )
        )

    def create_token(
        self,
        service_account: str,
        *,
        namespace: str,
        audiences: tuple[str, ...] = (),
        expiration_seconds: int = DEFAULT_SECONDS,
        pod: Pod | None = None,
    ) -> IssuedToken:
        """A token of a ServiceAccount, worth something only while *pod* is there, if it is given.

        Raises:
            NotFoundError: there is no such account, or no such pod.
            ConflictError: the pod is another one of the same name.
            InvalidError: less than ten minutes are asked for.
        """
        spec = TokenSpec(audiences=audiences, expiration_seconds=expiration_seconds)
        if pod is not None:
            meta = pod.metadata
            spec = attrs.evolve(
                spec, bound_kind="Pod", bound_name=meta.name, bound_uid=meta.uid
            )
        return self.link.request(
            lambda: self.server.create_token(
                service_account, namespace=namespace, spec=spec, request=self.request_info()
            )
        )

    def create_legacy_token(self, account: ServiceAccount, secret_name: str) -> str:
        """The token without an end for a Secret of type kubernetes.io/service-account-token."""
        return self.link.request(
            lambda: self.server.create_legacy_token(
                account, secret_name, request=self.request_info()
            )
        )

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
    ) -> WatchHandle:
        """Have changes after *resource_version* delivered over the link, in order.

        Raises:
            GoneError: that revision has been compacted; list again.
        """
        link = self.link
        return link.request(
            lambda: self.server.watch(
                cls,
                namespace=namespace,
                label_selector=label_selector,
                field_selector=field_selector,
                resource_version=resource_version,
                bookmarks=bookmarks,
                deliver=lambda event: link.deliver(deliver, event),
                request=self.request_info(),
            )
        )
