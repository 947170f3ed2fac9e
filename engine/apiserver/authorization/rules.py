"""RBAC rules as values: which requests one allows, which other rules it covers. Knows no users.

Source: pkg/apis/rbac/v1/evaluation_helpers.go, component-helpers/auth/rbac/validation,
kubernetes v1.34.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import attrs

from engine.api.rbac import PolicyRule
from engine.apiserver.authorization.access import Access

ALL = "*"


@attrs.frozen(kw_only=True)
class Rule:
    """Verbs on resources (of groups, perhaps of some names only), or on paths."""

    verbs: tuple[str, ...]
    groups: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()

    def policy(self) -> PolicyRule:
        """The rule as a role holds it."""
        return PolicyRule(
            verbs=self.verbs,
            api_groups=self.groups,
            resources=self.resources,
            resource_names=self.names,
            non_resource_urls=self.paths,
        )

    def wire(self) -> dict[str, Any]:
        """The rule as JSON, as reviews list it."""
        fields = {
            "verbs": self.verbs,
            "apiGroups": self.groups,
            "resources": self.resources,
            "resourceNames": self.names,
            "nonResourceURLs": self.paths,
        }
        return {key: list(values) for key, values in fields.items() if values}

    def __str__(self) -> str:
        fields = (
            ("APIGroups", self.groups),
            ("Resources", self.resources),
            ("ResourceNames", self.names),
            ("NonResourceURLs", self.paths),
            ("Verbs", self.verbs),
        )
        shown = (
            f"{name}:[{' '.join(f'{chr(34)}{value}{chr(34)}' for value in values)}]"
            for name, values in fields
            if values
        )
        return "{" + ", ".join(shown) + "}"


def read_rule(policy: PolicyRule) -> Rule:
    """The rule that a role holds."""
    return Rule(
        verbs=policy.verbs,
        groups=policy.api_groups,
        resources=policy.resources,
        names=policy.resource_names,
        paths=policy.non_resource_urls,
    )


def allows(rule: Rule, access: Access) -> bool:
    """Whether *rule* allows *access*, wherever it is."""
    if access.verb not in rule.verbs and ALL not in rule.verbs:
        return False
    if not access.resource:
        return any(path_matches(pattern, access.path) for pattern in rule.paths)
    return (
        (access.group in rule.groups or ALL in rule.groups)
        and resource_matches(rule.resources, access.resource, access.subresource)
        and (not rule.names or access.name in rule.names)
    )


def resource_matches(patterns: tuple[str, ...], resource: str, subresource: str) -> bool:
    """Whether one of *patterns* (``pods``, ``pods/log``, ``*/scale``, ``*``) means the resource."""
    if ALL in patterns:
        return True
    if not subresource:
        return resource in patterns
    return f"{resource}/{subresource}" in patterns or f"*/{subresource}" in patterns


def path_matches(pattern: str, path: str) -> bool:
    """Whether *pattern* (``/healthz``, ``/api/*``, ``*``) means the path."""
    if pattern in (ALL, path):
        return True
    return pattern.endswith("*") and path.startswith(pattern.rstrip("*"))


def uncovered(wanted: Iterable[Rule], owned: Iterable[Rule]) -> list[Rule]:
    """What of *wanted* none of *owned* allows, merged by resource: what nobody may give away."""
    kept = tuple(owned)
    found: dict[Rule, dict[str, None]] = {}
    for rule in wanted:
        for piece in _pieces(rule):
            if not any(_covers(each, piece) for each in kept):
                found.setdefault(attrs.evolve(piece, verbs=()), {})[piece.verbs[0]] = None
    return [attrs.evolve(rule, verbs=tuple(verbs)) for rule, verbs in found.items()]


def _pieces(rule: Rule) -> Iterator[Rule]:
    """*rule* as rules of one verb on one resource (of one name) or one path each."""
    for group in rule.groups:
        for resource in rule.resources:
            for name in rule.names or ("",):
                for verb in rule.verbs:
                    yield Rule(
                        verbs=(verb,),
                        groups=(group,),
                        resources=(resource,),
                        names=(name,) if name else (),
                    )
    for path in rule.paths:
        for verb in rule.verbs:
            yield Rule(verbs=(verb,), paths=(path,))


def _covers(owned: Rule, piece: Rule) -> bool:
    if ALL not in owned.verbs and piece.verbs[0] not in owned.verbs:
        return False
    if piece.paths:
        wanted = piece.paths[0]
        return any(
            pattern in (ALL, wanted)
            or (pattern.endswith("*") and wanted.startswith(pattern.rstrip("*")))
            for pattern in owned.paths
        )
    (group,), (resource,) = piece.groups, piece.resources
    name, _, sub = resource.partition("/")
    return (
        (ALL in owned.groups or group in owned.groups)
        and (resource in owned.resources or resource_matches(owned.resources, name, sub))
        and (not owned.names or bool(piece.names and piece.names[0] in owned.names))
    )
