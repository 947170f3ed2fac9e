"""AdmissionConfiguration: what PodSecurity is told, and what is said of one that is wrong."""

from typing import Any

import attrs
import pytest

from engine.api.codec import decode
from engine.api.core import Namespace
from engine.api.meta import ObjectMeta
from engine.apiserver.admission.configuration import read_admission
from engine.apiserver.admission.pod_security.settings import PodSecuritySettings, Policy
from engine.apiserver.keys import index_of
from engine.apiserver.request import RequestInfo
from engine.apiserver.server import ApiServer
from engine.errors import ConfigError
from engine.kernel.loop import Loop
from engine.kernel.rng import RandomStreams
from engine.store.watchable_store import Store
from tests.engine.apiserver.bodies import pod, refusal

ADMIN = RequestInfo(user="admin")


def configuration(**given: Any) -> dict[str, Any]:
    """An AdmissionConfiguration that has *given* for PodSecurity."""
    content = {
        "apiVersion": "pod-security.admission.config.k8s.io/v1",
        "kind": "PodSecurityConfiguration",
        **given,
    }
    return {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AdmissionConfiguration",
        "plugins": [{"name": "PodSecurity", "configuration": content}],
    }


def server_with(**given: Any) -> ApiServer:
    """A server that was told so."""
    loop = Loop()
    settings = read_admission(configuration(**given), source="file")
    server = ApiServer(
        loop, Store(loop, index_of=index_of), RandomStreams(1), pod_security=settings
    )
    server.create(Namespace(metadata=ObjectMeta(name="default")), request=ADMIN)
    return server


def test_what_is_absent_has_the_defaults_of_kubernetes() -> None:
    """Privileged, and the latest version."""
    assert read_admission(None, source="file") == PodSecuritySettings()
    assert read_admission(configuration(), source="file") == PodSecuritySettings()
    found = read_admission(configuration(defaults={"warn": "baseline"}), source="file")
    assert found.warn == Policy("baseline", "latest")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"defaults": {"enforce": "strict"}}, 'defaults.enforce: Invalid value: "strict": must be'),
        ({"defaults": {"warn-version": "v2"}}, 'defaults.warn-version: Invalid value: "v2"'),
        ({"defaults": {"enfroce": "baseline"}}, "defaults.enfroce: unknown field"),
        ({"exemptions": {"namespaces": ["A"]}}, 'exemptions.namespaces[0]: Invalid value: "A"'),
        ({"exemptions": {"usernames": [""]}}, "exemptions.usernames[0]: Invalid value"),
        (
            {"exemptions": {"runtimeClasses": ["a", "a"]}},
            'exemptions.runtimeClasses[1]: Duplicate value: "a"',
        ),
        ({"exemptions": {"namespaces": "a"}}, "exemptions.namespaces: a list was expected"),
        ({"kind": "Policy"}, "kind: PodSecurityConfiguration was expected"),
        ({"apiVersion": "v1"}, "apiVersion: one of pod-security.admission.config.k8s.io/v1"),
    ],
)
def test_a_fault_is_named_by_file_and_field(given: dict[str, Any], said: str) -> None:
    """So that it is found."""
    with pytest.raises(ConfigError) as error:
        read_admission(configuration(**given), source="file.yaml")

    assert str(error.value).startswith(f"file.yaml: plugins[0].configuration: {said}")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([], "kind: AdmissionConfiguration was expected"),
        ({"kind": "AdmissionConfiguration"}, "apiVersion: apiserver.config.k8s.io/v1 was expected"),
        ({**configuration(), "plugins": {}}, None),
        ({**configuration(), "plugins": {"a": 1}}, "plugins: a list was expected"),
        ({**configuration(), "plugins": [{}]}, "plugins[0].name: the name of a plugin"),
        ({**configuration(), "plugins": [{"name": "Other"}]}, 'plugins[0].name: "Other" takes no'),
    ],
)
def test_a_configuration_of_something_else_is_refused(value: Any, said: str | None) -> None:
    """With what was expected."""
    if said is None:
        assert read_admission(value, source="file") == PodSecuritySettings()
        return
    with pytest.raises(ConfigError) as error:
        read_admission(value, source="file")
    assert str(error.value).startswith(f"file: {said}")


def test_namespaces_without_labels_have_the_defaults() -> None:
    """And what they do not say of the version."""
    server = server_with(defaults={"enforce": "baseline", "enforce-version": "v1.29"})

    found = refusal(server, pod(hostNetwork=True), ADMIN)

    assert 'violates PodSecurity "baseline:v1.29": host namespaces' in found[0]


@pytest.mark.parametrize(
    ("exempt", "why"),
    [
        ({"namespaces": ["default"]}, "namespace"),
        ({"usernames": ["admin"]}, "user"),
        ({"runtimeClasses": ["gvisor"]}, "runtimeClass"),
    ],
)
def test_who_is_exempt_is_left_alone(exempt: dict[str, Any], why: str) -> None:
    """The audit log hears by what."""
    server = server_with(defaults={"enforce": "restricted"}, exemptions=exempt)
    heard: dict[str, str] = {}
    info = attrs.evolve(ADMIN, annotate=heard.__setitem__)
    if why == "runtimeClass":
        server.create(
            decode(
                {
                    "apiVersion": "node.k8s.io/v1",
                    "kind": "RuntimeClass",
                    "metadata": {"name": "gvisor"},
                    "handler": "runsc",
                }
            ),
            request=ADMIN,
        )

    wire = pod(runtimeClassName="gvisor") if why == "runtimeClass" else pod()
    assert refusal(server, wire, info) == []
    assert heard["pod-security.kubernetes.io/exempt"] == why
