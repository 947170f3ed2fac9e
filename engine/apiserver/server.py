"""The API server: every verb, synchronous; who may do what is decided before it is called."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import attrs

from engine.api.autoscaling import Scale
from engine.api.certificates import CertificateSigningRequest
from engine.api.core import Namespace, ServiceAccount
from engine.api.meta import ApiObject
from engine.api.pod import Pod
from engine.api.scheme import SCHEME, Resource, Scheme
from engine.api.wire import Time
from engine.apiserver.admission.registry import Admission
from engine.apiserver.authentication.identity import Identity, derived_identity
from engine.apiserver.authentication.service_accounts import (
    IssuedToken,
    ServiceAccountTokens,
    TokenSpec,
)
from engine.apiserver.authorization.access import Access, access_to
from engine.apiserver.authorization.authorizer import Authorizer
from engine.apiserver.authorization.escalation import EscalationGuard
from engine.apiserver.authorization.rbac import GROUP
from engine.apiserver.authorization.signers import SignerGuard
from engine.apiserver.component_status import COMPONENT_STATUS, component_statuses
from engine.apiserver.computed import Computed
from engine.apiserver.conversion import as_view, as_written, written_as
from engine.apiserver.customresources.controller import DefinitionController
from engine.apiserver.customresources.registry import CustomResources
from engine.apiserver.customresources.scale import custom_scale, with_custom_scale
from engine.apiserver.deletion import Deleter
from engine.apiserver.errors import BadRequestError, NotFoundError, UnavailableError
from engine.apiserver.fields import selection
from engine.apiserver.patch import APPLY_PATCH
from engine.apiserver.patching import Patcher
from engine.apiserver.read import ListQuery, list_objects
from engine.apiserver.request import (
    DeleteOptions,
    ObjectList,
    PatchBody,
    RequestInfo,
    WatchEvent,
)
from engine.apiserver.reviews import Reviews
from engine.apiserver.storage import ObjectStorage
from engine.apiserver.subresources import Subresources, scale_of, with_scale
from engine.apiserver.watch import Translator, WatchHandle, WatchQuery, open_watch
from engine.apiserver.write import Writer
from engine.kernel.loop import Loop
from engine.kernel.rng import RandomStreams, Stream
from engine.store.watchable_store import Store

T = TypeVar("T", bound=ApiObject)

_DEFAULT_DELETE = DeleteOptions()


@attrs.define(eq=False, repr=False)
class ApiServer:
    """The request pipeline over one store.

    Promises:
        * a write is one transaction, made only if the object is still what was read;
        * what is returned is what is stored, at its revision;
        * while it is not *is_up*, every verb raises UnavailableError and changes nothing.
    """

    loop: Loop
    store: Store[Any]
    random: RandomStreams
    scheme: Scheme = attrs.field(factory=SCHEME.copy)
    service_cidr: str = "10.96.0.0/16"
    cluster_domain: str = "cluster.local"
    is_up: bool = True
    identity: Identity = attrs.field(kw_only=True)
    has_authorization: bool = attrs.field(default=False, kw_only=True)
    authorizer: Authorizer | None = attrs.field(default=None, init=False)
    reviews: Reviews = attrs.field(init=False)
    computed: dict[type[ApiObject], Computed] = attrs.field(factory=dict, init=False)
    storage: ObjectStorage = attrs.field(init=False)
    tokens: ServiceAccountTokens = attrs.field(init=False)
    _writer: Writer = attrs.field(init=False)
    _deleter: Deleter = attrs.field(init=False)
    _subresources: Subresources = attrs.field(init=False)
    _patcher: Patcher = attrs.field(init=False)
    custom_resources: CustomResources = attrs.field(init=False)
    _definitions: DefinitionController = attrs.field(init=False)
    _guard: EscalationGuard | None = attrs.field(default=None, init=False)
    _signers: SignerGuard | None = attrs.field(default=None, init=False)
    _translate: Translator = attrs.field(factory=Translator, init=False)
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
            self._guard = EscalationGuard(self.authorizer)
            self._signers = SignerGuard(self.authorizer)
        self.reviews = Reviews(self.tokens, self.authorizer)
        admission = Admission()
        self._writer = Writer(self.storage, self, admission)
        self._deleter = Deleter(self.storage, self, admission)
        self._subresources = Subresources(self.storage, self, self._deleter)
        self._patcher = Patcher(self.storage, self)
        self.custom_resources = CustomResources(self.store, self.scheme)
        self._definitions = DefinitionController(self)

    # --- what strategies may look at ---

    @property
    def now(self) -> Time:
        """The time in whole seconds: objects carry no finer one."""
        return Time(int(self.loop.now))

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
        """
        if self.authorizer is not None:
            self.authorizer.check(access)

    # --- reading ---

    def get(
        self,
        cls: type[T],
        name: str,
        *,
        namespace: str = "",
        revision: int = 0,
        request: RequestInfo,
    ) -> T:
        """The object, now or as it was at *revision*.

        Raises:
            NotFoundError: there is none.
            GoneError: *revision* is compacted.
        """
        del request
        resource = self.resource_of(cls)
        if resource.cls is COMPONENT_STATUS:
            return cast("T", self._component(name))
        if resource.cls in self.computed:
            made = self.computed[resource.cls].get(name, namespace)
            if made is None:
                raise NotFoundError.of(resource.plural, name, group=resource.group)
            return cast("T", made)
        found = self.storage.read(resource, namespace, name, revision=revision)
        return cast("T", found)

    def list(
        self,
        cls: type[T],
        *,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        limit: int = 0,
        continue_token: str = "",
        resource_version: str = "",
        resource_version_match: str = "",
        request: RequestInfo,
    ) -> ObjectList[T]:
        """The selected objects in the order of their names; None for all namespaces.

        Raises:
            BadRequestError: a selector or another parameter makes no sense.
            GoneError: the revision or the continue token is too old.
        """
        del request
        query = ListQuery(
            namespace=namespace or "",
            label_selector=label_selector,
            field_selector=field_selector,
            limit=limit,
            continue_token=continue_token,
            resource_version=resource_version,
            resource_version_match=resource_version_match,
        )
        resource = self.resource_of(cls)
        if resource.cls is COMPONENT_STATUS:
            items = cast("tuple[T, ...]", component_statuses(self.store.alarm))
            return ObjectList(items=items, revision=self.store.revision)
        if resource.cls in self.computed:
            selects = selection(resource.cls, label_selector, field_selector)
            made = self.computed[resource.cls].list(query.namespace, selects)
            items = cast("tuple[T, ...]", made)
            return ObjectList(items=items, revision=self.store.revision)
        return list_objects(self.storage, resource, cls, query)

    def _component(self, name: str) -> ApiObject:
        for status in component_statuses(self.store.alarm):
            if status.metadata.name == name:
                return status
        raise NotFoundError.of("componentstatuses", name)

    def watch(
        self,
        cls: type[ApiObject],
        *,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        resource_version: str = "",
        bookmarks: bool = False,
        send_initial_events: bool | None = None,
        resource_version_match: str = "",
        deliver: Callable[[WatchEvent], object],
        request: RequestInfo,
    ) -> WatchHandle:
        """Have every later change of the selected objects delivered.

        Without a resource version (or with 0) what there is comes first, as ADDED.

        Raises:
            BadRequestError: a selector makes no sense.
            GoneError: the resource version is compacted; list again.
        """
        query = WatchQuery(
            namespace=namespace or "",
            label_selector=label_selector,
            field_selector=field_selector,
            resource_version=resource_version,
            bookmarks=bookmarks,
            send_initial_events=send_initial_events,
            resource_version_match=resource_version_match,
        )
        handle = open_watch(
            self.store,
            self.resource_of(cls),
            cls,
            query,
            translate=self._translate,
            deliver=deliver,
            name=request.actor or request.user,
        )
        self._watches[id(handle)] = handle
        handle.on_end = self._forget
        return handle

    def _forget(self, handle: WatchHandle) -> None:
        self._watches.pop(id(handle), None)

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
        if self._guard is not None:
            self._guard.check(resource, obj, None, request)
        written = written_as(resource, self.scheme)
        new = as_written(resource, written, obj)
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
        stored = self._writer.update(
            written,
            as_written(resource, written, obj),
            subresource=subresource,
            request=request,
            dry_run=dry_run,
            remove=remove,
            is_applied=is_applied,
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
        return _scale(resource, self.update(new, request=request, dry_run=dry_run))

    def _check_scales(self, resource: Resource) -> None:
        if "scale" not in resource.subresources:
            raise BadRequestError(f"{resource.plural} cannot be scaled")


def _scale(resource: Resource, obj: ApiObject) -> Scale:
    """The Scale of *obj*, by its kind or by its definition."""
    return scale_of(obj) if resource.custom is None else custom_scale(resource.custom, obj)
