"""The API server: every verb, synchronous; who may do what is decided before it is called."""

from typing import TypeVar, cast

import attrs

from engine.api.autoscaling import Scale
from engine.api.certificates import CertificateSigningRequest
from engine.api.codec import decode, encode
from engine.api.core import Namespace, ServiceAccount
from engine.api.events import Event
from engine.api.meta import ApiObject
from engine.api.pod import Pod
from engine.api.scheme import Resource
from engine.apiserver.admission.registry import Admission, checks_with
from engine.apiserver.api_services import CustomRegistration
from engine.apiserver.authentication.service_accounts import (
    IssuedToken,
    TokenSpec,
)
from engine.apiserver.authorization.access import access_to
from engine.apiserver.authorization.escalation import EscalationGuard
from engine.apiserver.authorization.rbac import GROUP
from engine.apiserver.authorization.signers import SignerGuard
from engine.apiserver.conversion import as_view, as_written, written_as
from engine.apiserver.customresources.controller import DefinitionController
from engine.apiserver.customresources.scale import custom_scale, with_custom_scale
from engine.apiserver.deletion import Deleter
from engine.apiserver.errors import BadRequestError, NotFoundError
from engine.apiserver.event_validation import check_changed, check_new
from engine.apiserver.patch import APPLY_PATCH
from engine.apiserver.patching import Patcher
from engine.apiserver.reading import Reading
from engine.apiserver.request import (
    DeleteOptions,
    ObjectList,
    PatchBody,
    RequestInfo,
)
from engine.apiserver.service_addresses import ServiceAddresses
from engine.apiserver.subresources import Subresources, scale_of, with_scale
from engine.apiserver.write import Writer

T = TypeVar("T", bound=ApiObject)

_DEFAULT_DELETE = DeleteOptions()


@attrs.define(eq=False, repr=False)
class ApiServer(Reading):
    """The request pipeline over one store.

    Promises:
        * a write is one transaction, made only if the object is still what was read;
        * what is returned is what is stored, at its revision;
        * while it is not *is_up*, every verb raises UnavailableError and changes nothing.
    """

    _writer: Writer = attrs.field(init=False)
    _deleter: Deleter = attrs.field(init=False)
    _subresources: Subresources = attrs.field(init=False)
    _patcher: Patcher = attrs.field(init=False)
    _definitions: DefinitionController = attrs.field(init=False)
    _registration: CustomRegistration = attrs.field(init=False)
    _addresses: ServiceAddresses = attrs.field(init=False)
    _guard: EscalationGuard | None = attrs.field(default=None, init=False)
    _signers: SignerGuard | None = attrs.field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        Reading.__attrs_post_init__(self)
        if self.authorizer is not None:
            self._guard = EscalationGuard(self.authorizer)
            self._signers = SignerGuard(self.authorizer)
        admission = Admission(checks=checks_with(self.pod_security))
        self._writer = Writer(self.storage, self, admission)
        self._deleter = Deleter(self.storage, self, admission)
        self._subresources = Subresources(self.storage, self, self._deleter)
        self._patcher = Patcher(self.storage, self)
        self._definitions = DefinitionController(self)
        self._registration = CustomRegistration(self)
        self._addresses = ServiceAddresses(self)

    # --- writing ---

    def create(self, obj: T, *, request: RequestInfo, dry_run: bool = False) -> T:
        """Store a new object.

        Raises:
            AlreadyExistsError: the name is taken.
            InvalidError: the object is not allowed; all faults are listed.
            ForbiddenError: admission refuses it.
        """
        return self._create(obj, request=request, dry_run=dry_run)

    def _create(
        self, obj: T, *, request: RequestInfo, dry_run: bool, is_applied: bool = False
    ) -> T:
        resource = self.resource_of(type(obj))
        if resource.cls in self.computed:
            return cast("T", self.computed[resource.cls].create(obj))
        if resource.verbs == ("create",):
            namespace = obj.metadata.namespace
            return cast("T", decode(self.reviews.review(resource, encode(obj), namespace, request)))
        if self._guard is not None:
            self._guard.check(resource, obj, None, request)
        written = written_as(resource, self.scheme)
        new = as_written(resource, written, obj)
        if isinstance(new, Event):
            check_new(resource, new)
        stored = self._writer.create(
            written, new, request=request, dry_run=dry_run, is_applied=is_applied
        )
        return cast("T", as_view(resource, written, stored))

    def update(
        self, obj: T, *, subresource: str = "", request: RequestInfo, dry_run: bool = False
    ) -> T:
        """Replace the object, or with *subresource* ``status`` its status.

        Raises:
            NotFoundError: there is none.
            ConflictError: it has changed since it was read.
            InvalidError: the object is not allowed; all faults are listed.
        """
        return self._update(obj, subresource=subresource, request=request, dry_run=dry_run)

    def _update(
        self,
        obj: T,
        *,
        subresource: str,
        request: RequestInfo,
        dry_run: bool,
        is_applied: bool = False,
        by: str = "",
    ) -> T:
        resource = self.resource_of(type(obj))
        if subresource == "finalize" and isinstance(obj, Namespace):
            return cast("T", self._subresources.finalize(obj, request=request, dry_run=dry_run))
        if subresource not in ("", *resource.subresources):
            raise NotFoundError(f"{resource.plural} have no subresource {subresource}")
        if self._guard is not None and resource.group == GROUP:
            old = self.storage.read(resource, obj.metadata.namespace, obj.metadata.name)
            self._guard.check(resource, obj, old, request)
        if self._signers is not None and isinstance(obj, CertificateSigningRequest):
            asked = self.storage.read(resource, "", obj.metadata.name)
            self._signers.check(obj, asked, subresource, request)
        remove = self._deleter.remove
        written = written_as(resource, self.scheme)
        if written.cls is Event and resource is not written:
            old = self.storage.read(written, obj.metadata.namespace, obj.metadata.name)
            check_changed(resource, obj, old)
        stored = self._writer.update(
            written,
            as_written(resource, written, obj),
            subresource=subresource,
            request=request,
            dry_run=dry_run,
            remove=remove,
            is_applied=is_applied,
            by=by,
        )
        return cast("T", as_view(resource, written, stored))

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
    ) -> T:
        """Change part of an object; server-side apply may create it.

        Raises:
            NotFoundError: there is none.
            ConflictError: the patch demands another version, or fields belong to someone else.
            InvalidError: the result is not allowed.
        """
        resource = self.resource_of(cls)
        if subresource == "scale":
            old = self.storage.read(resource, namespace, name)
            new = self._patcher.patched_scale(_scale(resource, old), patch)
            stored = self.update_scale(cls, new, request=request, dry_run=dry_run)
            return cast("T", stored)
        new, is_new = self._patcher.patched(
            resource, name, namespace, patch, subresource=subresource, warn=request.warn
        )
        is_applied = patch.type.startswith(APPLY_PATCH)
        if is_new:
            # Who may only patch makes nothing that was not there.
            self.check(
                access_to(
                    resource,
                    "create",
                    user=request.user,
                    groups=request.groups,
                    namespace=namespace,
                    name=name,
                )
            )
            made = self._create(new, request=request, dry_run=dry_run, is_applied=is_applied)
            return cast("T", made)
        changed = self._update(
            new, subresource=subresource, request=request, dry_run=dry_run, is_applied=is_applied
        )
        return cast("T", changed)

    def delete(
        self,
        cls: type[T],
        name: str,
        *,
        namespace: str = "",
        options: DeleteOptions = _DEFAULT_DELETE,
        request: RequestInfo,
        dry_run: bool = False,
    ) -> T | None:
        """Delete an object; returns it if it stays for a while, being deleted.

        Raises:
            NotFoundError: there is none.
            ConflictError: a precondition does not hold.
        """
        resource = self.resource_of(cls)
        written = written_as(resource, self.scheme)
        gone = self._deleter.delete(
            written, namespace, name, options=options, request=request, dry_run=dry_run
        )
        return cast("T | None", as_view(resource, written, gone))

    def delete_collection(
        self,
        cls: type[T],
        *,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        options: DeleteOptions = _DEFAULT_DELETE,
        request: RequestInfo,
        dry_run: bool = False,
    ) -> ObjectList[T]:
        """Delete all selected objects; returns what they were."""
        found = self.list(
            cls,
            namespace=namespace,
            label_selector=label_selector,
            field_selector=field_selector,
            request=request,
        )
        written = written_as(self.resource_of(cls), self.scheme)
        for obj in found.items:
            self._deleter.delete(
                written,
                obj.metadata.namespace,
                obj.metadata.name,
                options=options,
                request=request,
                dry_run=dry_run,
            )
        return found

    # --- subresources ---

    def bind(
        self,
        pod_name: str,
        *,
        namespace: str,
        node_name: str,
        request: RequestInfo,
        dry_run: bool = False,
    ) -> None:
        """Give a pod to a node.

        Raises:
            NotFoundError: there is no such pod.
            ConflictError: it is being deleted, or has a node already.
        """
        self.resource_of(Pod)
        self._subresources.bind(pod_name, namespace, node_name, request=request, dry_run=dry_run)

    def evict(
        self,
        pod_name: str,
        *,
        namespace: str,
        options: DeleteOptions = _DEFAULT_DELETE,
        request: RequestInfo,
        dry_run: bool = False,
    ) -> None:
        """Delete a pod unless its disruption budget says no.

        Raises:
            NotFoundError: there is no such pod.
            TooManyRequestsError: the budget allows no disruption at present.
        """
        self.resource_of(Pod)
        self._subresources.evict(
            pod_name, namespace, options=options, request=request, dry_run=dry_run
        )

    def create_token(
        self, name: str, *, namespace: str, spec: TokenSpec, request: RequestInfo
    ) -> IssuedToken:
        """A token for a ServiceAccount.

        Raises:
            NotFoundError: there is no such account, or no such object to bind the token to.
            ConflictError: the object to bind to has another uid.
            InvalidError: the time asked for is too short or too long.
            BadRequestError: a token cannot be bound to that object.
        """
        del request
        self.resource_of(ServiceAccount)
        return self.tokens.issue(namespace, name, spec, self.stream("apiserver/tokens"))

    def create_legacy_token(
        self, account: ServiceAccount, secret_name: str, *, request: RequestInfo
    ) -> str:
        """The token of a Secret of type kubernetes.io/service-account-token.

        In Kubernetes the controller that fills such Secrets holds the signing key itself; here the
        key stays in one place.
        """
        del request
        self.resource_of(ServiceAccount)
        return self.tokens.legacy(account, secret_name)

    def get_scale(
        self, cls: type[ApiObject], name: str, *, namespace: str, request: RequestInfo
    ) -> Scale:
        """The number of replicas of an object.

        Raises:
            NotFoundError: there is none, or its kind has no scale.
        """
        resource = self.resource_of(cls)
        self._check_scales(resource)
        return _scale(resource, self.get(cls, name, namespace=namespace, request=request))

    def update_scale(
        self, cls: type[ApiObject], scale: Scale, *, request: RequestInfo, dry_run: bool = False
    ) -> Scale:
        """Set the number of replicas of an object.

        Raises:
            NotFoundError: there is none, or its kind has no scale.
            ConflictError: it has changed since it was read.
        """
        resource = self.resource_of(cls)
        self._check_scales(resource)
        meta = scale.metadata
        old = self.storage.read(resource, meta.namespace, meta.name)
        if resource.custom is not None:
            new = with_custom_scale(resource.custom, old, scale)
        else:
            new = with_scale(old, scale)
        done = self._update(new, subresource="", request=request, dry_run=dry_run, by="scale")
        return _scale(resource, done)

    def _check_scales(self, resource: Resource) -> None:
        if "scale" not in resource.subresources:
            raise BadRequestError(f"{resource.plural} cannot be scaled")


def _scale(resource: Resource, obj: ApiObject) -> Scale:
    """The Scale of *obj*, by its kind or by its definition."""
    return scale_of(obj) if resource.custom is None else custom_scale(resource.custom, obj)
