"""Who gets a node's client certificate without anybody's doing, by the roles of a whole cluster."""

import base64

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from engine.api.certificates import CertificateSigningRequest, CertificateSigningRequestSpec
from engine.api.meta import ObjectMeta, condition_of
from engine.apiserver.authentication.certificates import derive_key
from engine.cluster import Cluster
from engine.config import ClusterConfig, make_nodes

SIGNER = "kubernetes.io/kube-apiserver-client-kubelet"


def _request(node: str) -> str:
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "system:nodes"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"system:node:{node}"),
        ]
    )
    made = x509.CertificateSigningRequestBuilder().subject_name(subject)
    signed = made.sign(derive_key(7), SHA256())
    return base64.b64encode(signed.public_bytes(Encoding.PEM)).decode()


@pytest.mark.parametrize(
    ("user", "groups", "message"),
    [
        pytest.param(
            "system:node:node-1",
            ("system:nodes",),
            "Auto approving self kubelet client certificate after SubjectAccessReview.",
            id="the node itself",
        ),
        pytest.param(
            "system:bootstrap:abcdef",
            ("system:bootstrappers",),
            "Auto approving kubelet client certificate after SubjectAccessReview.",
            id="a machine that joins",
        ),
        pytest.param("system:node:node-2", ("system:nodes",), None, id="another node"),
    ],
)
def test_roles_say_who_is_approved(user: str, groups: tuple[str, ...], message: str | None) -> None:
    """The approved ones are signed at once; others wait for people."""
    cluster = Cluster(config=ClusterConfig(nodes=make_nodes(1)))
    cluster.start()
    cluster.run_for(5.0)
    spec = CertificateSigningRequestSpec(
        request=_request("node-1"),
        signer_name=SIGNER,
        usages=("client auth", "digital signature"),
    )
    asker = cluster.client("asker", user=user, groups=(*groups, "system:authenticated"))
    asker.create(CertificateSigningRequest(metadata=ObjectMeta(name="csr"), spec=spec))
    cluster.run_for(3.0)
    found = cluster.get(CertificateSigningRequest, "csr")
    cluster.stop()

    approved = condition_of(found.status.conditions, "Approved")
    assert (approved.message if approved else None) == message
    assert bool(found.status.certificate) == (message is not None)
