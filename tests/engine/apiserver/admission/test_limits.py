"""Limit ranges and resource quotas: what pods get, and what they may have together."""

from typing import Any

import attrs
import pytest

from engine.api.codec import decode
from engine.api.frozen import FrozenDict
from engine.api.pod import Pod
from engine.api.quota import ResourceQuota
from engine.apiserver.errors import ForbiddenError
from engine.apiserver.request import RequestInfo
from engine.apiserver.server import ApiServer
from tests.engine.apiserver.bodies import CONTAINER, body, container, pod, refusal


def limit_range(server: ApiServer, request: RequestInfo, **item: Any) -> None:
    """A limit range of one item in the namespace default."""
    server.create(decode(body("v1", "LimitRange", spec={"limits": [item]})), request=request)


def quota(server: ApiServer, request: RequestInfo, hard: dict[str, str], **spec: Any) -> None:
    """A quota in the namespace default, of which nothing is used yet."""
    made: Any = server.create(
        decode(body("v1", "ResourceQuota", spec={"hard": hard, **spec})), request=request
    )
    status = attrs.evolve(
        made.status, hard=made.spec.hard, used=FrozenDict(dict.fromkeys(hard, "0"))
    )
    server.update(attrs.evolve(made, status=status), subresource="status", request=request)


def used(server: ApiServer, request: RequestInfo) -> dict[str, str]:
    """What the quota says is used."""
    return dict(server.get(ResourceQuota, "x", namespace="default", request=request).status.used)


def test_pods_that_ask_for_nothing_get_the_defaults(
    server: ApiServer, request_info: RequestInfo
) -> None:
    """With a note that says so, and the class of service that goes with it."""
    limit_range(
        server, request_info, type="Container", default={"memory": "1Gi"},
        defaultRequest={"cpu": "100m", "memory": "1Gi"},
    )  # fmt: skip

    made: Any = server.create(decode(pod()), request=request_info)

    resources = made.spec.containers[0].resources
    assert (resources.requests, resources.limits) == (
        {"cpu": "100m", "memory": "1Gi"},
        {"memory": "1Gi"},
    )
    assert made.metadata.annotations["kubernetes.io/limit-ranger"] == (
        "LimitRanger plugin set: cpu, memory request for container c; memory limit for container c"
    )
    assert made.status.qos_class == "Burstable"


@pytest.mark.parametrize(
    ("item", "resources", "said"),
    [
        pytest.param(
            {"min": {"cpu": "100m"}},
            {"requests": {"cpu": "50m"}},
            "minimum cpu usage per Container is 100m, but request is 50m",
            id="too little",
        ),
        pytest.param(
            {"max": {"memory": "1Gi"}, "default": {"memory": "512Mi"}},
            {"limits": {"memory": "2Gi"}},
            "maximum memory usage per Container is 1Gi, but limit is 2Gi",
            id="too much",
        ),
        pytest.param(
            {"maxLimitRequestRatio": {"cpu": "2"}},
            {"requests": {"cpu": "1"}, "limits": {"cpu": "4"}},
            "cpu max limit to request ratio per Container is 2, but provided ratio is 4.000000",
            id="too far apart",
        ),
    ],
)
def test_what_is_out_of_bounds_is_refused(
    server: ApiServer,
    request_info: RequestInfo,
    item: dict[str, Any],
    resources: dict[str, Any],
    said: str,
) -> None:
    """With what was asked for beside the bound."""
    limit_range(server, request_info, type="Container", **item)

    assert refusal(server, container(resources=resources), request_info) == [
        f'pods "x" is forbidden: {said}'
    ]


def test_a_quota_counts_what_is_made_in_the_same_step(
    server: ApiServer, request_info: RequestInfo
) -> None:
    """So that no two writes take the same rest."""
    quota(server, request_info, {"pods": "1", "requests.cpu": "1"})
    wire = container(resources={"requests": {"cpu": "600m"}})

    server.create(decode(wire), request=request_info)

    assert used(server, request_info) == {"pods": "1", "requests.cpu": "600m"}
    other = {**wire, "metadata": {"name": "y", "namespace": "default"}}
    assert refusal(server, other, request_info) == [
        (
            'pods "y" is forbidden: exceeded quota: x, requested: pods=1,requests.cpu=600m, '
            "used: pods=1,requests.cpu=600m, limited: pods=1,requests.cpu=1"
        )
    ]


def test_a_refused_write_uses_nothing(server: ApiServer, request_info: RequestInfo) -> None:
    """Nor does one that is only tried."""
    quota(server, request_info, {"pods": "1"})

    refusal(server, container(image=""), request_info)
    server.create(decode(pod()), request=request_info, dry_run=True)

    assert used(server, request_info) == {"pods": "0"}


@pytest.mark.parametrize(
    ("hard", "spec", "wire", "said"),
    [
        pytest.param(
            {"limits.memory": "1Gi"}, {}, pod(),
            'pods "x" is forbidden: failed quota: x: must specify limits.memory for: c',
            id="nothing said about what is bounded",
        ),
        pytest.param(
            {"count/configmaps": "0"}, {}, body("v1", "ConfigMap"),
            'configmaps "x" is forbidden: exceeded quota: x, requested: count/configmaps=1, '
            "used: count/configmaps=0, limited: count/configmaps=0",
            id="a count of any kind",
        ),
        pytest.param(
            {"services.nodeports": "0"}, {},
            body("v1", "Service", spec={"type": "NodePort", "ports": [{"port": 80}]}),
            'services "x" is forbidden: exceeded quota: x, requested: services.nodeports=1, '
            "used: services.nodeports=0, limited: services.nodeports=0",
            id="ports of nodes",
        ),
        pytest.param(
            {"fast.storageclass.storage.k8s.io/requests.storage": "1Gi"}, {},
            body(
                "v1", "PersistentVolumeClaim",
                spec={
                    "storageClassName": "fast", "accessModes": ["ReadWriteOnce"],
                    "resources": {"requests": {"storage": "2Gi"}},
                },
            ),
            'persistentvolumeclaims "x" is forbidden: exceeded quota: x, requested: '
            "fast.storageclass.storage.k8s.io/requests.storage=2Gi, used: "
            "fast.storageclass.storage.k8s.io/requests.storage=0, limited: "
            "fast.storageclass.storage.k8s.io/requests.storage=1Gi",
            id="storage of one class",
        ),
        pytest.param(
            {"pods": "0"}, {"scopes": ["NotBestEffort"]}, pod(), "", id="out of scope"
        ),
        pytest.param(
            {"pods": "0"}, {"scopes": ["BestEffort"]}, pod(),
            'pods "x" is forbidden: exceeded quota: x, requested: pods=1, used: pods=0, '
            "limited: pods=0",
            id="in scope",
        ),
    ],
)  # fmt: skip
def test_quotas_bound_all_kinds(
    server: ApiServer,
    request_info: RequestInfo,
    hard: dict[str, str],
    spec: dict[str, Any],
    wire: dict[str, Any],
    said: str,
) -> None:
    """By amount, by count and by class, within their scopes."""
    quota(server, request_info, hard, **spec)

    assert refusal(server, wire, request_info) == ([said] if said else [])


def test_a_token_is_mounted_unless_somebody_says_no(
    server: ApiServer, request_info: RequestInfo
) -> None:
    """At its usual path, from the three sources of Kubernetes."""
    server.create(decode(body("v1", "ServiceAccount") | {"metadata": {
        "name": "default", "namespace": "default"}}), request=request_info)  # fmt: skip

    made = server.create(decode(pod()), request=request_info)
    assert isinstance(made, Pod)
    (mount,) = made.spec.containers[0].volume_mounts
    assert mount.mount_path == "/var/run/secrets/kubernetes.io/serviceaccount"
    assert mount.name == made.spec.volumes[0].name

    without = pod(automountServiceAccountToken=False, containers=[CONTAINER])
    without["metadata"] = {"name": "y", "namespace": "default"}
    plain: Any = server.create(decode(without), request=request_info)
    assert plain.spec.volumes == ()


def test_an_account_must_be_there(server: ApiServer, request_info: RequestInfo) -> None:
    """If the pod names it."""
    with pytest.raises(ForbiddenError, match='serviceaccount "nobody" not found'):
        server.create(decode(pod(serviceAccountName="nobody")), request=request_info)
