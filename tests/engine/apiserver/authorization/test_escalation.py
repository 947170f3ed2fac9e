"""Nobody gives away what he does not have."""

import attrs
import pytest

from engine.api.meta import ObjectMeta
from engine.api.rbac import ClusterRole, PolicyRule, Role, RoleBinding, RoleRef, Subject
from engine.apiserver.errors import ForbiddenError
from engine.client.client import Client
from engine.cluster import Cluster
from engine.config import ClusterConfig, make_nodes

GROUP = "rbac.authorization.k8s.io"
READS_PODS = PolicyRule(verbs=("get",), api_groups=("",), resources=("pods",))
READS_NODES = PolicyRule(verbs=("get", "list"), api_groups=("",), resources=("nodes",))


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    """A cluster in which ada is admin of the namespace default."""
    made = Cluster(config=ClusterConfig(nodes=make_nodes(1)))
    made.start()
    made.run_for(3.0)
    made.apply(
        RoleBinding(
            metadata=ObjectMeta(name="ada", namespace="default"),
            role_ref=RoleRef(api_group=GROUP, kind="ClusterRole", name="admin"),
            subjects=(Subject(kind="User", name="ada", api_group=GROUP),),
        )
    )
    return made


@pytest.fixture
def ada(cluster: Cluster) -> Client:
    """What ada asks with."""
    return cluster.client("ada", user="ada")


def role(name: str, *rules: PolicyRule) -> Role:
    """A role in the namespace default."""
    return Role(metadata=ObjectMeta(name=name, namespace="default"), rules=rules)


def test_a_role_of_what_one_has_may_be_made(ada: Client) -> None:
    """The rules of a new role must be covered by the rules of who makes it."""
    assert ada.create(role("mine", READS_PODS)).rules == (READS_PODS,)


def test_a_role_of_more_is_refused_with_what_is_missing(ada: Client) -> None:
    """The refusal lists the rules that are not held, merged by resource."""
    with pytest.raises(ForbiddenError) as caught:
        ada.create(role("more", READS_PODS, READS_NODES))

    assert caught.value.message == (
        'roles.rbac.authorization.k8s.io "more" is forbidden: user "ada" '
        '(groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently '
        'held:\n{APIGroups:[""], Resources:["nodes"], Verbs:["get" "list"]}'
    )


def test_a_role_may_not_grow_beyond_what_one_has(ada: Client) -> None:
    """An update is looked at like a new role, unless it changes no rule."""
    made = ada.create(role("grows", READS_PODS))
    labels = made.metadata.labels.with_items({"a": "b"})

    labelled = ada.update(attrs.evolve(made, metadata=attrs.evolve(made.metadata, labels=labels)))

    with pytest.raises(ForbiddenError):
        ada.update(attrs.evolve(labelled, rules=(READS_NODES,)))


def test_a_role_of_more_may_not_be_bound(ada: Client) -> None:
    """Binding a role gives its rules away, so they must be held, or `bind` on the role."""
    binding = RoleBinding(
        metadata=ObjectMeta(name="b", namespace="default"),
        role_ref=RoleRef(api_group=GROUP, kind="ClusterRole", name="cluster-admin"),
        subjects=(Subject(kind="User", name="ada", api_group=GROUP),),
    )

    with pytest.raises(ForbiddenError, match="not currently held"):
        ada.create(binding)


def test_the_verbs_escalate_and_bind_lift_the_limit(cluster: Cluster, ada: Client) -> None:
    """Who may escalate roles may write any rule; who may bind a role may give it to anyone."""
    cluster.apply(
        role(
            "lifted",
            PolicyRule(verbs=("escalate",), api_groups=(GROUP,), resources=("roles",)),
            PolicyRule(
                verbs=("bind",),
                api_groups=(GROUP,),
                resources=("clusterroles",),
                resource_names=("cluster-admin",),
            ),
        ),
        RoleBinding(
            metadata=ObjectMeta(name="lifted", namespace="default"),
            role_ref=RoleRef(api_group=GROUP, kind="Role", name="lifted"),
            subjects=(Subject(kind="User", name="bob", api_group=GROUP),),
        ),
        RoleBinding(
            metadata=ObjectMeta(name="bob", namespace="default"),
            role_ref=RoleRef(api_group=GROUP, kind="ClusterRole", name="admin"),
            subjects=(Subject(kind="User", name="bob", api_group=GROUP),),
        ),
    )
    bob = cluster.client("bob", user="bob")

    assert bob.create(role("any", READS_NODES)).metadata.uid
    assert bob.create(
        RoleBinding(
            metadata=ObjectMeta(name="any", namespace="default"),
            role_ref=RoleRef(api_group=GROUP, kind="ClusterRole", name="cluster-admin"),
        )
    ).metadata.uid


def test_an_aggregated_role_is_the_sum_of_what_is_labelled_for_it(cluster: Cluster) -> None:
    """A ClusterRole with the label counts for `view` a moment later, and for `edit` and `admin`."""
    meta = ObjectMeta(name="views-faults")
    labels = meta.labels.with_items({f"{GROUP}/aggregate-to-view": "true"})
    rule = PolicyRule(verbs=("get",), api_groups=("kubarium.dev",), resources=("faults",))
    cluster.apply(ClusterRole(metadata=attrs.evolve(meta, labels=labels), rules=(rule,)))

    cluster.run_for(2.0)

    for name in ("view", "edit", "admin"):
        assert rule in cluster.get(ClusterRole, name).rules
