"""Discovery: the resources a server has, in the documents clients ask for; no requests, no objects.

Source: kubernetes v1.34, /api, /apis, and the aggregated form of apidiscovery.k8s.io.
"""

import base64
import functools
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs

from engine.api.scheme import Resource

AGGREGATED = ("v2", "v2beta1")
"""The versions of apidiscovery.k8s.io that can be asked for, best first."""

# The order kubectl api-resources and generic clients search groups in; others follow by name.
_GROUP_ORDER = (
    "", "apiregistration.k8s.io", "apps", "events.k8s.io", "authentication.k8s.io",
    "authorization.k8s.io", "autoscaling", "batch", "certificates.k8s.io", "networking.k8s.io",
    "policy", "rbac.authorization.k8s.io", "storage.k8s.io", "admissionregistration.k8s.io",
    "apiextensions.k8s.io", "scheduling.k8s.io", "coordination.k8s.io", "node.k8s.io",
    "discovery.k8s.io", "flowcontrol.apiserver.k8s.io",
)  # fmt: skip

_VERSION = re.compile(r"v(\d+)(?:(alpha|beta)(\d+))?")
_MATURITY = {"": 2, "beta": 1, "alpha": 0}


@attrs.frozen
class _Subresource:
    """A subresource's kind (own group and version if empty) and verbs."""

    kind: str
    verbs: tuple[str, ...]
    group: str = ""
    version: str = ""


_READ_WRITE = ("get", "patch", "update")
_CONNECT = ("create", "get")
_PROXY = ("create", "delete", "get", "patch", "update")

_SUBRESOURCES: Mapping[str, _Subresource] = {
    "scale": _Subresource("Scale", _READ_WRITE, "autoscaling", "v1"),
    "eviction": _Subresource("Eviction", ("create",), "policy", "v1"),
    "token": _Subresource("TokenRequest", ("create",), "authentication.k8s.io", "v1"),
    "binding": _Subresource("Binding", ("create",), "", "v1"),
    "log": _Subresource("Pod", ("get",), "", "v1"),
    "exec": _Subresource("PodExecOptions", _CONNECT, "", "v1"),
    "attach": _Subresource("PodAttachOptions", _CONNECT, "", "v1"),
    "portforward": _Subresource("PodPortForwardOptions", _CONNECT, "", "v1"),
}


def aggregated_version(accept: str) -> str | None:
    """The version of the aggregated form that an Accept header asks for first, or None."""
    for offer in accept.split(","):
        parameters = dict(
            part.strip().partition("=")[::2] for part in offer.split(";")[1:] if "=" in part
        )
        if (
            parameters.get("g") == "apidiscovery.k8s.io"
            and parameters.get("as") == "APIGroupDiscoveryList"
            and parameters.get("v") in AGGREGATED
        ):
            return parameters["v"]
    return None


def aggregated_content_type(version: str) -> str:
    """The Content-Type of the aggregated form in that version."""
    return f"application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList"


def api_versions(address: str) -> dict[str, Any]:
    """The answer to ``/api``; *address* is this server's ``host:port``."""
    return {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
    }


def api_group_list(resources: Iterable[Resource]) -> dict[str, Any]:
    """The answer to ``/apis``: every group but the core one, with its versions."""
    groups = [
        _group(name, versions) for name, versions in _versions_by_group(resources).items() if name
    ]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def api_group(resources: Iterable[Resource], group: str) -> dict[str, Any] | None:
    """The answer to ``/apis/GROUP``, or None if there is no such group."""
    versions = _versions_by_group(resources).get(group)
    if versions is None or not group:
        return None
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(group, versions)}


def api_resource_list(
    resources: Iterable[Resource], group: str, version: str
) -> dict[str, Any] | None:
    """The answer to ``/api/v1`` or ``/apis/GROUP/VERSION``, or None if nothing is served there."""
    entries: list[dict[str, Any]] = []
    for resource in _of_version(resources, group, version):
        entry: dict[str, Any] = {
            "name": resource.plural,
            "singularName": resource.singular,
            "namespaced": resource.namespaced,
            "kind": resource.kind,
            "verbs": list(resource.verbs),
        }
        if "list" in resource.verbs and "create" in resource.verbs:
            kind = f"{resource.group}/{resource.version}/{resource.kind}"
            entry["storageVersionHash"] = _hash(kind)
        entries.append(entry | _names(resource))
        for name in sorted(resource.subresources):
            sub = _subresource(resource, name)
            belongs = {} if sub.version == "" else {"group": sub.group, "version": sub.version}
            entries.append(
                {
                    "name": f"{resource.plural}/{name}",
                    "singularName": "",
                    "namespaced": resource.namespaced,
                    **{key: value for key, value in belongs.items() if value},
                    "kind": sub.kind,
                    "verbs": list(sub.verbs),
                }
            )
    if not entries:
        return None
    answer: dict[str, Any] = {"kind": "APIResourceList"}
    if group:
        answer["apiVersion"] = "v1"
    group_version = f"{group}/{version}" if group else version
    return answer | {"groupVersion": group_version, "resources": entries}


def aggregated(
    resources: Sequence[Resource], *, core: bool, form: str = AGGREGATED[0]
) -> dict[str, Any]:
    """The aggregated answer to ``/api`` (*core*) or ``/apis``: everything in one document."""
    items = [
        {
            "metadata": {"name": group, "creationTimestamp": None}
            if group
            else {"creationTimestamp": None},
            "versions": [
                {
                    "version": version,
                    "resources": [
                        _discovered(resource) for resource in _of_version(resources, group, version)
                    ],
                    "freshness": "Current",
                }
                for version in versions
            ],
        }
        for group, versions in _versions_by_group(resources).items()
        if (group == "") == core
    ]
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": f"apidiscovery.k8s.io/{form}",
        "metadata": {},
        "items": items,
    }


def version_rank(version: str) -> tuple[int, int, int]:
    """Sorts versions as Kubernetes prefers them: stable before beta before alpha, newer first."""
    match = _VERSION.fullmatch(version)
    if match is None:
        return (1, 0, 0)
    major, stage, minor = match.groups()
    return (-_MATURITY[stage or ""], -int(major), -int(minor or 0))


def _versions_by_group(resources: Iterable[Resource]) -> dict[str, list[str]]:
    found: dict[str, set[str]] = {}
    for resource in resources:
        found.setdefault(resource.group, set()).add(resource.version)
    order = {name: place for place, name in enumerate(_GROUP_ORDER)}
    names = sorted(found, key=lambda name: (order.get(name, len(order)), name))
    return {name: sorted(sorted(found[name]), key=version_rank) for name in names}


def _group(name: str, versions: Sequence[str]) -> dict[str, Any]:
    entries = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": entries, "preferredVersion": entries[0]}


def _of_version(resources: Iterable[Resource], group: str, version: str) -> list[Resource]:
    found = [one for one in resources if one.group == group and one.version == version]
    return sorted(found, key=lambda one: one.plural)


@functools.cache
def _hash(kind: str) -> str:
    """What tells clients whether objects are stored in another version than before."""
    return base64.b64encode(hashlib.sha256(kind.encode()).digest()[:8]).decode()


def _names(resource: Resource) -> dict[str, Any]:
    names: dict[str, Any] = {}
    if resource.short_names:
        names["shortNames"] = list(resource.short_names)
    if resource.categories:
        names["categories"] = list(resource.categories)
    return names


def _subresource(resource: Resource, name: str) -> _Subresource:
    if name == "proxy":
        return _Subresource(f"{resource.kind}ProxyOptions", _PROXY, "", "v1")
    if name == "finalize":
        return _Subresource(resource.kind, ("update",))
    return _SUBRESOURCES.get(name) or _Subresource(resource.kind, _READ_WRITE)


def _discovered(resource: Resource) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "resource": resource.plural,
        "responseKind": _kind(resource.group, resource.version, resource.kind),
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": list(resource.verbs),
    }
    entry |= _names(resource)
    if resource.subresources:
        entry["subresources"] = [
            {
                "subresource": name,
                "responseKind": _kind(
                    sub.group if sub.version else resource.group,
                    sub.version or resource.version,
                    sub.kind,
                ),
                "verbs": list(sub.verbs),
            }
            for name in sorted(resource.subresources)
            for sub in (_subresource(resource, name),)
        ]
    return entry


def _kind(group: str, version: str, kind: str) -> dict[str, str]:
    return {"group": group, "version": version, "kind": kind}
