"""Nodes, pods and tables for the scheduler's tests, with only what a test is about."""

from collections.abc import Mapping, Sequence
from typing import cast

from engine.api.codec import decode_as
from engine.api.node import Node
from engine.api.pod import Pod
from engine.scheduler.configuration import ProfileSettings
from engine.scheduler.decider import Decider, FirstOne
from engine.scheduler.evaluation import Evaluation
from engine.scheduler.framework import Filter, Score
from engine.scheduler.node_table import NodeTable
from engine.scheduler.nominator import Nominator
from engine.scheduler.plugin_args import DEFAULTS, Args
from engine.scheduler.plugins.registry import PLUGINS
from engine.scheduler.pod_info import PodInfo, pod_info
from engine.scheduler.profile import Profile
from engine.scheduler.volume_view import Table, VolumeView

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
    images: Sequence[Wire] | None = None,
    **more: str,
) -> Node:
    """A node with a hostname label; *more* are other resources, ``/`` written as ``__``."""
    others = {key.replace("__", "/").replace("_", "."): value for key, value in more.items()}
    return decode_as(
        Node,
        {
            "metadata": {
                "name": name,
                "uid": name,
                "labels": {"kubernetes.io/hostname": name, **(labels or {})},
            },
            "spec": {"taints": taints or [], "unschedulable": cordoned},
            "status": {
                "allocatable": {"cpu": cpu, "memory": memory, "pods": pods, **others},
                "images": images or [],
            },
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
    namespace: str = "default",
    image: str = "app",
    requests: Mapping[str, str] | None = None,
    status: Wire | None = None,
    deleted: bool = False,
    **spec: object,
) -> PodInfo:
    """A pod of one container; *owner* is the uid of its controller."""
    more = {"deletionTimestamp": "2026-01-01T00:00:00Z"} if deleted else {}
    wanted = {key: value for key, value in (("cpu", cpu), ("memory", memory)) if value}
    wanted |= requests or {}
    owners = [
        {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "name": "rs",
            "uid": owner,
            "controller": True,
        }
    ]
    container = {
        "name": "c",
        "image": image,
        "resources": {"requests": wanted},
        "ports": ports or [],
    }
    return pod_info(
        decode_as(
            Pod,
            {
                "metadata": {
                    "name": name,
                    "namespace": namespace,
                    **more,
                    "uid": name,
                    "labels": labels or {},
                    "ownerReferences": owners if owner else [],
                },
                "spec": {"containers": [container], **spec},
                "status": status or {},
            },
        )
    )


def a_table(*nodes: Node) -> NodeTable:
    """A table of *nodes*."""
    table = NodeTable()
    for node in nodes:
        table.put_node(node)
    return table


def a_filter(name: str, args: Args = DEFAULTS, view: VolumeView | None = None) -> Filter:
    """A filtering plugin."""
    return cast("Filter", PLUGINS[name].make(args, view or VolumeView(), Table()))


def a_score(name: str, args: Args = DEFAULTS) -> Score:
    """A scoring plugin."""
    return cast("Score", PLUGINS[name].make(args, VolumeView(), Table()))


def a_profile(view: VolumeView | None = None) -> Profile:
    """The default profile."""
    return ProfileSettings().make(view or VolumeView())


def an_evaluation(info: PodInfo, table: NodeTable, view: VolumeView | None = None) -> Evaluation:
    """What the default profile says, fresh."""
    profile = a_profile(view)
    made = Evaluation(info, table, profile.filters_for(info), profile.scores_for(info))
    made.refresh()
    return made


def a_decider(table: NodeTable) -> Decider:
    """Decides without chance."""
    return Decider(table, Nominator(), FirstOne())
