"""Tokens of ServiceAccounts: for whom, how long, and what ends them."""

from collections.abc import Callable

import attrs
import pytest

from engine.api.core import Secret, ServiceAccount
from engine.api.frozen import FrozenDict
from engine.api.meta import ObjectMeta
from engine.api.pod import Pod
from engine.apiserver.authentication.certificates import derive_key
from engine.apiserver.authentication.jwt import BadTokenError, TokenSigner
from engine.apiserver.authentication.service_accounts import token_of
from engine.apiserver.errors import BadRequestError, ConflictError, InvalidError
from engine.cluster import Cluster
from engine.config import ClusterConfig, make_nodes
from tests.builders import make_pod


@pytest.fixture
def cluster() -> Cluster:
    """A running cluster with the account `app` and a pod of the account `default`."""
    made = Cluster(config=ClusterConfig(nodes=make_nodes(1)))
    made.start()
    made.run_for(3.0)
    made.apply(
        ServiceAccount(metadata=ObjectMeta(name="app", namespace="default")),
        make_pod("web"),
    )
    made.run_for(5.0)
    return made


def pod_of(cluster: Cluster) -> Pod:
    """The pod `web`."""
    return cluster.get(Pod, "web", namespace="default")


def test_a_token_says_whose_it_is(cluster: Cluster) -> None:
    """Name, uid and groups are those of the account."""
    account = cluster.get(ServiceAccount, "app", namespace="default")

    issued = cluster.admin.create_token("app", namespace="default", expiration_seconds=600)
    user, audiences = cluster.server.tokens.authenticate(issued.token)

    assert issued.expires == pytest.approx(cluster.loop.now + 600, abs=1.0)
    assert user.name == "system:serviceaccount:default:app"
    assert user.uid == account.metadata.uid
    assert "system:serviceaccounts:default" in user.groups
    assert audiences == ("https://kubernetes.default.svc.cluster.local",)


def test_a_token_of_a_pod_tells_pod_and_node(cluster: Cluster) -> None:
    """Who gets it knows where it comes from."""
    pod = pod_of(cluster)

    issued = cluster.admin.create_token("default", namespace="default", pod=pod)
    user, _ = cluster.server.tokens.authenticate(issued.token)

    assert user.extra["authentication.kubernetes.io/pod-name"] == ("web",)
    assert user.extra["authentication.kubernetes.io/pod-uid"] == (pod.metadata.uid,)
    assert user.extra["authentication.kubernetes.io/node-name"] == (pod.spec.node_name,)


def test_a_token_for_somebody_else_is_not_for_us(cluster: Cluster) -> None:
    """Audiences are looked at: one for `vault` opens nothing here, and is right for vault."""
    issued = cluster.admin.create_token("app", namespace="default", audiences=("vault",))

    with pytest.raises(BadTokenError, match="audiences"):
        cluster.server.tokens.authenticate(issued.token)
    assert cluster.server.tokens.authenticate(issued.token, ("vault", "x"))[1] == ("vault",)


def expire(cluster: Cluster) -> None:
    """Let an hour pass."""
    cluster.run_for(3601.0)


def delete_account(cluster: Cluster) -> None:
    """Delete the account."""
    cluster.admin.delete(ServiceAccount, "default", namespace="default")


def replace_account(cluster: Cluster) -> None:
    """Delete the account, and let the controller make another of the same name."""
    delete_account(cluster)
    cluster.run_for(5.0)
    assert cluster.get(ServiceAccount, "default", namespace="default").metadata.uid


def delete_pod(cluster: Cluster) -> None:
    """Delete the pod at once."""
    cluster.admin.delete(Pod, "web", namespace="default", grace_period_seconds=0)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        pytest.param(expire, "expired", id="its time is over"),
        pytest.param(delete_account, "gone", id="its account is gone"),
        pytest.param(replace_account, "gone", id="its account is another one"),
        pytest.param(delete_pod, "gone", id="its pod is gone"),
    ],
)
def test_a_token_ends(cluster: Cluster, change: Callable[[Cluster], None], why: str) -> None:
    """It is refused from then on, also if it was believed a moment ago."""
    issued = cluster.admin.create_token("default", namespace="default", pod=pod_of(cluster))
    cluster.server.tokens.authenticate(issued.token)

    change(cluster)

    with pytest.raises(BadTokenError, match=why):
        cluster.server.tokens.authenticate(issued.token)


def test_a_token_that_somebody_changed_or_signed_is_refused(cluster: Cluster) -> None:
    """Another key, another signature, another header: nothing is believed."""
    issued = cluster.admin.create_token("app", namespace="default").token
    head, body, signature = issued.split(".")
    foreign = TokenSigner(derive_key(99)).sign({"iss": "x"})

    for bad in (
        foreign, f"{head}.{body}.", f"{head}.{body}.{signature[:-4]}AAAA", "x", "..", "a.b.c",
        f"{head}.{body[:-2]}.{signature}", f"eyJhbGciOiJub25lIn0.{body}.",
    ):  # fmt: skip
        with pytest.raises(BadTokenError):
            cluster.server.tokens.authenticate(bad)


def test_what_cannot_be_asked_for_is_refused(cluster: Cluster) -> None:
    """Too short a time, the pod of another account, a pod of the same name but another uid."""
    pod = pod_of(cluster)
    other = attrs.evolve(pod, metadata=attrs.evolve(pod.metadata, uid="other"))

    with pytest.raises(InvalidError, match="less than 10 minutes"):
        cluster.admin.create_token("app", namespace="default", expiration_seconds=599)
    with pytest.raises(BadRequestError, match="different serviceaccount"):
        cluster.admin.create_token("app", namespace="default", pod=pod)
    with pytest.raises(ConflictError, match="does not match the UID"):
        cluster.admin.create_token("default", namespace="default", pod=other)


def test_a_secret_for_an_account_is_filled_and_goes_with_it(cluster: Cluster) -> None:
    """Its token has no end of its own: it is worth something while Secret and account are there."""
    meta = ObjectMeta(
        name="old",
        namespace="default",
        annotations=FrozenDict({"kubernetes.io/service-account.name": "app"}),
    )
    cluster.apply(Secret(metadata=meta, type="kubernetes.io/service-account-token"))
    cluster.run_for(2.0)
    secret = cluster.get(Secret, "old", namespace="default")
    token = token_of(secret)

    assert {*secret.data} == {"ca.crt", "namespace", "token"}
    assert cluster.server.tokens.authenticate(token)[0].name == "system:serviceaccount:default:app"

    cluster.admin.delete(ServiceAccount, "app", namespace="default")
    cluster.run_for(2.0)

    assert not [each for each in cluster.list(Secret) if each.metadata.name == "old"]
    with pytest.raises(BadTokenError):
        cluster.server.tokens.authenticate(token)
