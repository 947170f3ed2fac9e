"""Authorization as a table: who may do what, and nobody else."""

import pytest

from engine.api.core import Namespace
from engine.api.meta import ObjectMeta
from engine.api.rbac import (
    ClusterRole,
    ClusterRoleBinding,
    PolicyRule,
    Role,
    RoleBinding,
    RoleRef,
    Subject,
)
from engine.apiserver.authentication.user import service_account_user
from engine.apiserver.authorization.access import Access
from engine.cluster import Cluster
from engine.config import ClusterConfig, make_nodes
from engine.scenario.actions import apply_yaml

AUTHENTICATED = ("system:authenticated",)
NODE_GROUPS = ("system:nodes", "system:authenticated")
GROUP = "rbac.authorization.k8s.io"

Question = tuple[str, str, str, str, str]
"""Verb, group, resource (or path), namespace, name."""

WHO: dict[str, tuple[str, tuple[str, ...]]] = {
    "admin": ("kubernetes-admin", ("system:masters", "system:authenticated")),
    "nobody": ("system:anonymous", ("system:unauthenticated",)),
    "jane (nothing)": ("jane", AUTHENTICATED),
    "eve (edit in default)": ("eve", AUTHENTICATED),
    "vic (view everywhere)": ("vic", AUTHENTICATED),
    "ada (admin in default)": ("ada", AUTHENTICATED),
    "dev (reads the pod web)": ("dev", ("devs", "system:authenticated")),
    "sa app (reads secrets of kube-public)": (
        service_account_user("default", "app").name,
        service_account_user("default", "app").groups,
    ),
    "scheduler": ("system:kube-scheduler", AUTHENTICATED),
    "controller manager": ("system:kube-controller-manager", AUTHENTICATED),
    "proxy": ("system:kube-proxy", AUTHENTICATED),
    "deployment controller": (
        service_account_user("kube-system", "deployment-controller").name,
        service_account_user("kube-system", "deployment-controller").groups,
    ),
    "namespace controller": (
        service_account_user("kube-system", "namespace-controller").name,
        service_account_user("kube-system", "namespace-controller").groups,
    ),
    "node-1": ("system:node:node-1", NODE_GROUPS),
    "called like a node": ("system:node:node-1", AUTHENTICATED),
}

# Every question, and everybody who may: who is not named may not.
TABLE: list[tuple[Question, set[str]]] = [
    (("get", "", "/healthz", "", ""), {*WHO}),
    (("get", "", "/version", "", ""), {*WHO}),
    (("get", "", "/apis/apps/v1", "", ""), {*WHO} - {"nobody"}),
    (("get", "", "/metrics", "", ""), {"admin"}),
    (("get", "", "/api/other", "", ""), {*WHO} - {"nobody"}),
    (
        ("list", "", "pods", "default", ""),
        {
            "admin", "eve (edit in default)", "vic (view everywhere)", "ada (admin in default)",
            "scheduler", "controller manager", "deployment controller", "namespace controller",
        },
    ),
    (
        ("list", "", "pods", "", ""),
        {
            "admin", "vic (view everywhere)", "scheduler", "controller manager",
            "deployment controller", "namespace controller",
        },
    ),
    (
        ("get", "", "pods", "default", "web"),
        {
            "admin", "eve (edit in default)", "vic (view everywhere)", "ada (admin in default)",
            "dev (reads the pod web)", "scheduler", "deployment controller",
            "namespace controller",
        },
    ),
    (
        ("create", "", "pods", "default", ""),
        {"admin", "eve (edit in default)", "ada (admin in default)", "node-1"},
    ),
    (("create", "", "pods", "kube-public", ""), {"admin", "node-1"}),
    (
        ("create", "", "pods/exec", "default", "web"),
        {"admin", "eve (edit in default)", "ada (admin in default)"},
    ),
    (("create", "", "pods/binding", "default", "web"), {"admin", "scheduler"}),
    (
        ("get", "", "secrets", "default", "x"),
        {
            "admin", "eve (edit in default)", "ada (admin in default)", "controller manager",
            "namespace controller",
        },
    ),
    (
        ("get", "", "secrets", "kube-public", "x"),
        {
            "admin", "sa app (reads secrets of kube-public)", "controller manager",
            "namespace controller",
        },
    ),
    (("create", GROUP, "roles", "default", ""), {"admin", "ada (admin in default)"}),
    (("create", GROUP, "clusterroles", "", ""), {"admin"}),
    (("update", "apps", "deployments/status", "default", "d"), {"admin", "deployment controller"}),
    (
        ("create", "apps", "replicasets", "default", ""),
        {
            "admin", "eve (edit in default)", "ada (admin in default)", "deployment controller",
        },
    ),
    (("delete", "", "namespaces", "default", "default"), {"admin", "namespace controller"}),
    (
        ("get", "", "nodes", "", "node-1"),
        {"admin", "scheduler", "proxy", "node-1", "namespace controller"},
    ),
    (("get", "", "nodes", "", "node-2"), {"admin", "scheduler", "proxy", "namespace controller"}),
    (("update", "", "nodes/status", "", "node-1"), {"admin", "node-1"}),
    (
        ("update", "coordination.k8s.io", "leases", "kube-node-lease", "node-1"),
        {"admin", "node-1"},
    ),
    (("update", "coordination.k8s.io", "leases", "kube-node-lease", "node-2"), {"admin"}),
    (
        ("create", "authorization.k8s.io", "selfsubjectaccessreviews", "", ""),
        {*WHO} - {"nobody"},
    ),
    (
        ("create", "authorization.k8s.io", "subjectaccessreviews", "", ""),
        {"admin", "scheduler", "controller manager", "node-1"},
    ),
    (("impersonate", "", "users", "", "jane"), {"admin"}),
    (
        ("impersonate", "", "serviceaccounts", "default", "app"),
        {"admin", "eve (edit in default)", "ada (admin in default)"},
    ),
    (("get", "", "persistentvolumes", "", "v"), {"admin", "scheduler", "namespace controller"}),
]  # fmt: skip


WORKLOADS = """
apiVersion: v1
kind: Namespace
metadata: {name: work}
---
apiVersion: v1
kind: Secret
metadata: {name: secret}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: main, image: demo:v1}]
      volumes: [{name: s, secret: {secretName: secret}}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: db
  selector: {matchLabels: {app: db}}
  template: {metadata: {labels: {app: db}}, spec: {containers: [{name: main, image: demo:v1}]}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  template: {metadata: {labels: {app: agent}}, spec: {containers: [{name: main, image: demo:v1}]}}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: tick}
spec:
  schedule: "* * * * *"
  jobTemplate:
    spec:
      ttlSecondsAfterFinished: 5
      template:
        spec: {restartPolicy: Never, containers: [{name: main, image: busybox, command: ["true"]}]}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec: {maxReplicas: 5, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}
"""


def bound(role: str, kind: str, who: str, namespace: str = "") -> RoleBinding | ClusterRoleBinding:
    """A binding of a cluster role, in a namespace or everywhere."""
    ref = RoleRef(api_group=GROUP, kind="ClusterRole", name=role)
    subjects = (Subject(kind=kind, name=who, api_group=GROUP),)
    meta = ObjectMeta(name=f"{who}-{role}", namespace=namespace)
    cls = RoleBinding if namespace else ClusterRoleBinding
    return cls(metadata=meta, role_ref=ref, subjects=subjects)


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    """A cluster in which some users have been given something."""
    made = Cluster(config=ClusterConfig(nodes=make_nodes(2)))
    made.start()
    made.run_for(3.0)
    made.apply(
        bound("edit", "User", "eve", "default"),
        bound("view", "User", "vic"),
        bound("admin", "User", "ada", "default"),
        Role(
            metadata=ObjectMeta(name="web", namespace="default"),
            rules=(
                PolicyRule(
                    verbs=("get",), api_groups=("",), resources=("pods",), resource_names=("web",)
                ),
            ),
        ),
        RoleBinding(
            metadata=ObjectMeta(name="devs", namespace="default"),
            role_ref=RoleRef(api_group=GROUP, kind="Role", name="web"),
            subjects=(Subject(kind="Group", name="devs", api_group=GROUP),),
        ),
        ClusterRole(
            metadata=ObjectMeta(name="secret-reader"),
            rules=(PolicyRule(verbs=("get",), api_groups=("",), resources=("secrets",)),),
        ),
        RoleBinding(
            metadata=ObjectMeta(name="app", namespace="kube-public"),
            role_ref=RoleRef(api_group=GROUP, kind="ClusterRole", name="secret-reader"),
            subjects=(Subject(kind="ServiceAccount", name="app", namespace="default"),),
        ),
    )
    return made


@pytest.mark.parametrize(
    ("question", "allowed"), TABLE, ids=[" ".join(filter(None, row[0])) for row in TABLE]
)
def test_who_may_do_what(cluster: Cluster, question: Question, allowed: set[str]) -> None:
    """Everybody who is named may, and nobody else."""
    verb, group, what, namespace, name = question
    found = set()
    for label, (user, groups) in WHO.items():
        access = Access(user, groups, verb, path=what)
        if not what.startswith("/"):
            resource, _, sub = what.partition("/")
            access = Access(user, groups, verb, group, resource, sub, namespace, name)
        assert cluster.server.authorizer is not None
        if cluster.server.authorizer.decide(access).is_allowed:
            found.add(label)

    assert found == allowed


def test_a_binding_that_goes_takes_the_right_along(cluster: Cluster) -> None:
    """What was decided before is not remembered after the binding is gone."""
    access = Access("zoe", AUTHENTICATED, "list", "", "pods", "", "default")
    authorizer = cluster.server.authorizer
    assert authorizer is not None
    cluster.apply(bound("view", "User", "zoe", "default"))
    before = authorizer.decide(access).is_allowed

    cluster.admin.delete(RoleBinding, "zoe-view", namespace="default")

    assert before
    assert not authorizer.decide(access).is_allowed


def test_no_part_of_the_cluster_is_refused_what_it_needs(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Every component's role covers what it does: start, workloads, faults, deletion."""
    made = Cluster(config=ClusterConfig(nodes=make_nodes(3)))
    made.start()
    made.run_for(10.0)
    apply_yaml(made.admin, WORKLOADS, "work")
    made.run_for(130.0)
    made.controls.partition_node("node-1")
    made.controls.crash_node("node-2")
    made.run_for(400.0)
    made.controls.heal_node("node-1")
    made.controls.restore_node("node-2")
    made.run_for(60.0)
    made.admin.delete(Namespace, "work")
    made.run_for(60.0)

    refused = [record.getMessage() for record in caplog.records if "refused" in record.msg]
    assert refused == []
    assert "work" not in [namespace.metadata.name for namespace in made.list(Namespace)]
