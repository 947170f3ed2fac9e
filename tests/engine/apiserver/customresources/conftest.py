"""A server with one custom resource: CronTabs in the versions v1 (stored) and v2."""

from collections.abc import Callable
from typing import Any

import pytest

from engine.api.codec import decode_as
from engine.api.meta import ApiObject
from engine.api.scheme import SCHEME, make_kind
from engine.apiserver.server import ApiServer
from tests.engine.apiserver.conftest import REQUEST

GROUP = "stable.example.com"
DEFINITION = SCHEME.class_for("apiextensions.k8s.io/v1", "CustomResourceDefinition")
CRON_TAB = make_kind(f"{GROUP}/v1", "CronTab")
CRON_TAB_V2 = make_kind(f"{GROUP}/v2", "CronTab")

SPEC: dict[str, Any] = {
    "type": "object",
    "required": ["cron"],
    "properties": {
        "cron": {"type": "string", "minLength": 3},
        "image": {"type": "string", "default": "busybox"},
        "replicas": {"type": "integer", "minimum": 1, "maximum": 10, "default": 1},
        "color": {"type": "string"},
        "extra": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "port": {"x-kubernetes-int-or-string": True},
    },
}


def version(name: str, *, storage: bool = False, **rest: Any) -> dict[str, Any]:
    """One version of the definition."""
    schema = {
        "type": "object",
        "properties": {
            "spec": SPEC,
            "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        },
    }
    return {
        "name": name,
        "served": True,
        "storage": storage,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {
            "status": {},
            "scale": {
                "specReplicasPath": ".spec.replicas",
                "statusReplicasPath": ".status.replicas",
                "labelSelectorPath": ".status.selector",
            },
        },
        **rest,
    }


def definition(**changes: Any) -> Any:
    """The definition of CronTabs, with other values in its spec."""
    spec = {
        "group": GROUP,
        "scope": "Namespaced",
        "names": {"plural": "crontabs", "kind": "CronTab", "shortNames": ["ct"]},
        "versions": [
            version(
                "v1",
                storage=True,
                selectableFields=[{"jsonPath": ".spec.color"}],
                additionalPrinterColumns=[
                    {"name": "Cron", "type": "string", "jsonPath": ".spec.cron"},
                    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
                ],
            ),
            version("v2"),
        ],
        **changes,
    }
    assert DEFINITION is not None
    return decode_as(DEFINITION, {"metadata": {"name": f"crontabs.{GROUP}"}, "spec": spec})


def cron_tab(name: str = "one", cls: type[ApiObject] = CRON_TAB, **spec: Any) -> Any:
    """A CronTab in the namespace default."""
    value = {
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"cron": "* * *", **spec},
    }
    return decode_as(cls, value)


Settle = Callable[[], None]


@pytest.fixture
def crons(server: ApiServer) -> ApiServer:
    """The server once CronTabs are established."""
    server.create(definition(), request=REQUEST)
    server.loop.run_for(0.1)
    return server
