"""Nodes, pods and tables for the scheduler's tests, with only what a test is about."""

from collections.abc import Mapping, Sequence

from engine.api.codec import decode_as
from engine.api.node import Node
from engine.api.pod import Pod
from engine.scheduler.node_table import NodeTable
from engine.scheduler.pod_info import PodInfo, pod_info

Wire = Mapping[str, object]


def a_node(
    name: str,
    *,
    cpu: str = "4",
    memory: str = "8Gi",
    pods: str = "110",
    labels: dict[str, str] | None = None,
    taints: Sequence[Wire] | None = None,
    cordoned: bool = False,
) -> Node:
    """A node with a hostname label."""
    return decode_as(
        Node,
        {
            "metadata": {
                "name": name,
                "uid": name,
                "labels": {"kubernetes.io/hostname": name, **(labels or {})},
            },
            "spec": {"taints": taints or [], "unschedulable": cordoned},
            "status": {"allocatable": {"cpu": cpu, "memory": memory, "pods": pods}},
        },
    )


def a_pod(
    name: str = "p",
    *,
    cpu: str = "",
    memory: str = "",
    owner: str = "",
    labels: dict[str, str] | None = None,
    ports: Sequence[Wire] | None = None,
    **spec: object,
) -> PodInfo:
    """A pod of one container; *owner* is the uid of its controller."""
    requests = {key: value for key, value in (("cpu", cpu), ("memory", memory)) if value}
    owners = [
        {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "name": "rs",
            "uid": owner,
            "controller": True,
        }
    ]
    container = {"name": "c", "resources": {"requests": requests}, "ports": ports or []}
    return pod_info(
        decode_as(
            Pod,
            {
                "metadata": {
                    "name": name,
                    "namespace": "default",
                    "uid": name,
                    "labels": labels or {},
                    "ownerReferences": owners if owner else [],
                },
                "spec": {"containers": [container], **spec},
            },
        )
    )


def a_table(*nodes: Node) -> NodeTable:
    """A table of *nodes*."""
    table = NodeTable()
    for node in nodes:
        table.put_node(node)
    return table
