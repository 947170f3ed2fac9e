"""The audit log has the requests of the cluster's own parts too, as its policy says."""

import io
import json
from typing import Any

import attrs
import pytest

from engine.adapters.http.audit_log import AuditLog
from engine.api.core import ConfigMap, Namespace
from engine.api.frozen import FrozenDict
from engine.api.meta import ObjectMeta
from engine.apiserver.audit import DEFAULT_POLICY, read_policy
from engine.apiserver.authorization.access import Access, Decision
from engine.apiserver.errors import NotFoundError
from engine.apiserver.server import ApiServer
from engine.client.client import Client
from engine.client.link import Link
from engine.kernel.loop import Loop
from engine.kernel.rng import RandomStreams
from engine.store.watchable_store import Store

EVERYTHING = read_policy(
    {
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [{"level": "RequestResponse", "users": ["system:kube-scheduler"]}],
    },
    "policy.yaml",
)


@attrs.frozen
class Watched:
    """A client, and what the audit log says of it."""

    client: Client
    file: io.BytesIO

    def events(self) -> list[dict[str, Any]]:
        """The log so far."""
        return [json.loads(line) for line in self.file.getvalue().splitlines()]


@pytest.fixture
def scheduler() -> Watched:
    """The scheduler, which is followed in all it does."""
    loop = Loop(now=1_700_000_000.0)
    server = ApiServer(loop, Store(loop), RandomStreams(3))
    client = Client(server, Link(loop, "x"), "system:kube-scheduler", actor="kube-scheduler")
    client.create(Namespace(metadata=ObjectMeta(name="shop")))
    file = io.BytesIO()
    server.auditor = AuditLog(EVERYTHING, file, loop)
    return Watched(client, file)


def test_a_write_is_told_with_who_and_what(scheduler: Watched) -> None:
    """As one over HTTP is, path and bodies included."""
    made = ConfigMap(
        metadata=ObjectMeta(name="a", namespace="shop"), data=FrozenDict({"key": "value"})
    )

    scheduler.client.create(made)

    (event,) = scheduler.events()
    assert event["user"]["username"] == "system:kube-scheduler"
    assert event["requestURI"] == "/api/v1/namespaces/shop/configmaps"
    assert (event["verb"], event["stage"]) == ("create", "ResponseComplete")
    assert event["responseStatus"]["code"] == 201
    assert event["requestObject"]["data"] == event["responseObject"]["data"] == {"key": "value"}
    assert event["userAgent"] == "kube-scheduler"


def test_a_refusal_is_told_too(scheduler: Watched) -> None:
    """With its code and its words."""
    with pytest.raises(NotFoundError):
        scheduler.client.get(ConfigMap, "gone", namespace="shop")

    (event,) = scheduler.events()
    assert event["requestURI"] == "/api/v1/namespaces/shop/configmaps/gone"
    assert event["responseStatus"]["reason"] == "NotFound"


@pytest.mark.parametrize(
    ("decision", "said"),
    [
        (Decision(is_allowed=True, reason="RBAC: allowed by X"), ("allow", "RBAC: allowed by X")),
        (Decision(is_allowed=False), ("forbid", "")),
    ],
)
def test_what_was_decided_is_told_with_its_reason(
    scheduler: Watched, decision: Decision, said: tuple[str, str]
) -> None:
    """Under the names of Kubernetes, once it is decided."""
    log = scheduler.client.server.auditor
    assert isinstance(log, AuditLog)
    log.explain = lambda _: decision
    log.policy = attrs.evolve(EVERYTHING, omitted=())

    scheduler.client.list(ConfigMap, namespace="shop")

    received, done = scheduler.events()
    assert "annotations" not in received
    prefix = "authorization.k8s.io/"
    assert (
        done["annotations"][f"{prefix}decision"],
        done["annotations"][f"{prefix}reason"],
    ) == said


def test_who_the_policy_does_not_name_leaves_no_trace(scheduler: Watched) -> None:
    """Nothing is made of what nobody wants to read."""
    other = attrs.evolve(scheduler.client, user="jane")

    other.list(ConfigMap, namespace="shop")

    assert scheduler.events() == []


@pytest.mark.parametrize(
    ("verb", "group", "resource", "level"),
    [
        ("list", "", "pods", "None"),
        ("update", "coordination.k8s.io", "leases", "None"),
        ("create", "", "events", "None"),
        ("create", "", "pods", "Metadata"),
    ],
)
def test_by_default_the_own_parts_are_told_of_in_few_words(
    verb: str, group: str, resource: str, level: str
) -> None:
    """What they read and how they keep in touch is left out, what they do is named."""
    for user, groups in (
        ("system:kube-scheduler", ()),
        ("system:node:node-1", ("system:nodes",)),
        (
            "system:serviceaccount:kube-system:job-controller",
            ("system:serviceaccounts:kube-system",),
        ),
    ):
        access = Access(user, groups, verb, group, resource)
        assert DEFAULT_POLICY.of(access)[0] == level, user
