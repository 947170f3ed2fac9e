"""What a path means: which resource, which object, which subresource."""

import attrs

from engine.api.scheme import Resource, Scheme


@attrs.frozen(kw_only=True)
class Target:
    """What a request is about. Without a *name* it is the whole collection."""

    resource: Resource
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    rest: str = ""
    is_watch: bool = False


def parse_target(path: str, scheme: Scheme) -> Target | None:
    """The target of a resource path; None if the path is no such path."""
    parts = [part for part in path.split("/") if part]
    if parts[:1] == ["api"] and len(parts) > 2:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[:1] == ["apis"] and len(parts) > 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return None
    if rest[0] == "watch" and len(rest) > 1:
        # The way to watch before there was a parameter for it; clients still use it.
        target = _resource_target(group, version, rest[1:], scheme)
        return None if target is None else attrs.evolve(target, is_watch=True)
    return _resource_target(group, version, rest, scheme)


def _resource_target(group: str, version: str, rest: list[str], scheme: Scheme) -> Target | None:
    if rest[0] == "namespaces" and len(rest) > 2:
        inner = scheme.by_path(group, version, rest[2])
        if inner is not None and inner.namespaced:
            return _target(inner, rest[1], rest[3:])
    resource = scheme.by_path(group, version, rest[0])
    if resource is None:
        return None
    return _target(resource, "", rest[1:])


def _target(resource: Resource, namespace: str, rest: list[str]) -> Target | None:
    name, subresource = (*rest[:2], "", "")[:2]
    if name and resource.namespaced and not namespace:
        return None
    return Target(
        resource=resource,
        namespace=namespace,
        name=name,
        subresource=subresource,
        rest="/".join(rest[2:]),
    )
