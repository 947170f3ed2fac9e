"""A component's typed view of the API server, over its own link and under its own name."""

import logging
from collections.abc import Callable
from typing import Any, TypeVar

import attrs

from engine.api.autoscaling import Scale
from engine.api.core import ServiceAccount
from engine.api.meta import ApiObject
from engine.api.pod import Pod
from engine.apiserver.authentication.service_accounts import (
    DEFAULT_SECONDS,
    IssuedToken,
    TokenSpec,
)
from engine.apiserver.authorization.access import access_to
from engine.apiserver.errors import ForbiddenError
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

log = logging.getLogger(__name__)

T = TypeVar("T", bound=ApiObject)
R = TypeVar("R")

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
        auditor = self.server.auditor
        return RequestInfo(
            user=self.user,
            groups=self.groups,
            actor=self.actor or self.user,
            context=self.link.loop.context,
            annotate=None if auditor is None else auditor.annotate,
        )

    def create(self, obj: T) -> T:
        """Store a new object; the answer carries uid and revision.

        Raises:
            AlreadyExistsError: the name is taken.
            InvalidError: the object is not allowed.
        """
        return self._request(
            "create",
            type(obj),
            lambda: self.server.create(obj, request=self.request_info()),
            namespace=obj.metadata.namespace,
            name="",
            sent=obj,
        )

    def get(self, cls: type[T], name: str, *, namespace: str = "") -> T:
        """The object as it is now.

        Raises:
            NotFoundError: there is none.
        """
        return self._request(
            "get",
            cls,
            lambda: self.server.get(cls, name, namespace=namespace, request=self.request_info()),
            namespace=namespace,
            name=name,
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
        return self._request(
            "list",
            cls,
            lambda: self.server.list(
                cls,
                namespace=namespace,
                label_selector=label_selector,
                field_selector=field_selector,
                request=self.request_info(),
            ),
            namespace=namespace or "",
            fields=field_selector,
        )

    def update(self, obj: T) -> T:
        """Replace an object that was read at its resourceVersion; its status stays as it is.

        Raises:
            ConflictError: it has changed since.
            NotFoundError: it is gone.
        """
        return self._update(obj, "")

    def update_status(self, obj: T) -> T:
        """Replace the status alone.

        Raises:
            ConflictError: the object has changed since it was read.
            NotFoundError: it is gone.
        """
        return self._update(obj, "status")

    def update_subresource(self, obj: T, subresource: str) -> T:
        """Replace what *subresource* ("finalize", "approval") covers."""
        return self._update(obj, subresource)

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
        return self._request(
            "patch",
            cls,
            lambda: self.server.patch(
                cls,
                name,
                namespace=namespace,
                patch=body,
                subresource=subresource,
                request=self.request_info(),
            ),
            namespace=namespace,
            name=name,
            subresource=subresource,
            sent=data,
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
        return self._request(
            "delete",
            cls,
            lambda: self.server.delete(
                cls, name, namespace=namespace, options=options, request=self.request_info()
            ),
            namespace=namespace,
            name=name,
        )

    def bind(self, pod: Pod, node_name: str) -> None:
        """Give an unbound pod its node.

        Raises:
            ConflictError: it has one already.
        """
        meta = pod.metadata
        self._request(
            "create",
            Pod,
            lambda: self.server.bind(
                meta.name,
                namespace=meta.namespace,
                node_name=node_name,
                request=self.request_info(),
            ),
            namespace=meta.namespace,
            name=meta.name,
            subresource="binding",
        )

    def evict(self, name: str, *, namespace: str, grace_period_seconds: int | None = None) -> None:
        """Delete a pod if its disruption budgets allow.

        Raises:
            TooManyRequestsError: a budget does not allow it now.
        """
        options = DeleteOptions(grace_period_seconds=grace_period_seconds)
        self._request(
            "create",
            Pod,
            lambda: self.server.evict(
                name, namespace=namespace, options=options, request=self.request_info()
            ),
            namespace=namespace,
            name=name,
            subresource="eviction",
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
            spec = attrs.evolve(spec, bound_kind="Pod", bound_name=meta.name, bound_uid=meta.uid)
        return self._request(
            "create",
            ServiceAccount,
            lambda: self.server.create_token(
                service_account, namespace=namespace, spec=spec, request=self.request_info()
            ),
            namespace=namespace,
            name=service_account,
            subresource="token",
        )

    def create_legacy_token(self, account: ServiceAccount, secret_name: str) -> str:
        """The token without an end for a Secret of type kubernetes.io/service-account-token."""
        return self._request(
            "create",
            ServiceAccount,
            lambda: self.server.create_legacy_token(
                account, secret_name, request=self.request_info()
            ),
            namespace=account.metadata.namespace,
            name=account.metadata.name,
            subresource="token",
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
        return self._request(
            "watch",
            cls,
            lambda: self.server.watch(
                cls,
                namespace=namespace,
                label_selector=label_selector,
                field_selector=field_selector,
                resource_version=resource_version,
                bookmarks=bookmarks,
                deliver=lambda event: link.deliver(deliver, event),
                request=self.request_info(),
            ),
            namespace=namespace or "",
            fields=field_selector,
        )

    def get_scale(self, cls: type[ApiObject], name: str, *, namespace: str) -> Scale:
        """The number of replicas of an object.

        Raises:
            NotFoundError: there is none.
        """
        return self._request(
            "get",
            cls,
            lambda: self.server.get_scale(
                cls, name, namespace=namespace, request=self.request_info()
            ),
            namespace=namespace,
            name=name,
            subresource="scale",
        )

    def update_scale(self, cls: type[ApiObject], scale: Scale) -> Scale:
        """Set the number of replicas of an object.

        Raises:
            NotFoundError: there is none.
            ConflictError: it has changed since its scale was read.
        """
        meta = scale.metadata
        return self._request(
            "update",
            cls,
            lambda: self.server.update_scale(cls, scale, request=self.request_info()),
            namespace=meta.namespace,
            name=meta.name,
            subresource="scale",
        )

    def _update(self, obj: T, subresource: str) -> T:
        meta = obj.metadata
        return self._request(
            "update",
            type(obj),
            lambda: self.server.update(obj, subresource=subresource, request=self.request_info()),
            namespace=meta.namespace,
            name=meta.name,
            subresource=subresource,
            sent=obj,
        )

    def _request(
        self,
        verb: str,
        cls: type[ApiObject],
        call: Callable[[], R],
        *,
        namespace: str = "",
        name: str = "",
        subresource: str = "",
        fields: str = "",
        sent: Any = None,
    ) -> R:
        """Make one request over the link, if we may: this is our door, as HTTP is that of others.

        Raises:
            ForbiddenError: we may not.
        """

        def ask() -> R:
            server = self.server
            resource = server.resource_of(cls)
            access = access_to(
                resource,
                verb,
                user=self.user,
                groups=self.groups,
                namespace=namespace,
                name=name,
                subresource=subresource,
                fields=fields,
            )
            trail = None
            if server.auditor is not None:
                actor = self.actor or self.user
                trail = server.auditor.begin_own(
                    access, version=resource.version, actor=actor, sent=sent
                )
            try:
                server.check(access)
            except ForbiddenError as error:
                # A part of the cluster that may not do its work is a gap in its role.
                log.warning("refused actor=%s reason=%s", self.actor or self.user, error)
                if trail is not None:
                    trail.refused(error)
                raise
            return call() if trail is None else trail.run(call)

        return self.link.request(ask)
