"""Certificates: who may approve requests for which signer, and what nobody may ask for."""

import base64

import attrs
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from engine.api.certificates import CertificateSigningRequest, CertificateSigningRequestSpec
from engine.api.meta import Condition, ObjectMeta
from engine.api.rbac import ClusterRole, ClusterRoleBinding, PolicyRule, RoleRef, Subject
from engine.apiserver.authentication.certificates import derive_key
from engine.apiserver.errors import ForbiddenError
from engine.cluster import Cluster
from engine.config import ClusterConfig, make_nodes

GROUP = "rbac.authorization.k8s.io"
SIGNER = "kubernetes.io/kube-apiserver-client"


def request_for(group: str) -> CertificateSigningRequest:
    """A request of carol's for a client certificate, as a member of *group*."""
    names = ((NameOID.ORGANIZATION_NAME, group), (NameOID.COMMON_NAME, "carol"))
    subject = x509.Name([x509.NameAttribute(kind, value) for kind, value in names])
    signed = x509.CertificateSigningRequestBuilder(subject).sign(derive_key(7), SHA256())
    text = base64.b64encode(signed.public_bytes(Encoding.PEM)).decode()
    spec = CertificateSigningRequestSpec(request=text, signer_name=SIGNER, usages=("client auth",))
    return CertificateSigningRequest(metadata=ObjectMeta(name="carol"), spec=spec)


@pytest.fixture
def cluster() -> Cluster:
    """A cluster in which jane may write decisions, but of no signer."""
    made = Cluster(config=ClusterConfig(nodes=make_nodes(1)))
    made.start()
    made.run_for(3.0)
    decide = PolicyRule(
        verbs=("get", "update"),
        api_groups=("certificates.k8s.io",),
        resources=("certificatesigningrequests", "certificatesigningrequests/approval"),
    )
    made.apply(
        ClusterRole(metadata=ObjectMeta(name="decides"), rules=(decide,)),
        ClusterRoleBinding(
            metadata=ObjectMeta(name="decides"),
            role_ref=RoleRef(api_group=GROUP, kind="ClusterRole", name="decides"),
            subjects=(Subject(kind="User", name="jane", api_group=GROUP),),
        ),
    )
    return made


def approved(request: CertificateSigningRequest) -> CertificateSigningRequest:
    """*request* with a yes."""
    yes = Condition(type="Approved", status="True", reason="Test", message="yes")
    return attrs.evolve(request, status=attrs.evolve(request.status, conditions=(yes,)))


def test_nobody_asks_to_be_an_administrator(cluster: Cluster) -> None:
    """Not even an administrator."""
    with pytest.raises(ForbiddenError, match="system:masters group is not allowed"):
        cluster.apply(request_for("system:masters"))


@pytest.mark.parametrize("name", [SIGNER, "kubernetes.io/*"])
def test_who_approves_needs_the_signer_too(cluster: Cluster, name: str) -> None:
    """The verb `approve` on the signer by name, or on its whole domain."""
    cluster.apply(request_for("devs"))
    jane = cluster.client("jane", user="jane")
    asked = jane.get(CertificateSigningRequest, "carol")

    with pytest.raises(ForbiddenError, match="not permitted to approve requests"):
        jane.update_subresource(approved(asked), "approval")
    cluster.admin.update(
        attrs.evolve(
            cluster.get(ClusterRole, "decides"),
            rules=(
                *cluster.get(ClusterRole, "decides").rules,
                PolicyRule(
                    verbs=("approve",),
                    api_groups=("certificates.k8s.io",),
                    resources=("signers",),
                    resource_names=(name,),
                ),
            ),
        )
    )
    jane.update_subresource(approved(asked), "approval")
    cluster.run_for(2.0)

    assert cluster.get(CertificateSigningRequest, "carol").status.certificate
