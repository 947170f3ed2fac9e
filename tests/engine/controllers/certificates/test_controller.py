"""Signing requests: checked, approved, signed, cleared away."""

import base64
from functools import cache
from typing import Any

import attrs
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from engine.api.certificates import CertificateSigningRequest, CertificateSigningRequestSpec
from engine.api.meta import Condition, condition_of
from engine.apiserver.authentication.certificates import derive_key, make_authority
from engine.apiserver.errors import InvalidError
from engine.controllers.certificates.controller import CertificateController
from engine.controllers.certificates.signing import auto_approvals, refusal
from tests.engine.plant import START, Plant

CLIENT = "kubernetes.io/kube-apiserver-client"
KUBELET = "kubernetes.io/kube-apiserver-client-kubelet"
SERVING = "kubernetes.io/kubelet-serving"
BOTH = ("client auth", "digital signature")


@cache
def _request(name: str, organization: str = "devs", *names: str) -> str:
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    if names:
        alternatives = x509.SubjectAlternativeName([x509.DNSName(item) for item in names])
        builder = builder.add_extension(alternatives, critical=False)
    made = builder.sign(derive_key(7), SHA256())
    return base64.b64encode(made.public_bytes(Encoding.PEM)).decode()


def _plant() -> Plant:
    plant = Plant()
    controller = plant.manager["certificate-controller"]
    assert isinstance(controller, CertificateController)
    controller.authority = make_authority(derive_key(3), now=START, serial=1)
    return plant


def _apply(plant: Plant, **spec: Any) -> None:
    plant.apply(
        apiVersion="certificates.k8s.io/v1",
        kind="CertificateSigningRequest",
        metadata={"name": "jane"},
        spec={
            "request": _request("jane"),
            "signerName": CLIENT,
            "usages": ["client auth"],
            **spec,
        },
    )
    plant.run(1.0)


def _get(plant: Plant) -> CertificateSigningRequest:
    return plant.get(CertificateSigningRequest, "jane", "")


def _decide(plant: Plant, type_: str) -> None:
    found = _get(plant)
    condition = Condition(type=type_, status="True", reason="Tested")
    status = attrs.evolve(found.status, conditions=(condition,))
    plant.client.update_subresource(attrs.evolve(found, status=status), "approval")
    plant.run(1.0)


def test_an_approved_request_is_signed() -> None:
    """For the name and the time it asks for; who asks is written by the server."""
    plant = _plant()
    _apply(plant, expirationSeconds=3600, username="somebody-else")
    assert _get(plant).spec.username == "test"
    assert _get(plant).status.certificate == ""

    _decide(plant, "Approved")

    pem = base64.b64decode(_get(plant).status.certificate)
    made = x509.load_pem_x509_certificate(pem)
    assert made.subject.rfc4514_string() == "CN=jane,O=devs"
    assert made.not_valid_after_utc.timestamp() == pytest.approx(plant.loop.now + 3600, abs=5)
    controller = plant.manager["certificate-controller"]
    assert isinstance(controller, CertificateController)
    assert controller.authority is not None
    made.verify_directly_issued_by(controller.authority.certificate)


def test_a_denied_request_is_not_signed_and_goes_after_an_hour() -> None:
    """Nor is one that nobody decides on; that one goes after a day."""
    plant = _plant()
    _apply(plant)
    _decide(plant, "Denied")
    assert _get(plant).status.certificate == ""

    plant.run(3700.0)

    assert plant.all(CertificateSigningRequest) == ()


def test_a_decision_is_final_and_there_is_one() -> None:
    """Approved and Denied exclude each other; neither can be taken away."""
    plant = _plant()
    _apply(plant)
    _decide(plant, "Approved")

    for conditions in (
        (),
        (*_get(plant).status.conditions, Condition(type="Denied", status="True")),
    ):
        changed = attrs.evolve(_get(plant).status, conditions=conditions)
        with pytest.raises(InvalidError):
            plant.client.update_subresource(attrs.evolve(_get(plant), status=changed), "approval")


def test_what_the_signer_does_not_sign_fails() -> None:
    """With the reason in a condition."""
    plant = _plant()
    _apply(plant, usages=["server auth"])
    _decide(plant, "Approved")

    failed = condition_of(_get(plant).status.conditions, "Failed")

    assert failed is not None
    assert failed.reason == "SignerValidationFailure"


@pytest.mark.parametrize(
    "spec",
    [
        {"request": base64.b64encode(b"no pem").decode()},
        {"usages": []},
        {"usages": ["world domination"]},
        {"signerName": "nobody"},
        {"expirationSeconds": 60},
    ],
)
def test_impossible_requests_are_refused(spec: dict[str, Any]) -> None:
    """By the API server, before any signer sees them."""
    with pytest.raises(InvalidError):
        _apply(_plant(), **spec)


def _of(signer: str, request: str, *usages: str, user: str = "") -> CertificateSigningRequest:
    return CertificateSigningRequest(
        spec=CertificateSigningRequestSpec(
            request=request, signer_name=signer, usages=usages, username=user
        )
    )


@pytest.mark.parametrize(
    ("found", "is_refused"),
    [
        (_of(CLIENT, _request("jane"), "client auth", "digital signature"), False),
        (_of(CLIENT, _request("jane"), "client auth", "server auth"), True),
        (_of(KUBELET, _request("system:node:n1", "system:nodes"), *BOTH), False),
        (_of(KUBELET, _request("n1", "system:nodes"), "client auth"), True),
        (_of(KUBELET, _request("system:node:n1"), "client auth"), True),
        (
            _of(
                SERVING,
                _request("system:node:n1", "system:nodes", "n1"),
                "digital signature",
                "server auth",
            ),
            False,
        ),
        (
            _of(
                SERVING,
                _request("system:node:n1", "system:nodes"),
                "digital signature",
                "server auth",
            ),
            True,
        ),
    ],
)
def test_each_signer_has_its_rules(found: CertificateSigningRequest, is_refused: bool) -> None:
    """Subjects, names and usages (documentation of the built-in signers)."""
    assert bool(refusal(found)) == is_refused


@pytest.mark.parametrize(
    ("found", "words"),
    [
        pytest.param(
            _of(CLIENT, _request("jane"), "client auth", "server auth"),
            "invalid usage for client certificate: server auth",
            id="client usage",
        ),
        pytest.param(
            _of(CLIENT, _request("jane"), "digital signature"),
            "missing required usage for client certificate: client auth",
            id="no client usage",
        ),
        pytest.param(
            _of(KUBELET, _request("system:node:n1", "system:nodes"), "client auth"),
            "usages did not match [client auth digital signature key encipherment]",
            id="kubelet usages",
        ),
        pytest.param(
            _of(KUBELET, _request("system:node:n1", "system:nodes", "n1"), *BOTH),
            "DNS subjectAltNames are not allowed",
            id="kubelet names",
        ),
        pytest.param(
            _of(KUBELET, _request("n1", "system:nodes"), *BOTH),
            "subject common name does not begin with system:node: ",
            id="kubelet subject",
        ),
        pytest.param(
            _of(SERVING, _request("system:node:n1", "system:nodes"), "server auth"),
            "DNS or IP subjectAltName is required",
            id="serving without names",
        ),
    ],
)
def test_refusals_are_worded_as_kubernetes_does(
    found: CertificateSigningRequest, words: str
) -> None:
    """They stand in the Failed condition."""
    assert refusal(found) == words


def test_a_node_may_renew_its_own_certificate() -> None:
    """As itself; as somebody else it must be allowed to ask for any node's."""
    request = _request("system:node:n1", "system:nodes")

    def recognized(signer: str, user: str) -> list[str]:
        return [name for name, _ in auto_approvals(_of(signer, request, *BOTH, user=user))]

    assert recognized(KUBELET, "system:node:n1") == ["selfnodeclient", "nodeclient"]
    assert recognized(KUBELET, "system:node:n2") == ["nodeclient"]
    assert recognized(CLIENT, "system:node:n1") == []
