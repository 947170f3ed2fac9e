"""The FlowSchemas and PriorityLevelConfigurations that every cluster begins with.

Source: pkg/apis/flowcontrol/bootstrap/default.go, kubernetes v1.34.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from engine.api.codec import decode
from engine.api.meta import ApiObject

_API = "flowcontrol.apiserver.k8s.io/v1"
_ACCOUNTS = "system:serviceaccounts"
_ALL = ("*",)

Json = dict[str, Any]


def default_flow_control() -> Iterator[ApiObject]:
    """All of them; priority levels before the schemas that lead to them."""
    yield _level("exempt", {"type": "Exempt", "exempt": _shares(0, 0)})
    queues = {"queues": 64, "handSize": 6, "queueLengthLimit": 50}
    for name, shares, lendable, queuing in (
        ("catch-all", 5, 0, None),
        ("system", 30, 33, queues),
        ("node-high", 40, 25, queues),
        ("leader-election", 10, 0, {"queues": 16, "handSize": 4, "queueLengthLimit": 50}),
        ("workload-high", 40, 50, {"queues": 128, "handSize": 6, "queueLengthLimit": 50}),
        ("workload-low", 100, 90, {"queues": 128, "handSize": 6, "queueLengthLimit": 50}),
        ("global-default", 20, 50, {"queues": 128, "handSize": 6, "queueLengthLimit": 50}),
    ):
        response = {"type": "Queue", "queuing": queuing} if queuing else {"type": "Reject"}
        limited = {**_shares(shares, lendable), "limitResponse": response}
        yield _level(name, {"type": "Limited", "limited": limited})
    yield from _schemas()


def _schemas() -> Iterator[ApiObject]:
    everyone = [_group("system:unauthenticated"), _group("system:authenticated")]
    everything = {"resourceRules": [_resources(_ALL, _ALL, _ALL)], "nonResourceRules": [_paths()]}
    leases = _resources(("get", "create", "update"), ("coordination.k8s.io",), ("leases",))
    nodes = [_group("system:nodes")]
    probes = [_paths(("get",), ("/healthz", "/livez", "/readyz"))]
    status = ("nodes/status",)
    node_rules = [
        _resources(_ALL, ("",), ("nodes", *status)),
        _resources(_ALL, ("coordination.k8s.io",), ("leases",)),
    ]
    yield _schema("exempt", 1, "exempt", [_group("system:masters")], everything, flow="")
    yield _schema("probes", 2, "exempt", everyone, {"nonResourceRules": probes}, flow="")
    leaders = [
        _user("system:kube-controller-manager"),
        _user("system:kube-scheduler"),
        _account("kube-system", "*"),
    ]
    for name, place, subjects, rules in (
        ("system-leader-election", 100, leaders, {"resourceRules": [leases]}),
        (
            "endpoint-controller",
            150,
            [
                _user("system:kube-controller-manager"),
                _account("kube-system", "endpoint-controller"),
                _account("kube-system", "endpointslicemirroring-controller"),
            ],
            {
                "resourceRules": [
                    _resources(("get", "create", "update"), ("",), ("endpoints",)),
                    _resources(
                        ("get", "create", "update"), ("discovery.k8s.io",), ("endpointslices",)
                    ),
                ]
            },
        ),
        (
            "workload-leader-election",
            200,
            [_account("kube-system", "*")],
            {"resourceRules": [leases]},
        ),
        ("system-node-high", 400, nodes, {"resourceRules": node_rules}),
        ("system-nodes", 500, nodes, everything),
        (
            "kube-controller-manager",
            800,
            [_user("system:kube-controller-manager")],
            everything,
        ),
        ("kube-scheduler", 800, [_user("system:kube-scheduler")], everything),
        ("kube-system-service-accounts", 900, [_account("kube-system", "*")], everything),
        ("service-accounts", 9000, [_group(_ACCOUNTS)], everything),
        ("global-default", 9900, everyone, everything),
        ("catch-all", 10000, everyone, everything),
    ):
        yield _schema(name, place, _LEVEL[name], subjects, rules)


_LEVEL: Mapping[str, str] = {
    "system-leader-election": "leader-election",
    "endpoint-controller": "workload-high",
    "workload-leader-election": "leader-election",
    "system-node-high": "node-high",
    "system-nodes": "system",
    "kube-controller-manager": "workload-high",
    "kube-scheduler": "workload-high",
    "kube-system-service-accounts": "workload-high",
    "service-accounts": "workload-low",
    "global-default": "global-default",
    "catch-all": "catch-all",
}


def _object(kind: str, name: str, spec: Json) -> ApiObject:
    annotations = {"apf.kubernetes.io/autoupdate-spec": "true"}
    meta = {"name": name, "annotations": annotations}
    return decode({"apiVersion": _API, "kind": kind, "metadata": meta, "spec": spec})


def _level(name: str, spec: Json) -> ApiObject:
    return _object("PriorityLevelConfiguration", name, spec)


def _shares(shares: int, lendable: int) -> Json:
    return {"nominalConcurrencyShares": shares, "lendablePercent": lendable}


def _schema(
    name: str, place: int, level: str, subjects: list[Json], rules: Json, *, flow: str = "ByUser"
) -> ApiObject:
    spec: Json = {
        "matchingPrecedence": place,
        "priorityLevelConfiguration": {"name": level},
        "rules": [{"subjects": subjects, **rules}],
    }
    if flow:
        spec["distinguisherMethod"] = {"type": flow}
    return _object("FlowSchema", name, spec)


def _user(name: str) -> Json:
    return {"kind": "User", "user": {"name": name}}


def _group(name: str) -> Json:
    return {"kind": "Group", "group": {"name": name}}


def _account(namespace: str, name: str) -> Json:
    return {"kind": "ServiceAccount", "serviceAccount": {"namespace": namespace, "name": name}}


def _paths(verbs: Sequence[str] = _ALL, paths: Sequence[str] = _ALL) -> Json:
    return {"verbs": list(verbs), "nonResourceURLs": list(paths)}


def _resources(verbs: Sequence[str], groups: Sequence[str], resources: Sequence[str]) -> Json:
    return {
        "verbs": list(verbs),
        "apiGroups": list(groups),
        "resources": list(resources),
        "namespaces": ["*"],
        "clusterScope": True,
    }
