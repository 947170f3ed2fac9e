"""Who owns which fields after creates, updates and patches that are not applies."""

from typing import Any

import attrs

from engine.api.codec import encode
from engine.api.core import ConfigMap, Namespace
from engine.api.frozen import FrozenDict
from engine.api.meta import Condition, ObjectMeta
from engine.apiserver.field_tracking import manager_of
from engine.apiserver.request import PatchBody, RequestInfo
from engine.apiserver.server import ApiServer

ALICE = RequestInfo(user="alice", actor="kubectl-create")
BOB = RequestInfo(user="bob", actor="python")


def settings(**data: str) -> ConfigMap:
    """A config map in the namespace default."""
    meta = ObjectMeta(name="settings", namespace="default")
    return ConfigMap(metadata=meta, data=FrozenDict(data))


def owners(obj: Any) -> dict[tuple[str, str], Any]:
    """The fields each manager owns, by its name and operation."""
    entries = encode(obj)["metadata"].get("managedFields", ())
    return {(one["manager"], one["operation"]): one["fieldsV1"] for one in entries}


def test_who_creates_an_object_owns_what_he_set(server: ApiServer) -> None:
    """By the name of his program; the server's own fields are nobody's."""
    made = server.create(settings(a="1"), request=ALICE)

    assert owners(made) == {("kubectl-create", "Update"): {"f:data": {".": {}, "f:a": {}}}}


def test_who_changes_a_field_takes_it_over(server: ApiServer) -> None:
    """What he leaves as it is stays with its owner."""
    server.create(settings(a="1", b="1"), request=ALICE)

    body = PatchBody(type="application/merge-patch+json", data={"data": {"b": "2", "c": "1"}})
    changed = server.patch(ConfigMap, "settings", namespace="default", patch=body, request=BOB)

    assert owners(changed) == {
        ("kubectl-create", "Update"): {"f:data": {".": {}, "f:a": {}}},
        ("python", "Update"): {"f:data": {"f:b": {}, "f:c": {}}},
    }


def test_the_status_belongs_to_who_writes_it(server: ApiServer) -> None:
    """As an entry of its own, with the subresource."""
    made = server.create(Namespace(metadata=ObjectMeta(name="team")), request=ALICE)
    condition = Condition(type="Odd", status="True")
    status = attrs.evolve(made.status, conditions=(condition,))

    changed = server.update(attrs.evolve(made, status=status), subresource="status", request=BOB)

    entries = {one["manager"]: one for one in encode(changed)["metadata"]["managedFields"]}
    assert entries["python"]["subresource"] == "status"
    assert list(entries["python"]["fieldsV1"]) == ["f:status"]
    assert "f:status" not in entries["kubectl-create"]["fieldsV1"]


def test_managers_can_be_cleared_for_good(server: ApiServer) -> None:
    """One empty entry takes all away; later writes are not tracked either."""
    made = server.create(settings(a="1"), request=ALICE)
    metadata = attrs.evolve(made.metadata, managed_fields=(FrozenDict(),))

    cleared = server.update(attrs.evolve(made, metadata=metadata), request=BOB)
    changed = server.update(attrs.evolve(cleared, data=FrozenDict(a="2")), request=BOB)

    assert owners(cleared) == owners(changed) == {}


def test_components_own_fields_under_the_names_of_their_programs() -> None:
    """All controllers are one program; a kubelet's node is not part of its name."""
    names = [
        manager_of(RequestInfo(user=user, actor=actor))
        for user, actor in (
            ("system:serviceaccount:kube-system:deployment-controller", "deployment-controller"),
            ("system:kube-scheduler", "scheduler"),
            ("system:node:node-1", "kubelet/node-1"),
        )
    ]

    assert names == ["kube-controller-manager", "kube-scheduler", "kubelet"]
