"""What the audit log says about which request: the policy, and events as it asks for them.

Source: k8s.io/apiserver audit/policy and audit.k8s.io/v1, kubernetes v1.34.
"""

from collections.abc import Mapping
from typing import Any, Literal

import attrs

from engine.api.codec import format_micro_time
from engine.apiserver.authentication.user import UserInfo
from engine.apiserver.authorization.access import Access
from engine.apiserver.authorization.rules import path_matches
from engine.errors import ConfigError

Level = Literal["None", "Metadata", "Request", "RequestResponse"]
LEVELS: tuple[Level, ...] = ("None", "Metadata", "Request", "RequestResponse")
STAGES = ("RequestReceived", "ResponseStarted", "ResponseComplete", "Panic")


@attrs.frozen(kw_only=True)
class ResourceRule:
    """Resources of one group (``pods``, ``pods/log``, ``*/scale``, ``*``), perhaps some names."""

    group: str = ""
    resources: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    def matches(self, access: Access) -> bool:
        """Whether *access* is about one of them."""
        if access.group != self.group:
            return False
        if not self.resources:
            return True
        wanted = {
            "*",
            access.full_resource,
            f"*/{access.subresource}" if access.subresource else access.resource,
            f"{access.resource}/*" if access.subresource else access.resource,
        }
        if not wanted & {*self.resources}:
            return False
        return not self.names or access.name in self.names


@attrs.frozen(kw_only=True)
class Rule:
    """How much is said about requests that meet every condition that is given."""

    level: Level
    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()
    resources: tuple[ResourceRule, ...] = ()
    namespaces: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    omitted: tuple[str, ...] = ()

    def matches(self, access: Access) -> bool:
        """Whether the rule is about *access*."""
        if self.users and access.user not in self.users:
            return False
        if self.groups and not {*self.groups} & {*access.groups}:
            return False
        if self.verbs and access.verb not in self.verbs:
            return False
        if self.namespaces or self.resources:
            if not access.resource or (self.namespaces and access.namespace not in self.namespaces):
                return False
            return not self.resources or any(each.matches(access) for each in self.resources)
        if self.paths:
            return not access.resource and any(
                path_matches(pattern, access.path) for pattern in self.paths
            )
        return True


@attrs.frozen(kw_only=True)
class Policy:
    """The first rule that matches says how much; without one nothing is said."""

    rules: tuple[Rule, ...]
    omitted: tuple[str, ...] = ()

    def of(self, access: Access) -> tuple[Level, tuple[str, ...]]:
        """The level for *access*, and the stages that are not told."""
        for rule in self.rules:
            if rule.matches(access):
                return rule.level, (*self.omitted, *rule.omitted)
        return "None", ()


_OWN_GROUPS = ("system:nodes", "system:serviceaccounts:kube-system")
_OWN_USERS = (
    "system:bootstrap",
    "system:kube-controller-manager",
    "system:kube-proxy",
    "system:kube-scheduler",
)

DEFAULT_POLICY = Policy(
    rules=(
        Rule(level="None", paths=("/healthz*", "/livez*", "/readyz*", "/version", "/openapi/*")),
        Rule(level="None", verbs=("get",), paths=("/api", "/api/*", "/apis", "/apis/*")),
        # What the cluster's own parts read, and how they keep in touch, would drown all else.
        Rule(level="None", groups=_OWN_GROUPS, verbs=("get", "list", "watch")),
        Rule(level="None", users=_OWN_USERS, verbs=("get", "list", "watch")),
        Rule(
            level="None",
            resources=(
                ResourceRule(group="coordination.k8s.io", resources=("leases",)),
                ResourceRule(resources=("events",)),
                ResourceRule(group="events.k8s.io", resources=("events",)),
            ),
        ),
        # What is secret stays out of the log, whoever writes or reads it.
        Rule(
            level="Metadata",
            resources=(
                ResourceRule(resources=("secrets", "configmaps", "serviceaccounts/token")),
                ResourceRule(group="authentication.k8s.io", resources=("tokenreviews",)),
            ),
        ),
        Rule(level="Metadata", groups=_OWN_GROUPS),
        Rule(level="Metadata", users=_OWN_USERS),
        Rule(level="Metadata", verbs=("get", "list", "watch")),
        Rule(level="Request", verbs=("create", "update", "patch", "delete", "deletecollection")),
        Rule(level="Metadata"),
    ),
    omitted=("RequestReceived",),
)


def read_policy(document: Any, path: str) -> Policy:
    """The policy in a decoded file of kind audit.k8s.io/v1 Policy.

    Raises:
        ConfigError: it is none; the message names the rule and the field.
    """
    if not isinstance(document, Mapping) or document.get("kind") != "Policy":
        raise ConfigError(f"{path} is no audit policy: kind: Policy was expected")
    if not document.get("rules"):
        raise ConfigError(f"{path}: an audit policy has rules, and this one has none")
    rules = tuple(
        _read_rule(rule, f"{path}: rules[{index}]") for index, rule in enumerate(document["rules"])
    )
    return Policy(rules=rules, omitted=_stages(document, path))


def _read_rule(rule: Any, where: str) -> Rule:
    if not isinstance(rule, Mapping) or rule.get("level") not in LEVELS:
        raise ConfigError(f"{where}.level: one of {', '.join(LEVELS)} was expected")
    if rule.get("nonResourceURLs") and (rule.get("resources") or rule.get("namespaces")):
        raise ConfigError(f"{where}: rules cannot apply to both regular resources and URL paths")
    return Rule(
        level=rule["level"],
        users=_texts(rule, "users", where),
        groups=_texts(rule, "userGroups", where),
        verbs=_texts(rule, "verbs", where),
        resources=tuple(
            ResourceRule(
                group=str(each.get("group") or ""),
                resources=_texts(each, "resources", where),
                names=_texts(each, "resourceNames", where),
            )
            for each in rule.get("resources") or ()
        ),
        namespaces=_texts(rule, "namespaces", where),
        paths=_texts(rule, "nonResourceURLs", where),
        omitted=_stages(rule, where),
    )


def _texts(value: Mapping[str, Any], field: str, where: str) -> tuple[str, ...]:
    found = value.get(field) or ()
    if not isinstance(found, list | tuple):
        raise ConfigError(f"{where}.{field}: a list was expected")
    return tuple(str(each) for each in found)


def _stages(value: Mapping[str, Any], where: str) -> tuple[str, ...]:
    stages = _texts(value, "omitStages", where)
    for stage in stages:
        if stage not in STAGES:
            raise ConfigError(f"{where}.omitStages: {stage!r} is none of {', '.join(STAGES)}")
    return stages


@attrs.define(kw_only=True, repr=False)
class AuditRecord:
    """One request as far as it is known; `event` tells of it at one stage."""

    audit_id: str
    uri: str
    agent: str
    sources: tuple[str, ...]
    received: float
    access: Access | None = None
    version: str = ""
    user: UserInfo | None = None
    impersonated: UserInfo | None = None
    level: Level = "None"
    omitted: tuple[str, ...] = ()
    sent: Any = None
    answered: Any = None
    code: int = 0
    decision: str = ""
    """allow or forbid; empty until it is decided."""
    reason: str = ""
    annotations: dict[str, str] = attrs.field(factory=dict)

    def event(self, stage: str, now: float) -> dict[str, Any]:
        """The event as audit.k8s.io/v1 has it."""
        assert self.access is not None
        access = self.access
        found: dict[str, Any] = {
            "kind": "Event",
            "apiVersion": "audit.k8s.io/v1",
            "level": self.level,
            "auditID": self.audit_id,
            "stage": stage,
            "requestURI": self.uri,
            "verb": access.verb,
            "user": {} if self.user is None else self.user.wire(),
        }
        if self.impersonated is not None:
            found["impersonatedUser"] = self.impersonated.wire()
        found |= {"sourceIPs": list(self.sources), "userAgent": self.agent}
        if access.resource:
            reference = {
                "resource": access.resource,
                "namespace": access.namespace,
                "name": access.name,
                "apiGroup": access.group,
                "apiVersion": self.version,
                "subresource": access.subresource,
            }
            found["objectRef"] = {key: value for key, value in reference.items() if value}
        if stage != "RequestReceived":
            found["responseStatus"] = self._status()
        if self.level in ("Request", "RequestResponse") and self.sent is not None:
            found["requestObject"] = self.sent
        if self.level == "RequestResponse" and stage == "ResponseComplete":
            found["responseObject"] = self.answered
        found["requestReceivedTimestamp"] = format_micro_time(self.received)
        found["stageTimestamp"] = format_micro_time(now)
        if stage != "RequestReceived" and self.decision:
            found["annotations"] = {
                "authorization.k8s.io/decision": self.decision,
                "authorization.k8s.io/reason": self.reason,
                **self.annotations,
            }
        return {key: value for key, value in found.items() if value is not None}

    def _status(self) -> dict[str, Any]:
        status: dict[str, Any] = {"metadata": {}, "code": self.code}
        answer = self.answered
        if isinstance(answer, Mapping) and answer.get("kind") == "Status" and self.code >= 400:
            status |= {key: answer[key] for key in ("status", "message", "reason") if key in answer}
        return status
