"""The custom resource that client tests use: CronTabs of stable.example.com."""

from typing import Any

GROUP = "stable.example.com"
NAME = f"crontabs.{GROUP}"

_TEXT = {"type": "string"}
_NUMBER = {"type": "integer"}

DEFINITION: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": NAME},
    "spec": {
        "group": GROUP,
        "scope": "Namespaced",
        "names": {
            "plural": "crontabs",
            "singular": "crontab",
            "kind": "CronTab",
            "shortNames": ["ct"],
            "categories": ["toys"],
        },
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "description": "A table of things to do, and when.",
                        "required": ["spec"],
                        "properties": {
                            "spec": {
                                "type": "object",
                                "required": ["cron"],
                                "properties": {
                                    "cron": {**_TEXT, "description": "When.", "minLength": 3},
                                    "image": {**_TEXT, "default": "busybox"},
                                    "replicas": {**_NUMBER, "minimum": 1, "default": 1},
                                    "color": {**_TEXT, "enum": ["red", "blue"]},
                                },
                            },
                            "status": {
                                "type": "object",
                                "x-kubernetes-preserve-unknown-fields": True,
                            },
                        },
                    }
                },
                "selectableFields": [{"jsonPath": ".spec.color"}],
                "additionalPrinterColumns": [
                    {"name": "Cron", "type": "string", "jsonPath": ".spec.cron"},
                    {
                        "name": "Replicas",
                        "type": "integer",
                        "jsonPath": ".spec.replicas",
                        "priority": 1,
                    },
                ],
                "subresources": {
                    "status": {},
                    "scale": {
                        "specReplicasPath": ".spec.replicas",
                        "statusReplicasPath": ".status.replicas",
                    },
                },
            }
        ],
    },
}


def cron_tab(name: str, **spec: Any) -> dict[str, Any]:
    """A CronTab."""
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "CronTab",
        "metadata": {"name": name},
        "spec": {"cron": "* * *", **spec},
    }
