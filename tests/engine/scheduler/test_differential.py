"""What is decided on vectors is what kube-scheduler's rules say node by node."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.api.node import Node
from engine.scheduler.columns import Rows
from engine.scheduler.pod_info import PodInfo
from tests.engine.scheduler.objects import a_decider, a_node, a_pod, a_profile, a_table
from tests.engine.scheduler.reference import World, refused_by, totals

ZONE = "topology.kubernetes.io/zone"
APPS = st.sampled_from(["web", "db"])
KEYS = st.sampled_from([ZONE, "kubernetes.io/hostname", "rack"])
TAINTS = st.lists(
    st.builds(
        lambda key, effect: {"key": key, "effect": effect},
        st.sampled_from(["a", "b"]),
        st.sampled_from(["NoSchedule", "PreferNoSchedule"]),
    ),
    max_size=2,
    unique_by=lambda taint: (taint["key"], taint["effect"]),
)


@st.composite
def terms(draw: st.DrawFn) -> dict[str, Any]:
    """An affinity term about one of the apps."""
    return {
        "topologyKey": draw(KEYS),
        "labelSelector": {"matchLabels": {"app": draw(APPS)}},
    }


@st.composite
def affinities(draw: st.DrawFn) -> dict[str, Any]:
    """Node affinity and pod affinity of all kinds, or none."""
    found: dict[str, Any] = {}
    if draw(st.booleans()):
        expression: dict[str, Any] = {
            "key": "rack",
            "operator": draw(st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist", "Gt"])),
        }
        if expression["operator"] in ("In", "NotIn", "Gt"):
            expression["values"] = ["1"]
        term = {"matchExpressions": [expression]}
        found["nodeAffinity"] = (
            {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
            if draw(st.booleans())
            else {
                "preferredDuringSchedulingIgnoredDuringExecution": [
                    {"weight": draw(st.integers(1, 100)), "preference": term}
                ]
            }
        )
    for kind in ("podAffinity", "podAntiAffinity"):
        chance = draw(st.integers(0, 5))
        if chance == 0:
            found[kind] = {"requiredDuringSchedulingIgnoredDuringExecution": [draw(terms())]}
        elif chance == 1:
            weighted = {"weight": draw(st.integers(1, 100)), "podAffinityTerm": draw(terms())}
            found[kind] = {"preferredDuringSchedulingIgnoredDuringExecution": [weighted]}
    return found


@st.composite
def nodes(draw: st.DrawFn, name: str) -> Node:
    """A node with or without zone and rack, taints, images, and little room."""
    labels = {}
    if draw(st.integers(0, 5)):
        labels[ZONE] = draw(st.sampled_from(["z1", "z2", "z3"]))
    if draw(st.booleans()):
        labels["rack"] = draw(st.sampled_from(["1", "2"]))
    images = [{"names": ["app:latest"], "sizeBytes": draw(st.integers(0, 2_000_000_000))}]
    return a_node(
        name,
        cpu=f"{draw(st.integers(1, 40)) * 100}m",
        memory=f"{draw(st.integers(1, 8))}Gi",
        pods=str(draw(st.integers(1, 8))),
        labels=labels,
        taints=draw(TAINTS),
        cordoned=not draw(st.integers(0, 9)),
        images=images if draw(st.booleans()) else [],
    )


@st.composite
def pods(draw: st.DrawFn, name: str) -> PodInfo:
    """A pod of one of the apps with any mix of wishes."""
    spec: dict[str, Any] = {}
    if draw(st.booleans()):
        spec["tolerations"] = [{"key": draw(st.sampled_from(["a", "b"])), "operator": "Exists"}]
    if draw(st.booleans()):
        spec["affinity"] = draw(affinities())
    if not draw(st.integers(0, 2)):
        spec["topologySpreadConstraints"] = [
            {
                "maxSkew": draw(st.integers(1, 2)),
                "topologyKey": key,
                "whenUnsatisfiable": draw(st.sampled_from(["DoNotSchedule", "ScheduleAnyway"])),
                "labelSelector": {"matchLabels": {"app": draw(APPS)}},
                "nodeTaintsPolicy": draw(st.sampled_from(["Honor", "Ignore"])),
                "nodeAffinityPolicy": draw(st.sampled_from(["Honor", "Ignore"])),
            }
            for key in draw(st.lists(KEYS, min_size=1, max_size=2, unique=True))
        ]
    return a_pod(
        name,
        cpu=f"{draw(st.integers(0, 8)) * 50}m",
        memory=f"{draw(st.integers(0, 8)) * 64}Mi",
        owner=draw(st.sampled_from(["", "rs"])),
        labels={"app": draw(APPS)},
        deleted=not draw(st.integers(0, 9)),
        ports=[{"containerPort": 80, "hostPort": 80}] if not draw(st.integers(0, 5)) else [],
        **spec,
    )


@st.composite
def worlds(draw: st.DrawFn) -> tuple[World, list[PodInfo]]:
    """Some nodes with pods on them, and some pods that want a place."""
    made = [draw(nodes(f"n{number}")) for number in range(draw(st.integers(1, 8)))]
    placed: dict[str, list[PodInfo]] = {}
    for number in range(draw(st.integers(0, 10))):
        node = draw(st.sampled_from(made))
        placed.setdefault(node.metadata.name, []).append(draw(pods(f"old{number}")))
    waiting = [draw(pods(f"new{number}")) for number in range(draw(st.integers(1, 4)))]
    return World(made, placed), waiting


@settings(max_examples=100, deadline=None)
@given(worlds())
def test_vectors_agree_with_the_rules(given_world: tuple[World, list[PodInfo]]) -> None:
    """The same nodes pass, others are refused by the same filter, totals are the same.

    Each pod that finds a place is placed, so that the next one meets columns brought up to date.
    """
    world, waiting = given_world
    table = a_table(*world.nodes)
    for name, there in world.pods.items():
        for info in there:
            table.place(info, name)
    decider, profile = a_decider(table), a_profile()
    present = {name: list(there) for name, there in world.pods.items()}

    for info in waiting:
        now = World(world.nodes, present)
        decision = decider.decide(info, profile, attempt=1, now=0.0)
        candidates: Rows = decision.candidates
        expected = {node.metadata.name: refused_by(info, node, now) for node in world.nodes}
        refusals = {name: decision.refusal(row) for row, name in enumerate(table.names)}
        found = {name: item.plugin if item else "" for name, item in refusals.items()}
        assert found == expected
        open_nodes = [world.nodes[row] for row in candidates]
        if len(open_nodes) > 1:
            assert decision.totals.tolist() == totals(info, open_nodes, now)
        if decision.chosen:
            best = decision.totals.max()
            chosen = decision.candidates.tolist().index(table.rows[decision.chosen])
            assert len(open_nodes) == 1 or decision.totals[chosen] == best
            table.place(info, decision.chosen)
            present.setdefault(decision.chosen, []).append(info)
