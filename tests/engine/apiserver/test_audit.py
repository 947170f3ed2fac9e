"""The audit policy: which request is told of, and how much of it."""

from typing import Any

import pytest

from engine.apiserver.audit import DEFAULT_POLICY, AuditRecord, read_policy
from engine.apiserver.authentication.user import UserInfo
from engine.apiserver.authorization.access import Access
from engine.errors import ConfigError

JANE = ("jane", ("devs", "system:authenticated"))


def access(verb: str, what: str, *, namespace: str = "default", group: str = "") -> Access:
    """Jane's request on a resource, or on a path."""
    if what.startswith("/"):
        return Access(*JANE, verb, path=what)
    resource, _, sub = what.partition("/")
    return Access(*JANE, verb, group, resource, sub, namespace, "x")


POLICY = {
    "kind": "Policy",
    "apiVersion": "audit.k8s.io/v1",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "None", "users": ["bob"]},
        {"level": "None", "nonResourceURLs": ["/healthz*"]},
        {"level": "RequestResponse", "resources": [{"group": "", "resources": ["pods"]}]},
        {"level": "Metadata", "resources": [{"group": "", "resources": ["pods/log", "*/status"]}]},
        {"level": "Request", "verbs": ["delete"], "namespaces": ["kube-system"]},
        {
            "level": "None",
            "resources": [{"resources": ["configmaps"], "resourceNames": ["x"]}],
            "omitStages": ["ResponseStarted"],
        },
        {"level": "Metadata", "userGroups": ["devs"]},
    ],
}


@pytest.mark.parametrize(
    ("asked", "level"),
    [
        pytest.param(access("get", "/healthz/ping"), "None", id="path"),
        pytest.param(access("get", "pods"), "RequestResponse", id="resource"),
        pytest.param(access("get", "pods/log"), "Metadata", id="subresource"),
        pytest.param(access("update", "nodes/status"), "Metadata", id="any status"),
        pytest.param(
            access("delete", "secrets", namespace="kube-system"), "Request", id="verb and namespace"
        ),
        pytest.param(access("get", "configmaps"), "None", id="name"),
        pytest.param(access("get", "deployments", group="apps"), "Metadata", id="group of users"),
        pytest.param(Access("eve", (), "get", "", "nodes"), "None", id="no rule"),
    ],
)
def test_the_first_rule_that_matches_decides(asked: Access, level: str) -> None:
    """By user, group, verb, resource, name, namespace and path."""
    assert read_policy(POLICY, "policy.yaml").of(asked)[0] == level


@pytest.mark.parametrize("verb", ["create", "update", "patch", "get", "list"])
@pytest.mark.parametrize("what", ["secrets", "serviceaccounts/token", "configmaps"])
def test_our_own_policy_writes_no_secrets_down(verb: str, what: str) -> None:
    """Never more than who did what to which."""
    assert DEFAULT_POLICY.of(access(verb, what))[0] == "Metadata"


def test_an_event_tells_who_did_what() -> None:
    """User, impersonated user, object, code and bodies, as audit.k8s.io/v1 names them."""
    record = AuditRecord(
        audit_id="1",
        uri="/api/v1/namespaces/default/pods/x",
        agent="kubectl/v1.33",
        sources=("127.0.0.1",),
        received=1_700_000_000.0,
        access=access("delete", "pods"),
        version="v1",
        user=UserInfo(name="admin", groups=("system:masters",)),
        impersonated=UserInfo(name="jane"),
        level="RequestResponse",
        sent={"kind": "DeleteOptions"},
        answered={"kind": "Status", "status": "Failure", "message": "no", "reason": "Forbidden"},
        code=403,
    )

    event = record.event("ResponseComplete", 1_700_000_000.25)

    assert event["verb"] == "delete"
    assert event["user"] == {"username": "admin", "groups": ["system:masters"]}
    assert event["impersonatedUser"] == {"username": "jane"}
    assert event["objectRef"] == {
        "resource": "pods", "namespace": "default", "name": "x", "apiVersion": "v1",
    }  # fmt: skip
    assert event["responseStatus"] == {
        "metadata": {}, "code": 403, "status": "Failure", "message": "no", "reason": "Forbidden",
    }  # fmt: skip
    assert event["requestObject"] == {"kind": "DeleteOptions"}
    assert event["stageTimestamp"] == "2023-11-14T22:13:20.250000Z"


@pytest.mark.parametrize(
    ("document", "message"),
    [
        pytest.param([], "kind: Policy was expected", id="no policy"),
        pytest.param({"kind": "Policy"}, "has rules", id="no rules"),
        pytest.param(
            {"kind": "Policy", "rules": [{"level": "All"}]}, r"rules\[0\]\.level", id="level"
        ),
        pytest.param(
            {"kind": "Policy", "rules": [{"level": "None", "omitStages": ["x"]}]},
            "omitStages",
            id="stage",
        ),
        pytest.param(
            {"kind": "Policy", "rules": [{"level": "None", "verbs": "get"}]}, "a list", id="text"
        ),
    ],
)
def test_a_wrong_policy_is_told_by_field(document: Any, message: str) -> None:
    """Which rule, which field."""
    with pytest.raises(ConfigError, match=message):
        read_policy(document, "policy.yaml")
