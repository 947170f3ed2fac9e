"""Pod Security Standards: which pods a namespace takes, and what it says about the others."""

from typing import Any

import attrs
import pytest

from engine.api.codec import decode
from engine.api.core import Namespace
from engine.api.frozen import FrozenDict
from engine.apiserver.errors import InvalidError
from engine.apiserver.request import RequestInfo
from engine.apiserver.server import ApiServer
from tests.engine.apiserver.bodies import TEMPLATE, body, container, pod, refusal

SAFE = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}
ALL = (
    'allowPrivilegeEscalation != false (container "c" must set '
    "securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container "
    '"c" must set securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or '
    'container "c" must set securityContext.runAsNonRoot=true), seccompProfile (pod or '
    'container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or '
    '"Localhost")'
)


def label(server: ApiServer, request: RequestInfo, mode: str, level: str) -> None:
    """Label the namespace default."""
    namespace = server.get(Namespace, "default", request=request)
    labels = namespace.metadata.labels.with_items({f"pod-security.kubernetes.io/{mode}": level})
    metadata = attrs.evolve(namespace.metadata, labels=FrozenDict(labels))
    server.update(attrs.evolve(namespace, metadata=metadata), request=request)


@pytest.mark.parametrize(
    ("level", "wire", "said"),
    [
        pytest.param("baseline", pod(), "", id="a plain pod"),
        pytest.param(
            "baseline", pod(hostNetwork=True, hostPID=True),
            "host namespaces (hostNetwork=true, hostPID=true)", id="the node's namespaces",
        ),
        pytest.param(
            "baseline", container(securityContext={"privileged": True}),
            'privileged (container "c" must not set securityContext.privileged=true)',
            id="privileged",
        ),
        pytest.param(
            "baseline", container(securityContext={"capabilities": {"add": ["NET_ADMIN"]}}),
            'non-default capabilities (container "c" must not include "NET_ADMIN" in '
            "securityContext.capabilities.add)", id="capabilities",
        ),
        pytest.param(
            "baseline", pod(volumes=[{"name": "v", "hostPath": {"path": "/"}}]),
            'hostPath volumes (volume "v")', id="the node's files",
        ),
        pytest.param(
            "baseline", container(ports=[{"containerPort": 80, "hostPort": 80}]),
            'hostPort (container "c" uses hostPort 80)', id="the node's ports",
        ),
        pytest.param("restricted", pod(), ALL, id="nothing said"),
        pytest.param("restricted", container(securityContext=SAFE), "", id="all said"),
        pytest.param(
            "restricted",
            pod(
                volumes=[{"name": "v", "nfs": {"server": "a", "path": "/"}}],
                containers=[{"name": "c", "image": "a", "securityContext": SAFE}],
            ),
            'restricted volume types (volume "v" uses restricted volume type "nfs")',
            id="volumes",
        ),
        pytest.param("privileged", pod(hostNetwork=True), "", id="anything goes"),
    ],
)  # fmt: skip
def test_what_breaks_the_enforced_level_is_refused(
    server: ApiServer, request_info: RequestInfo, level: str, wire: dict[str, Any], said: str
) -> None:
    """Rule by rule, in the words of Kubernetes."""
    label(server, request_info, "enforce", level)

    expected = [f'pods "x" is forbidden: violates PodSecurity "{level}:latest": {said}']
    assert refusal(server, wire, request_info) == (expected if said else [])


def test_templates_are_warned_of_and_not_refused(
    server: ApiServer, request_info: RequestInfo
) -> None:
    """Who writes a deployment hears what its pods would meet."""
    said: list[str] = []
    label(server, request_info, "warn", "restricted")
    spec = {"selector": {"matchLabels": {"app": "x"}}, "template": TEMPLATE}

    server.create(
        decode(body("apps/v1", "Deployment", spec=spec)),
        request=attrs.evolve(request_info, warn=said.append),
    )

    assert said == [f'would violate PodSecurity "restricted:latest": {ALL}']


def test_a_level_that_does_not_exist_is_refused(
    server: ApiServer, request_info: RequestInfo
) -> None:
    """Before it could be taken for the strictest one."""
    with pytest.raises(InvalidError, match="must be one of privileged, baseline, restricted"):
        label(server, request_info, "enforce", "strict")


@pytest.mark.parametrize(
    ("version", "wire", "is_allowed"),
    [
        pytest.param("v1.28", {"name": "net.ipv4.tcp_fin_timeout", "value": "1"}, False, id="old"),
        pytest.param("v1.29", {"name": "net.ipv4.tcp_fin_timeout", "value": "1"}, True, id="then"),
        pytest.param("latest", {"name": "net.ipv4.tcp_rmem", "value": "1"}, True, id="latest"),
    ],
)
def test_standards_are_those_of_the_version_in_the_label(
    server: ApiServer,
    request_info: RequestInfo,
    version: str,
    wire: dict[str, Any],
    *,
    is_allowed: bool,
) -> None:
    """What a later version allows is refused by an earlier one."""
    label(server, request_info, "enforce", "baseline")
    label(server, request_info, "enforce-version", version)

    found = refusal(server, pod(securityContext={"sysctls": [wire]}), request_info)

    assert (found == []) is is_allowed
    assert is_allowed or f'violates PodSecurity "baseline:{version}"' in found[0]


def test_the_audit_log_hears_what_is_enforced_and_what_would_be_broken(
    server: ApiServer, request_info: RequestInfo
) -> None:
    """Under the keys of Kubernetes, whether the pod is let in or not."""
    said: dict[str, str] = {}
    label(server, request_info, "enforce", "baseline")
    label(server, request_info, "audit", "restricted")

    server.create(decode(pod()), request=attrs.evolve(request_info, annotate=said.__setitem__))

    assert said == {
        "pod-security.kubernetes.io/enforce-policy": "baseline:latest",
        "pod-security.kubernetes.io/audit-violations": (
            f'would violate PodSecurity "restricted:latest": {ALL}'
        ),
    }
