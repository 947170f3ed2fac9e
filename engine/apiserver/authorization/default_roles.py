"""The roles and bindings a cluster begins with, as a table of our own. Knows no store.

A line of a role: verbs, then what they are allowed on: ``GROUP:RESOURCE,…`` (``-`` is the core
group), with ``=NAME,…`` for some names only, or paths. ``R`` stands for get, list and watch, ``W``
for the verbs that write.

Source: plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go, kubernetes v1.34.
"""

from collections.abc import Iterator

import attrs

from engine.apiserver.authorization.controller_roles import CONTROLLER_ROLES
from engine.apiserver.authorization.rules import Rule

READ = ("get", "list", "watch")
WRITE = ("create", "delete", "deletecollection", "patch", "update")

_ROLES = """
cluster-admin
  * *:*
  * *
system:discovery
  get /api /api/* /apis /apis/* /healthz /livez /openapi /openapi/* /readyz /version /version/
system:public-info-viewer
  get /healthz /livez /readyz /version /version/
system:monitoring
  get /healthz /healthz/* /livez /livez/* /metrics /metrics/slis /readyz /readyz/*
system:basic-user
  create authorization.k8s.io:selfsubjectaccessreviews,selfsubjectrulesreviews
  create authentication.k8s.io:selfsubjectreviews
system:heapster
  R -:events,pods,nodes,namespaces
  R apps:deployments
system:node-problem-detector
  get -:nodes
  patch -:nodes/status
  create,patch,update -:events events.k8s.io:events
system:kubelet-api-admin
  R -:nodes
  proxy -:nodes
  * -:nodes/proxy,nodes/metrics,nodes/spec,nodes/stats,nodes/log,nodes/healthz,nodes/pods,nodes/configz
system:node-bootstrapper
  create,R certificates.k8s.io:certificatesigningrequests
system:metrics-server
  get -:nodes/metrics
  R -:pods,nodes
system:auth-delegator
  create authentication.k8s.io:tokenreviews authorization.k8s.io:subjectaccessreviews
system:kube-aggregator
  R -:services,endpoints
system:node
  create authentication.k8s.io:tokenreviews
  create authorization.k8s.io:subjectaccessreviews,localsubjectaccessreviews
  R -:services
  create,R,update,patch -:nodes
  update,patch -:nodes/status
  create,patch,update -:events events.k8s.io:events
  R,create,delete -:pods
  update,patch -:pods/status
  create -:pods/eviction
  R -:configmaps,secrets
  get -:persistentvolumeclaims,persistentvolumes,endpoints
  get,update,patch -:persistentvolumeclaims/status
  create,R certificates.k8s.io:certificatesigningrequests
  get storage.k8s.io:volumeattachments
  create -:serviceaccounts/token
  create,delete,get,patch,update coordination.k8s.io:leases
  R storage.k8s.io:csidrivers
  create,delete,get,patch,update storage.k8s.io:csinodes
  R node.k8s.io:runtimeclasses
  get resource.k8s.io:resourceclaims
  deletecollection,R,create,update,patch,delete resource.k8s.io:resourceslices
  R certificates.k8s.io:clustertrustbundles
system:node-proxier
  R -:services,endpoints,nodes
  create,patch,update -:events events.k8s.io:events
  R discovery.k8s.io:endpointslices
  R networking.k8s.io:servicecidrs
system:kube-scheduler
  create,patch,update -:events events.k8s.io:events
  create coordination.k8s.io:leases
  get,update,patch,list,watch coordination.k8s.io:leases=kube-scheduler
  create coordination.k8s.io:leasecandidates
  R,update,patch,delete coordination.k8s.io:leasecandidates
  R -:nodes
  R,delete -:pods
  create -:pods/binding,bindings
  patch,update -:pods/status
  R -:replicationcontrollers,services
  R apps,extensions:replicasets
  R apps:statefulsets
  R policy:poddisruptionbudgets
  R -:persistentvolumeclaims,persistentvolumes
  create authentication.k8s.io:tokenreviews
  create authorization.k8s.io:subjectaccessreviews
  R storage.k8s.io:csinodes,csidrivers,csistoragecapacities,volumeattachments
  R -:namespaces
  R resource.k8s.io:deviceclasses,resourceclaims,resourceslices
  R,update,patch resource.k8s.io:resourceclaims/status
  update,patch resource.k8s.io:resourceclaims
system:kube-dns
  list,watch -:endpoints,services
system:persistent-volume-provisioner
  R,create,delete -:persistentvolumes
  R,update -:persistentvolumeclaims
  R storage.k8s.io:storageclasses
  watch -:events
  create,patch,update -:events events.k8s.io:events
system:volume-scheduler
  R,patch,update -:persistentvolumes
  R storage.k8s.io:storageclasses
  R,patch,update -:persistentvolumeclaims
system:kube-controller-manager
  create,patch,update -:events events.k8s.io:events
  create coordination.k8s.io:leases
  get,update,patch,list,watch coordination.k8s.io:leases=kube-controller-manager
  create -:secrets,serviceaccounts
  delete -:secrets
  get -:namespaces,secrets,serviceaccounts,configmaps
  update -:secrets,serviceaccounts
  create authentication.k8s.io:tokenreviews
  create authorization.k8s.io:subjectaccessreviews
  list,watch *:*
  create -:serviceaccounts/token
system:service-account-issuer-discovery
  get /.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks /openid/v1/jwks/
system:certificates.k8s.io:certificatesigningrequests:nodeclient
  create certificates.k8s.io:certificatesigningrequests/nodeclient
system:certificates.k8s.io:certificatesigningrequests:selfnodeclient
  create certificates.k8s.io:certificatesigningrequests/selfnodeclient
system:certificates.k8s.io:legacy-unknown-approver
  approve certificates.k8s.io:signers=kubernetes.io/legacy-unknown
system:certificates.k8s.io:kubelet-serving-approver
  approve certificates.k8s.io:signers=kubernetes.io/kubelet-serving
system:certificates.k8s.io:kube-apiserver-client-approver
  approve certificates.k8s.io:signers=kubernetes.io/kube-apiserver-client
system:certificates.k8s.io:kube-apiserver-client-kubelet-approver
  approve certificates.k8s.io:signers=kubernetes.io/kube-apiserver-client-kubelet
system:aggregate-to-admin
  create -:serviceaccounts/token
  create authorization.k8s.io:localsubjectaccessreviews
  R,W rbac.authorization.k8s.io:roles,rolebindings
system:aggregate-to-edit
  R -:pods/attach,pods/proxy,pods/exec,pods/portforward,secrets,services/proxy
  impersonate -:serviceaccounts
  W -:pods,pods/attach,pods/proxy,pods/exec,pods/portforward
  create -:pods/eviction
  W -:configmaps,persistentvolumeclaims,replicationcontrollers,replicationcontrollers/scale,secrets,serviceaccounts,services,services/proxy
  create -:serviceaccounts/token
  W -:events
  W apps:daemonsets,deployments,deployments/rollback,deployments/scale,replicasets,replicasets/scale,statefulsets,statefulsets/scale
  W autoscaling:horizontalpodautoscalers
  W kubarium.dev:loads,metrics
  W batch:cronjobs,jobs
  W extensions:daemonsets,deployments,deployments/rollback,deployments/scale,ingresses,networkpolicies,replicasets,replicasets/scale,replicationcontrollers/scale
  W policy:poddisruptionbudgets
  W networking.k8s.io:ingresses,networkpolicies
  R,W coordination.k8s.io:leases
  R,W resource.k8s.io:resourceclaims,resourceclaimtemplates
system:aggregate-to-view
  R -:configmaps,endpoints,persistentvolumeclaims,persistentvolumeclaims/status,pods,replicationcontrollers,replicationcontrollers/scale,serviceaccounts,services,services/status
  R -:bindings,events,limitranges,namespaces/status,pods/log,pods/status,replicationcontrollers/status,resourcequotas,resourcequotas/status
  R -:namespaces
  R discovery.k8s.io:endpointslices
  get,list kubarium.dev:decisions,invariants,usageseries
  R kubarium.dev:loads,metrics
  get,list metrics.k8s.io:pods,nodes
  create kubarium.dev:whatifs
  R apps:controllerrevisions,daemonsets,daemonsets/status,deployments,deployments/scale,deployments/status,replicasets,replicasets/scale,replicasets/status,statefulsets,statefulsets/scale,statefulsets/status
  R autoscaling:horizontalpodautoscalers,horizontalpodautoscalers/status
  R batch:cronjobs,cronjobs/status,jobs,jobs/status
  R extensions:daemonsets,daemonsets/status,deployments,deployments/scale,deployments/status,ingresses,ingresses/status,networkpolicies,replicasets,replicasets/scale,replicasets/status,replicationcontrollers/scale
  R policy:poddisruptionbudgets,poddisruptionbudgets/status
  R networking.k8s.io:ingresses,ingresses/status,networkpolicies
  R resource.k8s.io:resourceclaims,resourceclaims/status,resourceclaimtemplates
"""  # noqa: E501 - a table

_NAMESPACED = """
kube-public system:controller:bootstrap-signer
  R -:configmaps
  update -:configmaps=cluster-info
  create,patch,update -:events events.k8s.io:events
kube-system extension-apiserver-authentication-reader
  R -:configmaps=extension-apiserver-authentication
kube-system system:controller:bootstrap-signer
  R -:secrets
kube-system system:controller:cloud-provider
  create,get,list,watch -:configmaps
kube-system system:controller:token-cleaner
  R,delete -:secrets
  create,patch,update -:events events.k8s.io:events
kube-system system::leader-locking-kube-controller-manager
  watch -:configmaps
  get,update -:configmaps=kube-controller-manager
kube-system system::leader-locking-kube-scheduler
  watch -:configmaps
  get,update -:configmaps=kube-scheduler
"""

AGGREGATED = {
    "admin": ("aggregate-to-admin", ()),
    "edit": ("aggregate-to-edit", ("aggregate-to-admin",)),
    "view": ("aggregate-to-view", ("aggregate-to-edit",)),
}
"""Roles made of others: which label those carry, and which labels the role itself carries."""

CLUSTER_BINDINGS: tuple[tuple[str, str, str], ...] = (
    ("cluster-admin", "Group", "system:masters"),
    ("system:monitoring", "Group", "system:monitoring"),
    ("system:discovery", "Group", "system:authenticated"),
    ("system:basic-user", "Group", "system:authenticated"),
    ("system:public-info-viewer", "Group", "system:authenticated system:unauthenticated"),
    ("system:node-proxier", "User", "system:kube-proxy"),
    ("system:kube-controller-manager", "User", "system:kube-controller-manager"),
    ("system:kube-dns", "ServiceAccount", "kube-dns"),
    ("system:metrics-server", "ServiceAccount", "metrics-server"),
    ("system:kube-scheduler", "User", "system:kube-scheduler"),
    ("system:volume-scheduler", "User", "system:kube-scheduler"),
    ("system:node", "", ""),
    ("system:service-account-issuer-discovery", "Group", "system:serviceaccounts"),
    # As kubeadm has it: joining machines get a client certificate, and nodes renew theirs.
    ("system:node-bootstrapper", "Group", "system:bootstrappers"),
    (
        "system:certificates.k8s.io:certificatesigningrequests:nodeclient",
        "Group",
        "system:bootstrappers",
    ),
    (
        "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient",
        "Group",
        "system:nodes",
    ),
)
"""Role (the binding has its name), kind of subject, names of subjects."""

NAMESPACED_BINDINGS: tuple[tuple[str, str, str, str], ...] = (
    ("kube-public", "system:controller:bootstrap-signer", "ServiceAccount", "bootstrap-signer"),
    ("kube-system", "system:controller:bootstrap-signer", "ServiceAccount", "bootstrap-signer"),
    ("kube-system", "system:controller:cloud-provider", "ServiceAccount", "cloud-provider"),
    ("kube-system", "system:controller:token-cleaner", "ServiceAccount", "token-cleaner"),
    (
        "kube-system",
        "system::extension-apiserver-authentication-reader",
        "User",
        "system:kube-controller-manager system:kube-scheduler",
    ),
    (
        "kube-system",
        "system::leader-locking-kube-controller-manager",
        "User",
        "system:kube-controller-manager",
    ),
    (
        "kube-system",
        "system::leader-locking-kube-scheduler",
        "User",
        "system:kube-scheduler",
    ),
)
"""Namespace, binding, kind of subject, names; the role is the last part of the binding's name."""


@attrs.frozen
class DefaultRole:
    """One role; *namespace* is empty for a ClusterRole."""

    name: str
    rules: tuple[Rule, ...]
    namespace: str = ""


def cluster_roles() -> tuple[DefaultRole, ...]:
    """All ClusterRoles but the aggregated ones; controllers' are ``system:controller:NAME``."""
    found = [DefaultRole(head[0], rules) for head, rules in _parse(_ROLES)]
    for head, rules in _parse(CONTROLLER_ROLES):
        found.append(DefaultRole(f"system:controller:{head[0]}", rules))
    return tuple(found)


def namespaced_roles() -> tuple[DefaultRole, ...]:
    """All Roles."""
    return tuple(
        DefaultRole(head[1], rules, namespace=head[0]) for head, rules in _parse(_NAMESPACED)
    )


def node_rules() -> tuple[Rule, ...]:
    """What any node may do at all; the node authorizer narrows it to what is the node's own."""
    return next(role.rules for role in cluster_roles() if role.name == "system:node")


def _parse(table: str) -> Iterator[tuple[list[str], tuple[Rule, ...]]]:
    head: list[str] = []
    rules: list[Rule] = []
    for line in table.strip().splitlines():
        if line.startswith(" "):
            rules += _rules(line)
            continue
        if head:
            yield head, tuple(rules)
        head, rules = line.split(), []
    yield head, tuple(rules)


def _rules(line: str) -> Iterator[Rule]:
    words, *targets = line.split()
    verbs: list[str] = []
    for word in words.split(","):
        verbs += {"R": READ, "W": WRITE}.get(word, (word,))
    paths = tuple(target for target in targets if ":" not in target)
    if paths:
        yield Rule(verbs=tuple(verbs), paths=paths)
    for target in targets:
        groups, colon, rest = target.partition(":")
        if not colon:
            continue
        resources, _, names = rest.partition("=")
        yield Rule(
            verbs=tuple(verbs),
            groups=tuple("" if group == "-" else group for group in groups.split(",")),
            resources=tuple(resources.split(",")),
            names=tuple(names.split(",")) if names else (),
        )
