"""Who asks and what may he: the certificates, tokens and roles that kubectl works with."""

import base64
import json
import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
import yaml

from tests.clients.kubectl import Kubectl

pytestmark = pytest.mark.kubectl

CONFIG_MAPS = "configmaps"


@pytest.fixture(params=["newest", "oldest"])
def anyctl(request: pytest.FixtureRequest, kubectl: Kubectl, oldest_kubectl: Kubectl) -> Kubectl:
    """The newest kubectl, then the oldest."""
    return kubectl if request.param == "newest" else oldest_kubectl


@pytest.fixture
def namespace(anyctl: Kubectl, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace of the test's own, with the account `app` that reads config maps in it."""
    name = re.sub(r"[^a-z]+", "-", request.node.name)[:50].strip("-")
    anyctl("create", "namespace", name)
    anyctl("create", "serviceaccount", "app", "-n", name)
    anyctl("create", "role", "reader", "--verb=get,list", f"--resource={CONFIG_MAPS}", "-n", name)
    anyctl("create", "rolebinding", "app", "--role=reader", f"--serviceaccount={name}:app",
           "-n", name)  # fmt: skip
    yield name
    anyctl("delete", "namespace", name, "--wait=false")


def ask(kubectl: Kubectl, path: str, token: str = "") -> tuple[int, dict[str, object]]:
    """GET *path* with no more than a token: the code and the answer."""
    cluster = yaml.safe_load(kubectl("config", "view", "--raw", "-o", "yaml"))["clusters"][0]
    context = ssl.create_default_context(
        cadata=ssl.DER_cert_to_PEM_cert(_der(cluster["cluster"]["certificate-authority-data"]))
    )
    request = urllib.request.Request(cluster["cluster"]["server"] + path)
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, context=context) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def _der(data: str) -> bytes:
    return ssl.PEM_cert_to_DER_cert(base64.b64decode(data).decode())


def test_the_administrator_is_known_by_certificate(anyctl: Kubectl, kubectl: Kubectl) -> None:
    """`auth can-i`, also the list of everything, and `auth whoami` (1.27 asks for an alpha one)."""
    who = yaml.safe_load(kubectl("auth", "whoami", "-o", "yaml"))["status"]["userInfo"]

    assert who["username"] == "kubernetes-admin"
    assert "system:masters" in who["groups"]
    assert anyctl("auth", "can-i", "delete", "nodes").strip() == "yes"
    assert "*.*" in anyctl("auth", "can-i", "--list")


def test_a_token_lets_its_account_in_and_nobody_else(anyctl: Kubectl, namespace: str) -> None:
    """`create token`, TLS with our authority, what the role allows, refusals in words."""
    token = anyctl("create", "token", "app", "-n", namespace, "--duration=15m").strip()
    maps, secrets = (f"/api/v1/namespaces/{namespace}/{kind}" for kind in (CONFIG_MAPS, "secrets"))

    assert ask(anyctl, maps, token)[0] == 200
    code, answer = ask(anyctl, secrets, token)
    assert code == 403
    assert answer["message"] == (
        f'secrets is forbidden: User "system:serviceaccount:{namespace}:app" cannot list resource '
        f'"secrets" in API group "" in the namespace "{namespace}"'
    )
    assert ask(anyctl, maps, token[:-6] + "AAAAAA")[0] == 401
    assert ask(anyctl, maps)[1]["reason"] == "Forbidden"

    anyctl("delete", "serviceaccount", "app", "-n", namespace)
    assert ask(anyctl, maps, token)[0] == 401


def test_kubectl_works_with_a_token_of_its_own(anyctl: Kubectl, namespace: str) -> None:
    """A kubeconfig that holds a token only."""
    token = anyctl("create", "token", "app", "-n", namespace).strip()
    config = yaml.safe_load(anyctl("config", "view", "--raw", "-o", "yaml"))
    config["users"][0]["user"] = {"token": token}
    path = anyctl.kubeconfig.with_name(f"{namespace}.token")
    path.write_text(yaml.safe_dump(config))
    app = Kubectl(anyctl.path, path)

    assert "kube-root-ca.crt" in app("get", "configmaps", "-n", namespace)
    refusal = app("get", "secrets", "-n", namespace, fails=True)
    assert f"system:serviceaccount:{namespace}:app" in refusal
    assert "Forbidden" in refusal
    assert app("auth", "can-i", "get", "pods", "-n", namespace, fails=True) == ""


def test_acting_as_somebody_else(anyctl: Kubectl, namespace: str) -> None:
    """`--as` and `--as-group` give what that user has; who may not act so is told."""
    app = f"system:serviceaccount:{namespace}:app"

    assert anyctl("auth", "can-i", "list", "configmaps", "-n", namespace, "--as", app) == "yes\n"
    assert "jane" in anyctl("get", "pods", "-n", namespace, "--as", "jane", fails=True)
    everything = anyctl("get", "pods", "-n", namespace, "--as", "jane",
                        "--as-group", "system:masters")  # fmt: skip
    assert everything == ""


def test_roles_are_reconciled_and_not_given_away(anyctl: Kubectl, namespace: str) -> None:
    """`auth reconcile`; an admin of a namespace cannot make himself more."""
    manifest = anyctl("get", "role", "reader", "-n", namespace, "-o", "yaml")
    assert "reader" in anyctl("auth", "reconcile", "-f", "-", text=manifest)

    anyctl("create", "rolebinding", "ada", "--clusterrole=admin", "--user=ada", "-n", namespace)
    more = anyctl("create", "rolebinding", "more", "--clusterrole=cluster-admin", "--user=ada",
                  "-n", namespace, "--as", "ada", fails=True)  # fmt: skip
    assert "attempting to grant RBAC permissions not currently held" in more
    equal = anyctl("create", "rolebinding", "equal", "--clusterrole=view", "--user=bob",
                   "-n", namespace, "--as", "ada")  # fmt: skip
    assert "created" in equal


def test_anybody_may_ask_whether_we_are_well(kubectl: Kubectl) -> None:
    """Health and version need no name; what pods trust us by is published for tokens' holders."""
    assert ask(kubectl, "/version")[0] == 200
    assert ask(kubectl, "/openid/v1/jwks")[0] == 403
    assert json.loads(kubectl("get", "--raw", "/openid/v1/jwks"))["keys"]
    found = json.loads(kubectl("get", "--raw", "/.well-known/openid-configuration"))
    assert found["issuer"] == "https://kubernetes.default.svc.cluster.local"
