"""What each score gives, case by case, with kube-scheduler's own numbers.

Source: the tables of least_allocated_test.go, most_allocated_test.go,
requested_to_capacity_ratio_test.go, balanced_allocation_test.go and image_locality_test.go, v1.34.
"""

from typing import Any

import numpy as np
import pytest

from engine.scheduler.framework import Score
from engine.scheduler.plugin_args import Args
from engine.scheduler.pod_info import PodInfo, pod_requests
from tests.engine.scheduler.objects import a_node, a_pod, a_score, a_table

MEGABYTE = 1024 * 1024


def _scores(plugin: Score, info: PodInfo, *nodes: Any) -> list[int]:
    table = a_table(*nodes)
    raw = plugin.score(info, table, np.arange(table.size))
    given = raw if plugin.IS_PERCENT else plugin.normalize(raw)
    return [int(value) for value in given]


TWO = (a_node("m1", cpu="4", memory="10000"), a_node("m2", cpu="6", memory="10000"))
SHAPE = ((0, 0), (100, 10))


@pytest.mark.parametrize(
    ("args", "cpu", "memory", "expected"),
    [
        pytest.param(Args(), "3", "5000", [37, 50], id="least"),
        pytest.param(Args(strategy="MostAllocated"), "3", "5000", [62, 50], id="most"),
        pytest.param(
            Args(strategy="RequestedToCapacityRatio", shape=SHAPE), "3", "5000", [63, 50],
            id="ratio-bin-packing",
        ),
        pytest.param(
            Args(strategy="RequestedToCapacityRatio", shape=((0, 10), (100, 0))), "3", "5000",
            [38, 50], id="ratio-spreading",
        ),
        pytest.param(Args(weights={"cpu": 3, "memory": 1}), "3", "5000", [31, 50], id="weights"),
    ],
)  # fmt: skip
def test_fit_scores_by_its_strategy(args: Args, cpu: str, memory: str, expected: list[int]) -> None:
    """3 of 4 and of 6 cores, half the memory."""
    plugin = a_score("NodeResourcesFit", args)

    assert _scores(plugin, a_pod(cpu=cpu, memory=memory), *TWO) == expected


def test_an_extended_resource_counts_where_it_is_wanted() -> None:
    """A node without it does not score for it."""
    plugin = a_score(
        "NodeResourcesFit", Args(strategy="MostAllocated", weights={"example.com/gpu": 1})
    )
    nodes = [
        a_node("big", example_com__gpu="4"),
        a_node("small", example_com__gpu="1"),
        a_node("none"),
    ]

    assert _scores(plugin, a_pod(requests={"example.com/gpu": "1"}), *nodes) == [25, 100, 0]
    assert _scores(plugin, a_pod(), *nodes) == [0, 0, 0]


def test_balance_prefers_equal_shares() -> None:
    """3/4 and 5/10 lie further apart than 3/6 and 5/10."""
    plugin = a_score("NodeResourcesBalancedAllocation")

    assert _scores(plugin, a_pod(cpu="3", memory="5000"), *TWO) == [87, 100]
    assert not plugin.scores(a_pod())


def test_images_that_are_there_count_by_size_and_spread() -> None:
    """40 MB on one of two nodes count half; below 23 MB nothing counts."""
    plugin = a_score("ImageLocality")
    have = [{"names": ["app:latest"], "sizeBytes": 500 * MEGABYTE}]
    tiny = [{"names": ["app:latest"], "sizeBytes": 20 * MEGABYTE}]

    assert _scores(plugin, a_pod(), a_node("a", images=have), a_node("b")) == [23, 0]
    assert _scores(plugin, a_pod(), a_node("a", images=tiny), a_node("b")) == [0, 0]


def test_preferred_node_affinity_adds_weights() -> None:
    """The best node has 100, the others their share."""
    terms = [
        {"weight": weight, "preference": {"matchExpressions": [{"key": key, "operator": "Exists"}]}}
        for weight, key in ((30, "a"), (60, "b"))
    ]
    preferred = {"preferredDuringSchedulingIgnoredDuringExecution": terms}
    plugin = a_score("NodeAffinity")
    nodes = [
        a_node("both", labels={"a": "", "b": ""}),
        a_node("one", labels={"a": ""}),
        a_node("none"),
    ]

    assert _scores(plugin, a_pod(affinity={"nodeAffinity": preferred}), *nodes) == [100, 33, 0]


@pytest.mark.parametrize(
    ("spec", "cpu"),
    [
        pytest.param({}, 200, id="containers-add-up"),
        pytest.param({"overhead": {"cpu": "50m"}}, 250, id="overhead"),
        pytest.param({"init": [("500m", None)]}, 500, id="largest-init-container"),
        pytest.param({"init": [("100m", "Always")]}, 300, id="sidecar-adds"),
        pytest.param({"init": [("100m", "Always"), ("500m", None)]}, 600, id="sidecar-before-init"),
        pytest.param({"init": [("500m", None), ("100m", "Always")]}, 500, id="sidecar-after-init"),
    ],
)
def test_requests_of_a_pod(spec: dict[str, Any], cpu: int) -> None:
    """Containers and sidecars together, or the largest moment of initialization."""
    init = [
        {
            "name": f"i{index}",
            "resources": {"requests": {"cpu": amount}},
            **({"restartPolicy": policy} if policy else {}),
        }
        for index, (amount, policy) in enumerate(spec.pop("init", ()))
    ]
    more = [{"name": name, "resources": {"requests": {"cpu": "100m"}}} for name in ("c", "d")]
    info = a_pod(containers=more, initContainers=init, **spec)

    assert pod_requests(info.pod)["cpu"] == cpu


@pytest.mark.parametrize(
    ("allocated", "conditions", "cpu"),
    [
        pytest.param("300m", [], 300, id="larger-allocation-counts"),
        pytest.param("50m", [], 100, id="larger-wish-counts"),
        pytest.param(
            "50m",
            [{"type": "PodResizePending", "status": "True", "reason": "Infeasible"}],
            50,
            id="infeasible-wish-does-not",
        ),
    ],
)
def test_a_resize_counts_the_larger_side(
    allocated: str, conditions: list[dict[str, str]], cpu: int
) -> None:
    """What is wanted and what is allocated, until they agree."""
    status = {
        "conditions": conditions,
        "containerStatuses": [
            {
                "name": "c",
                "ready": True,
                "restartCount": 0,
                "image": "app",
                "imageID": "",
                "allocatedResources": {"cpu": allocated},
                "resources": {"requests": {"cpu": allocated}},
            }
        ],
    }

    assert pod_requests(a_pod(cpu="100m", status=status).pod)["cpu"] == cpu
