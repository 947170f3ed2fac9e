"""Objects of all kinds that are refused, when they are made and when they are changed."""

from typing import Any

import pytest

from engine.api.codec import decode
from engine.apiserver.errors import InvalidError
from engine.apiserver.request import PatchBody, RequestInfo
from engine.apiserver.server import ApiServer
from tests.engine.apiserver.bodies import JOB_TEMPLATE, SELECTOR, TEMPLATE, body, refusal

RULE = {"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}
RBAC = "rbac.authorization.k8s.io"
SET = {"serviceName": "x", "selector": SELECTOR, "template": TEMPLATE}
CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
PLAIN_ROLE = {"apiGroup": RBAC, "kind": "Role", "name": "a"}


def hpa(**spec: Any) -> dict[str, Any]:
    """An autoscaler of a deployment."""
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "x"}
    return body(
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        spec={"scaleTargetRef": target, "maxReplicas": 3, **spec},
    )


CASES: list[tuple[str, dict[str, Any], list[str]]] = [
    (
        "a job that never ends",
        body("batch/v1", "Job", spec={"template": TEMPLATE}),
        ['spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'],
    ),
    (
        "an indexed job without an end",
        body(
            "batch/v1",
            "Job",
            spec={"template": JOB_TEMPLATE, "parallelism": 1, "completionMode": "Indexed"},
        ),
        ["spec.completions: Required value: when completion mode is Indexed"],
    ),
    (
        "a minute that does not exist",
        body(
            "batch/v1",
            "CronJob",
            spec={"schedule": "61 * * * *", "jobTemplate": {"spec": {"template": JOB_TEMPLATE}}},
        ),
        ['spec.schedule: Invalid value: "61 * * * *": end of range (61) above maximum (59): 61'],
    ),
    (
        "labels that are not selected",
        body("apps/v1", "StatefulSet", spec={**SET, "selector": {"matchLabels": {"app": "other"}}}),
        [
            (
                'spec.template.metadata.labels: Invalid value: {"app":"x"}: `selector` '
                "does not match "
                "template `labels`"
            )
        ],
    ),
    (
        "neither more nor less",
        body(
            "apps/v1",
            "DaemonSet",
            spec={
                "selector": SELECTOR,
                "template": TEMPLATE,
                "updateStrategy": {"rollingUpdate": {"maxUnavailable": 0}},
            },
        ),
        [
            (
                "spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: "
                "cannot be 0 when "
                "maxSurge is 0"
            )
        ],
    ),
    (
        "fewer at most than at least",
        hpa(minReplicas=5),
        ["spec.maxReplicas: Invalid value: 3: must be greater than or equal to `minReplicas`"],
    ),
    (
        "a budget both ways",
        body(
            "policy/v1",
            "PodDisruptionBudget",
            spec={"minAvailable": 1, "maxUnavailable": 1, "selector": SELECTOR},
        ),
        [
            (
                "spec: Invalid value: "
                '{"minAvailable":1,"maxUnavailable":1,"selector":{"matchLabels":'
                '{"app":"x"}}}: minAvailable and maxUnavailable cannot be both set'
            )
        ],
    ),
    (
        "a resource nobody knows",
        body("v1", "ResourceQuota", spec={"hard": {"foo": "1"}}),
        [
            (
                'spec.hard[foo]: Invalid value: "foo": must be a standard resource type or fully '
                "qualified"
            ),
            'spec.hard[foo]: Invalid value: "foo": must be a standard resource for quota',
        ],
    ),
    (
        "a minimum above the maximum",
        body(
            "v1",
            "LimitRange",
            spec={"limits": [{"type": "Pod", "min": {"cpu": "2"}, "max": {"cpu": "1"}}]},
        ),
        ['spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1'],
    ),
    (
        "a volume nowhere",
        body(
            "v1",
            "PersistentVolume",
            spec={"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"]},
        ),
        ["spec: Required value: must specify a volume type"],
    ),
    (
        "a claim of nothing",
        body(
            "v1",
            "PersistentVolumeClaim",
            spec={**CLAIM, "resources": {"requests": {"storage": "0"}}},
        ),
        ['spec.resources[storage]: Invalid value: "0": must be greater than zero'],
    ),
    (
        "a class without a maker",
        body("storage.k8s.io/v1", "StorageClass", provisioner=""),
        ["provisioner: Required value"],
    ),
    (
        "a priority of the system's",
        body("scheduling.k8s.io/v1", "PriorityClass", value=2_000_000_000),
        ["value: Forbidden: maximum allowed value of a user defined priority is 1000000000"],
    ),
    (
        "a role about paths",
        body(f"{RBAC}/v1", "Role", rules=[{"verbs": ["get"], "nonResourceURLs": ["/a"]}]),
        [
            (
                'rules[0].nonResourceURLs: Invalid value: ["/a"]: namespaced rules cannot apply to '
                "non-resource URLs"
            )
        ],
    ),
    (
        "an account of no namespace",
        body(
            f"{RBAC}/v1",
            "RoleBinding",
            roleRef=PLAIN_ROLE,
            subjects=[{"kind": "ServiceAccount", "name": "a"}],
        ),
        ["subjects[0].namespace: Required value"],
    ),
    (
        "an address as host",
        body(
            "networking.k8s.io/v1",
            "Ingress",
            spec={"rules": [{"host": "10.0.0.1"}]},
        ),
        ['spec.rules[0].host: Invalid value: "10.0.0.1": must be a DNS name, not an IP address'],
    ),
    (
        "a hole beside the block",
        body(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            spec={
                "podSelector": {},
                "ingress": [
                    {"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["11.0.0.0/16"]}}]}
                ],
            },
        ),
        [
            (
                "spec.ingress[0].from[0].ipBlock.except[0]: Invalid value: "
                '"11.0.0.0/16": must be a '
                "strict subset of `cidr`"
            )
        ],
    ),
    (
        "a finalizer of nobody",
        {
            **body("v1", "ConfigMap"),
            "metadata": {"name": "x", "namespace": "default", "finalizers": ["mine"]},
        },
        [
            (
                'metadata.finalizers[0]: Invalid value: "mine": name is neither a '
                "standard finalizer "
                "name nor is it fully qualified"
            )
        ],
    ),
]

CHANGES: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    (
        "selector",
        body("apps/v1", "DaemonSet", spec={"selector": SELECTOR, "template": TEMPLATE}),
        {
            "spec": {
                "selector": {"matchLabels": {"b": "c"}},
                "template": {"metadata": {"labels": {"b": "c"}}},
            }
        },
        'spec.selector: Invalid value: {"matchLabels":{"app":"x","b":"c"}}: field is immutable',
    ),
    (
        "service of a set",
        body("apps/v1", "StatefulSet", spec=SET),
        {"spec": {"serviceName": "y"}},
        (
            "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', "
            "'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', "
            "'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
        ),
    ),
    (
        "completions",
        body("batch/v1", "Job", spec={"template": JOB_TEMPLATE}),
        {"spec": {"completions": 3}},
        "spec.completions: Invalid value: 3: field is immutable",
    ),
    (
        "claim",
        body("v1", "PersistentVolumeClaim", spec=CLAIM),
        {"spec": {"accessModes": ["ReadOnlyMany"]}},
        (
            "spec: Forbidden: spec is immutable after creation except resources.requests and "
            "volumeAttributesClassName for bound claims"
        ),
    ),
    (
        "parameters",
        body("storage.k8s.io/v1", "StorageClass", provisioner="example.com/a"),
        {"parameters": {"a": "b"}},
        "parameters: Forbidden: updates to parameters are forbidden.",
    ),
    (
        "priority",
        body("scheduling.k8s.io/v1", "PriorityClass", value=1),
        {"value": 2},
        "value: Forbidden: may not be changed in an update.",
    ),
    (
        "role",
        body(f"{RBAC}/v1", "RoleBinding", roleRef=PLAIN_ROLE),
        {"roleRef": {"name": "b"}},
        (
            'roleRef: Invalid value: {"apiGroup":"rbac.authorization.k8s.io","kind":"Role",'
            '"name":"b"}: cannot change roleRef'
        ),
    ),
    (
        "immutable data",
        body("v1", "ConfigMap", data={"a": "1"}, immutable=True),
        {"data": {"a": "2"}},
        "data: Forbidden: field is immutable when `immutable` is set",
    ),
]


@pytest.mark.parametrize(("wire", "said"), [pytest.param(w, s, id=i) for i, w, s in CASES])
def test_objects_are_refused_field_by_field(
    server: ApiServer, request_info: RequestInfo, wire: dict[str, Any], said: list[str]
) -> None:
    """With the field and the words of Kubernetes, and nothing else."""
    assert refusal(server, wire, request_info) == said


@pytest.mark.parametrize(
    ("wire", "change", "said"), [pytest.param(w, c, s, id=i) for i, w, c, s in CHANGES]
)
def test_what_others_rely_on_does_not_change(
    server: ApiServer,
    request_info: RequestInfo,
    wire: dict[str, Any],
    change: dict[str, Any],
    said: str,
) -> None:
    """Immutable fields stay what they are."""
    obj = server.create(decode(wire), request=request_info)
    patch = PatchBody(type="application/merge-patch+json", data=change)

    with pytest.raises(InvalidError) as refused:
        server.patch(
            type(obj), "x", namespace=obj.metadata.namespace, patch=patch, request=request_info
        )

    assert said in [str(cause) for cause in refused.value.details["causes"]]


def test_jobs_select_what_no_other_job_makes(server: ApiServer, request_info: RequestInfo) -> None:
    """Their pods carry the job's uid, under its new and its old name."""
    job: Any = server.create(
        decode(body("batch/v1", "Job", spec={"template": JOB_TEMPLATE})), request=request_info
    )

    uid = job.metadata.uid
    assert job.spec.selector.match_labels == {"batch.kubernetes.io/controller-uid": uid}
    assert job.spec.template.metadata.labels == {
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": "x",
        "controller-uid": uid,
        "job-name": "x",
    }
    assert job.metadata.labels == job.spec.template.metadata.labels
    assert (job.spec.completions, job.spec.parallelism, job.spec.backoff_limit) == (1, 1, 6)
