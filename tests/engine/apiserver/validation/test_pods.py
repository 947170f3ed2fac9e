"""Pods that are refused, and in which words."""

from typing import Any

import pytest

from engine.apiserver.request import RequestInfo
from engine.apiserver.server import ApiServer
from tests.engine.apiserver.bodies import CONTAINER, container, pod, refusal

AT = "spec.containers[0]"
IN_RANGE = "must be between 1 and 65535, inclusive"
TERM = "requiredDuringSchedulingIgnoredDuringExecution"

CASES: list[tuple[str, dict[str, Any], list[str]]] = [
    ("nothing is wrong", pod(), []),
    ("no image", container(image=""), [f"{AT}.image: Required value"]),
    (
        "users of its own and namespaces of the host's",
        pod(
            hostUsers=False,
            hostPID=True,
            hostNetwork=True,
            containers=[CONTAINER | {"volumeDevices": [{"name": "d", "devicePath": "/dev/d"}]}],
            volumes=[{"name": "d", "persistentVolumeClaim": {"claimName": "d"}}],
        ),
        [
            "spec.hostPID: Forbidden: when `hostUsers` is false",
            "spec.hostNetwork: Forbidden: when `hostUsers` is false",
            f"{AT}.volumeDevices: Forbidden: when `hostUsers` is false",
        ],
    ),
    (
        "a stop signal without a system",
        container(lifecycle={"stopSignal": "SIGUSR1"}),
        [
            (
                f"{AT}.lifecycle.stopSignal: Forbidden: may not be set for containers with empty "
                "`spec.os.name`"
            )
        ],
    ),
    (
        "a stop signal",
        pod(
            os={"name": "linux"},
            containers=[CONTAINER | {"lifecycle": {"stopSignal": "SIGRTMIN+3"}}],
        ),
        [],
    ),
    (
        "a recursive mount that may be written",
        pod(
            volumes=[{"name": "v", "emptyDir": {}}],
            containers=[
                CONTAINER
                | {
                    "volumeMounts": [
                        {"name": "v", "mountPath": "/v", "recursiveReadOnly": "IfPossible"}
                    ]
                }
            ],
        ),
        [
            (
                f"{AT}.volumeMounts[0].recursiveReadOnly: Forbidden: may only be specified when "
                "readOnly is true"
            )
        ],
    ),
    (
        "a port too high",
        container(ports=[{"containerPort": 70000}]),
        [
            (
                f"{AT}.ports[0].containerPort: Invalid value: 70000: must be between 1 "
                "and 65535, inclusive"
            )
        ],
    ),
    (
        "a port name twice",
        container(ports=[{"containerPort": 1, "name": "a"}, {"containerPort": 2, "name": "a"}]),
        [f'{AT}.ports[1].name: Duplicate value: "a"'],
    ),
    (
        "a port of the node twice",
        container(
            ports=[{"containerPort": 1, "hostPort": 80}, {"containerPort": 2, "hostPort": 80}]
        ),
        [f'{AT}.ports[1].hostPort: Duplicate value: "TCP//80"'],
    ),
    (
        "more requested than allowed",
        container(resources={"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}),
        [
            (
                f'{AT}.resources.requests: Invalid value: "2": must be less than or equal to cpu '
                "limit of 1"
            )
        ],
    ),
    (
        "half a device",
        container(resources={"limits": {"example.com/gpu": "500m"}}),
        [
            f'{AT}.resources.limits[example.com/gpu]: Invalid value: "500m": must be an integer',
            f'{AT}.resources.requests[example.com/gpu]: Invalid value: "500m": must be an integer',
        ],
    ),
    (
        "a volume that is not there",
        container(volumeMounts=[{"name": "v", "mountPath": "/v"}]),
        [f'{AT}.volumeMounts[0].name: Not found: "v"'],
    ),
    (
        "a path out of the volume",
        pod(
            volumes=[{"name": "v"}],
            containers=[
                {**CONTAINER, "volumeMounts": [{"name": "v", "mountPath": "/v", "subPath": "../a"}]}
            ],
        ),
        [f"{AT}.volumeMounts[0].subPath: Invalid value: \"../a\": must not contain '..'"],
    ),
    (
        "two ways to probe",
        container(livenessProbe={"exec": {"command": ["a"]}, "tcpSocket": {"port": 1}}),
        [f"{AT}.livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type"],
    ),
    (
        "no way to probe",
        container(readinessProbe={"periodSeconds": 1}),
        [f"{AT}.readinessProbe: Required value: must specify a handler type"],
    ),
    (
        "a probe where nobody asks",
        pod(
            initContainers=[
                {"name": "i", "image": "a", "livenessProbe": {"exec": {"command": ["a"]}}}
            ]
        ),
        [
            (
                "spec.initContainers[0].livenessProbe: Forbidden: may not be set for "
                "init containers "
                "without restartPolicy=Always"
            )
        ],
    ),
    (
        "a variable of two sources",
        container(
            env=[
                {
                    "name": "A",
                    "valueFrom": {
                        "fieldRef": {"fieldPath": "metadata.name"},
                        "secretKeyRef": {"name": "s", "key": "k"},
                    },
                }
            ]
        ),
        [
            (
                f'{AT}.env[0].valueFrom: Invalid value: "": may not have more than one field '
                "specified at a time"
            )
        ],
    ),
    (
        "privileged and not to escalate",
        container(securityContext={"privileged": True, "allowPrivilegeEscalation": False}),
        [
            (
                f"{AT}.securityContext: Invalid value: cannot set "
                "`allowPrivilegeEscalation` to false "
                "and `privileged` to true"
            )
        ],
    ),
    (
        "two volumes in one",
        pod(volumes=[{"name": "v", "emptyDir": {}, "hostPath": {"path": "/a"}}]),
        ["spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type"],
    ),
    (
        "an unknown policy",
        pod(restartPolicy="Sometimes"),
        [
            (
                'spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", '
                '"Never", "OnFailure"'
            )
        ],
    ),
    (
        "no nameserver",
        pod(dnsPolicy="None"),
        ["spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None"],
    ),
    (
        "no term",
        pod(affinity={"nodeAffinity": {TERM: {"nodeSelectorTerms": []}}}),
        [
            (
                f"spec.affinity.nodeAffinity.{TERM}.nodeSelectorTerms: Required value: "
                "must have at "
                "least one node selector term"
            )
        ],
    ),
    (
        "no topology",
        pod(affinity={"podAntiAffinity": {TERM: [{"topologyKey": ""}]}}),
        [f"spec.affinity.podAntiAffinity.{TERM}[0].topologyKey: Required value: can not be empty"],
    ),
    (
        "no skew at all",
        pod(
            topologySpreadConstraints=[
                {"maxSkew": 0, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}
            ]
        ),
        ["spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero"],
    ),
    (
        "a node in spite of gates",
        pod(nodeName="n", schedulingGates=[{"name": "example.com/a"}]),
        ["spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared"],
    ),
    (
        "a toleration of everything by value",
        pod(tolerations=[{"operator": "Equal"}]),
        [
            (
                'spec.tolerations[0].operator: Invalid value: "Equal": operator must '
                "be Exists when "
                '`key` is empty, which means "match all values and all keys"'
            )
        ],
    ),
]


@pytest.mark.parametrize(("wire", "said"), [pytest.param(w, s, id=i) for i, w, s in CASES])
def test_pods_are_refused_field_by_field(
    server: ApiServer, request_info: RequestInfo, wire: dict[str, Any], said: list[str]
) -> None:
    """With the field and the words of Kubernetes, and nothing else."""
    assert refusal(server, wire, request_info) == said
