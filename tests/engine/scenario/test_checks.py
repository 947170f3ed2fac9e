"""Claims about a cluster."""

from collections.abc import Iterable
from typing import Any

import attrs
import pytest

from engine.scenario.checks import HttpAnswer, evaluate, look_up
from engine.scenario.schema import Predicate

NODE = {
    "metadata": {"name": "n1", "generation": 1},
    "spec": {"taints": [{"key": "team", "value": "db", "effect": "NoSchedule"}]},
    "status": {
        "allocatable": {"cpu": "1500m"},
        "conditions": [{"type": "Ready", "status": "True"}],
    },
}
DEPLOYMENT = {
    "metadata": {"name": "web", "generation": 2},
    "spec": {"replicas": 3},
    "status": {
        "observedGeneration": 2,
        "replicas": 4,
        "updatedReplicas": 3,
        "availableReplicas": 4,
    },
}


@attrs.define
class FixedView:
    """A cluster that stands still."""

    objects: dict[str, dict[str, Any]]
    answer: HttpAnswer | None = None

    def find(self, reference: str, _namespace: str) -> dict[str, Any] | None:
        """By its reference."""
        return self.objects.get(reference)

    def events(self) -> Iterable[dict[str, Any]]:
        """Three kills of one pod, one of another."""
        pod = {"kind": "Pod", "name": "web-1"}
        return [
            {"reason": "Killing", "count": 3, "involvedObject": pod},
            {"reason": "Killing", "count": 1, "involvedObject": {"kind": "Pod", "name": "web-2"}},
        ]

    def active_faults(self) -> int:
        """One."""
        return 1

    def http(self, _target: str, _namespace: str) -> HttpAnswer | None:
        """Always the same."""
        return self.answer

    def dns(self, _name: str) -> tuple[str, ...]:
        """No name resolves."""
        return ()

    def log(self, _reference: str, _container: str, _namespace: str) -> str | None:
        """Nothing was written."""
        return ""

    def usage(self, _reference: str, _resource: str, _namespace: str) -> str | None:
        """Nothing is measured."""
        return None

    def violations(self, _invariant: str) -> tuple[str, ...]:
        """All invariants hold."""
        return ()

    def may(self, user: str, access: str, namespace: str) -> bool:
        """Mina may list pods in default."""
        return (user, access, namespace) == ("mina", "list pods", "default")


@pytest.mark.parametrize(
    ("claim", "holds"),
    [
        (Predicate(object="node/n1"), True),
        (Predicate(object="node/n2"), False),
        (Predicate(object="node/n2", exists=False), True),
        (Predicate(object="node/n1", condition="Ready"), True),
        (Predicate(access="list pods", user="mina"), True),
        (Predicate(access="list pods", user="mina", value=False), False),
        (Predicate(access="list pods", user="mina", namespace="kube-system"), False),
        (Predicate(access="delete pods", user="mina", value=False), True),
        (Predicate(object="node/n1", condition="DiskPressure"), False),
        (
            Predicate(object="node/n1", path="spec.taints[key=team].effect", value="NoSchedule"),
            True,
        ),
        (Predicate(object="node/n1", path="spec.taints[0].value", op="in", value=["db"]), True),
        (Predicate(object="node/n1", path="status.podCount", value=0), True),
        (
            Predicate(
                object="node/n1", path="status.allocatable.cpu", as_="quantity", op=">", value="1"
            ),
            True,
        ),
        (Predicate(rollout="deployment/web"), False),
        (Predicate(events="reason=Killing", op=">=", value=4), True),
        (Predicate(events="pod/web-2 reason=Killing", op="==", value=1), True),
        (Predicate(events="reason=Started"), False),
        (Predicate(faults_active=1), True),
        (Predicate(), False),
    ],
)
def test_claims_are_decided_by_what_the_cluster_shows(claim: Predicate, *, holds: bool) -> None:
    """Objects, conditions, rollouts, events and faults."""
    view = FixedView({"node/n1": NODE, "deployment/web": DEPLOYMENT})

    assert evaluate(claim, view).holds is holds


def test_a_rollout_is_complete_when_no_old_pod_is_left() -> None:
    """As `kubectl rollout status` decides."""
    done = {**DEPLOYMENT, "status": {**DEPLOYMENT["status"], "replicas": 3}}  # type: ignore[dict-item]  # a dict

    assert evaluate(Predicate(rollout="deployment/web"), FixedView({"deployment/web": done})).holds


def test_an_http_claim_waits_for_its_answer() -> None:
    """Pending is neither true nor failed."""
    claim = Predicate(http="service/web:80/", expect="v2")

    assert evaluate(claim, FixedView({})).is_pending
    assert evaluate(claim, FixedView({}, HttpAnswer(status=200, body="hello v2"))).holds
    assert not evaluate(claim, FixedView({}, HttpAnswer(status=500, body="v2"))).holds
    assert not evaluate(claim, FixedView({}, HttpAnswer(status=200, body="v1"))).holds


def test_a_path_that_leads_nowhere_is_none() -> None:
    """Never an error: the field may come later."""
    assert look_up(NODE, "status.volumes[3].name") is None
    assert look_up(NODE, "metadata.name.deeper") is None
