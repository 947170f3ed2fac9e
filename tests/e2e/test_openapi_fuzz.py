"""schemathesis reads our OpenAPI and asks what it says: no answer is a failure of the server."""

import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
import requests
from hypothesis import HealthCheck, Phase, given, settings

from tests.e2e.served import Served
from tui.kubeconfig import ServerAccess, read_kubeconfig

pytestmark = pytest.mark.kubectl

GROUPS = {
    "api/v1": ("pods", "services", "configmaps", "nodes"),
    "apis/apps/v1": ("deployments", "statefulsets"),
    "apis/batch/v1": ("jobs", "cronjobs"),
    "apis/networking.k8s.io/v1": ("ingresses",),
    "apis/autoscaling/v2": ("horizontalpodautoscalers",),
    "apis/rbac.authorization.k8s.io/v1": ("rolebindings",),
}
"""What is asked of which group: enough to meet every verb and shape."""


@attrs.frozen
class Caller:
    """Asks the served cluster as its administrator."""

    access: ServerAccess
    session: requests.Session

    def schema(self, group: str) -> dict[str, Any]:
        """The published OpenAPI v3 document of *group*."""
        found: dict[str, Any] = self.get(f"/openapi/v3/{group}").json()
        return found

    def get(self, path: str) -> requests.Response:
        """The answer to a GET."""
        return self.session.get(self.access.server + path, timeout=10)


@pytest.fixture(scope="module")
def caller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    """A cluster of its own, and a session with the administrator's certificate."""
    served = Served.start(tmp_path_factory.mktemp("openapi"), "--nodes", "1", runtime="simulated")
    access = read_kubeconfig(served.folder / "kubeconfig")
    with tempfile.TemporaryDirectory() as name, requests.Session() as session:
        folder = Path(name)
        (folder / "ca.pem").write_text(access.authority)
        (folder / "me.pem").write_text(f"{access.certificate}\n{access.key}\n")
        session.trust_env = False
        session.verify = str(folder / "ca.pem")
        session.cert = str(folder / "me.pem")
        yield Caller(access, session)
    served.stop()


@pytest.mark.parametrize("group", GROUPS)
def test_no_request_that_the_schema_allows_is_a_server_error(caller: Caller, group: str) -> None:
    """Objects and parameters made from the schema are stored or refused, and nothing breaks."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import schemathesis

        api = schemathesis.openapi.from_dict(caller.schema(group))
    asked = 0
    operations: Any = api.get_all_operations()
    for found in operations:
        operation = found.ok()
        if not is_wanted(operation, GROUPS[group]):
            continue
        asked += 1

        @settings(
            max_examples=3,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def ask(case: Any) -> None:
            case.path_parameters = {"namespace": "default", "name": "fuzzed"}
            case.query = {k: v for k, v in (case.query or {}).items() if k not in HANGING}
            answer = case.call(
                base_url=caller.access.server,
                session=caller.session,
                verify=caller.session.verify,
                cert=caller.session.cert,
                timeout=10,
            )
            assert answer.status_code < 500, (case.as_curl_command(), answer.text[:500])

        ask()
    assert asked >= 3 * len(GROUPS[group])


HANGING = ("watch", "timeoutSeconds", "sendInitialEvents")


def is_wanted(operation: Any, plurals: tuple[str, ...]) -> bool:
    """Whether an operation is about one of *plurals*, and is answered at once."""
    parts = operation.path.strip("/").split("/")
    if "watch" in parts or "proxy" in parts or parts[-1] in ("log", "exec", "attach"):
        return False
    return any(part in plurals for part in parts) and "portforward" not in parts
