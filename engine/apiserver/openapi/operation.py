"""The operations of a resource: every path it is served at, with what goes in and what comes out.

Knows neither OpenAPI 2 nor 3; both documents are written from the same operations.
"""

from collections.abc import Iterator
from typing import Any, Literal

import attrs

from engine.api.scheme import Resource

Location = Literal["path", "query"]

JSON_PATCH = "application/json-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
PATCHES = (
    APPLY_PATCH,
    JSON_PATCH,
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)
FORMS = ("application/json", "application/yaml", "application/vnd.kubernetes.protobuf")


@attrs.frozen
class Parameter:
    """A parameter in a path or a query."""

    name: str
    description: str
    type: str = "string"
    location: Location = "query"


@attrs.frozen(kw_only=True)
class Operation:
    """One method of one path.

    Attributes:
        action: Kubernetes' word for it: ``list``, ``post``, ``deletecollection``, …
        kind: group, version and kind that the operation is about.
        body: the definition of what is sent, or empty; *consumes* are its media types.
        answer: the definition of what comes back; empty for a plain string.
    """

    path: str
    method: str
    action: str
    operation_id: str
    kind: tuple[str, str, str]
    tag: str
    body: str = ""
    consumes: tuple[str, ...] = ("*/*",)
    answer: str = ""
    parameters: tuple[Parameter, ...] = ()


_META = "io.k8s.apimachinery.pkg.apis.meta.v1."
_NAME = Parameter("name", "name of the object", location="path")
_NAMESPACE = Parameter("namespace", "object name and auth scope", location="path")
_PRETTY = Parameter("pretty", "If true, the output is indented.")
_DRY_RUN = Parameter("dryRun", "When All, the request is checked but nothing is stored.")
_FIELD_MANAGER = Parameter("fieldManager", "Who owns the fields that this request sets.")
_FIELD_VALIDATION = Parameter(
    "fieldValidation", "Strict, Warn or Ignore: what happens to unknown and repeated fields."
)
_FORCE = Parameter("force", "Take fields over from other managers (apply only).", "boolean")
_WRITE = (_PRETTY, _DRY_RUN, _FIELD_MANAGER, _FIELD_VALIDATION)
_DELETE = (
    _PRETTY,
    _DRY_RUN,
    Parameter("gracePeriodSeconds", "How long the object may take to end.", "integer"),
    Parameter("orphanDependents", "Deprecated: use propagationPolicy.", "boolean"),
    Parameter("propagationPolicy", "Orphan, Background or Foreground."),
)
_LIST = (
    _PRETTY,
    Parameter("allowWatchBookmarks", "Send bookmarks in a watch.", "boolean"),
    Parameter("continue", "Where the last part of a list ended."),
    Parameter("fieldSelector", "Only objects whose fields match."),
    Parameter("labelSelector", "Only objects whose labels match."),
    Parameter("limit", "How many objects at most.", "integer"),
    Parameter("resourceVersion", "Which revision is read."),
    Parameter("resourceVersionMatch", "Exact or NotOlderThan."),
    Parameter("sendInitialEvents", "Begin a watch with what is there.", "boolean"),
    Parameter("timeoutSeconds", "How long the call may last.", "integer"),
    Parameter("watch", "Follow changes instead of listing.", "boolean"),
)


def operations(resource: Resource, definition: str, list_definition: str) -> Iterator[Operation]:
    """Every operation on *resource*, whose objects and lists have these definitions."""
    root = f"/apis/{resource.group}/{resource.version}" if resource.group else "/api/v1"
    scope = "Namespaced" if resource.namespaced else ""
    inside = "/namespaces/{namespace}" if resource.namespaced else ""
    collection = f"{root}{inside}/{resource.plural}"
    in_path = (_NAMESPACE,) if resource.namespaced else ()
    stem = _stem(resource)
    # Nobody has said how the lists of a custom resource merge strategically.
    patches = PATCHES if resource.custom is None else PATCHES[:-1]

    def make(
        verb: str, path: str, method: str, action: str, name: str, **rest: Any
    ) -> Iterator[Operation]:
        if verb not in resource.verbs:
            return
        yield Operation(
            path=path,
            method=method,
            action=action,
            operation_id=name,
            kind=(resource.group, resource.version, resource.kind),
            tag=stem[0].lower() + stem[1:],
            **rest,
        )

    named = f"{stem}{scope}{resource.kind}"
    if resource.namespaced:
        yield from make(
            "list", f"{root}/{resource.plural}", "get", "list",
            f"list{stem}{resource.kind}ForAllNamespaces", answer=list_definition, parameters=_LIST,
        )  # fmt: skip
    yield from make(
        "list", collection, "get", "list", f"list{named}",
        answer=list_definition, parameters=(*in_path, *_LIST),
    )  # fmt: skip
    yield from make(
        "create", collection, "post", "post", f"create{named}",
        body=definition, answer=definition, parameters=(*in_path, *_WRITE),
    )  # fmt: skip
    yield from make(
        "deletecollection", collection, "delete", "deletecollection",
        f"delete{stem}Collection{scope}{resource.kind}", body=f"{_META}DeleteOptions",
        answer=f"{_META}Status", parameters=(*in_path, *_DELETE, *_LIST[2:-1]),
    )  # fmt: skip
    for subresource in ("", *(one for one in resource.subresources if one == "status")):
        suffix = f"/{subresource}" if subresource else ""
        yield from _of_object(
            make, f"{collection}/{{name}}{suffix}", named + subresource.title(), definition,
            in_path, patches,
        )  # fmt: skip
    yield from make(
        "delete", f"{collection}/{{name}}", "delete", "delete", f"delete{named}",
        body=f"{_META}DeleteOptions", answer=f"{_META}Status",
        parameters=(_NAME, *in_path, *_DELETE),
    )  # fmt: skip
    for subresource in resource.subresources:
        if (found := _OTHERS.get(subresource)) is not None:
            methods, kind_definition = found
            yield from _of_subresource(
                make, methods, f"{collection}/{{name}}/{subresource}",
                f"{named}{subresource.title()}", kind_definition, in_path,
            )  # fmt: skip


def _of_object(
    make: Any,
    path: str,
    name: str,
    definition: str,
    in_path: tuple[Parameter, ...],
    patches: tuple[str, ...] = PATCHES,
) -> Iterator[Operation]:
    base = (_NAME, *in_path)
    yield from make(
        "get", path, "get", "get", f"read{name}", answer=definition, parameters=(*base, _PRETTY)
    )
    yield from make(
        "update", path, "put", "put", f"replace{name}",
        body=definition, answer=definition, parameters=(*base, *_WRITE),
    )  # fmt: skip
    yield from make(
        "patch", path, "patch", "patch", f"patch{name}", body=f"{_META}Patch", consumes=patches,
        answer=definition, parameters=(*base, *_WRITE, _FORCE),
    )  # fmt: skip


def _of_subresource(
    make: Any,
    methods: tuple[str, ...],
    path: str,
    name: str,
    definition: str,
    in_path: tuple[Parameter, ...],
) -> Iterator[Operation]:
    base = (_NAME, *in_path)
    for operation in _of_object(make, path, name, definition, in_path):
        if operation.method in methods:
            yield operation
    if "post" in methods:
        yield from make(
            "get", path, "post", "post", f"create{name}",
            body=definition, answer=definition, parameters=(*base, *_WRITE),
        )  # fmt: skip


_READ_WRITE = ("get", "put", "patch")
_OTHERS: dict[str, tuple[tuple[str, ...], str]] = {
    "scale": (_READ_WRITE, "io.k8s.api.autoscaling.v1.Scale"),
    "eviction": (("post",), "io.k8s.api.policy.v1.Eviction"),
    "binding": (("post",), "io.k8s.api.core.v1.Binding"),
    "token": (("post",), "io.k8s.api.authentication.v1.TokenRequest"),
    "log": (("get",), ""),
    "ephemeralcontainers": (_READ_WRITE, "io.k8s.api.core.v1.Pod"),
    "resize": (_READ_WRITE, "io.k8s.api.core.v1.Pod"),
    "finalize": (("put",), "io.k8s.api.core.v1.Namespace"),
    "approval": (_READ_WRITE, "io.k8s.api.certificates.v1.CertificateSigningRequest"),
}


def _stem(resource: Resource) -> str:
    group = resource.group.removesuffix(".k8s.io") or "core"
    return "".join(part.title() for part in group.split(".")) + resource.version.title()
