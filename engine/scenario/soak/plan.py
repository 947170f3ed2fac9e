"""What a soak does to a cluster: random workloads and faults, all from one seed. Pure."""

import attrs

from engine.api.fault_catalogue import CATALOGUE
from engine.kernel.rng import RandomStreams, Stream

IMAGES = tuple(f"localhost/kubarium/demo:v{number}" for number in (1, 2, 3))
POD_FAULTS = (
    "pod.kill",
    "container.kill",
    "container.pause",
    "pod.failure",
    "probe.fail",
    "net.partition",
    "net.delay",
    "stress.cpu",
)
NODE_FAULTS = (
    "node.crash",
    "node.reboot",
    "node.pause",
    "node.partition",
    "kubelet.stop",
    "node.pressure",
    "node.drain",
    "image.pull-fail",
)
COMPONENT_FAULTS = ("link.cut", "link.delay", "link.drop", "watch.drop")
LINKS = ("scheduler", "controller-manager", "kube-proxy", "kubelet/node-1", "kubelet/node-2")
CLUSTER_FAULTS = (
    "apiserver.down",
    "apiserver.slow",
    "apiserver.error",
    "scheduler.stop",
    "controller.stop",
    "store.compact",
    "store.readonly",
    "store.crash",
)


@attrs.frozen(kw_only=True)
class Action:
    """One thing that is done, *at* seconds after the start.

    *do* is apply (*text* is YAML), scale, image, delete (*name* is KIND/NAME) or fault.
    """

    at: float
    do: str
    name: str = ""
    text: str = ""
    replicas: int = 0
    fault: str = ""
    target: tuple[tuple[str, str], ...] = ()
    params: tuple[tuple[str, float | str], ...] = ()
    seconds: float = 0.0


def make_plan(seed: int, *, nodes: int, seconds: float) -> tuple[Action, ...]:
    """The actions of *seed*, in the order of their times."""
    chance = RandomStreams(seed)["soak"]
    workloads = [_workload(chance, number) for number in range(chance.randint(3, 6))]
    actions = [
        Action(at=float(round(chance.uniform(0.0, 5.0), 1)), do="apply", name=name, text=text)
        for name, text in workloads
    ]
    names = [name for name, _ in workloads]
    for _ in range(chance.randint(4, 9)):
        at = float(round(chance.uniform(6.0, seconds * 0.8), 1))
        actions.append(_change(chance, at, names))
    for _ in range(chance.randint(2, 6)):
        at = float(round(chance.uniform(6.0, seconds * 0.7), 1))
        actions.append(_fault(chance, at, nodes, seconds))
    return tuple(sorted(actions, key=lambda action: action.at))


def _change(chance: Stream, at: float, names: list[str]) -> Action:
    name = chance.choice(names)
    kind = name.partition("/")[0]
    match chance.randrange(10):
        case 0:
            return Action(at=at, do="delete", name=name)
        case 1 | 2 | 3 | 4 if kind in ("Deployment", "StatefulSet"):
            return Action(at=at, do="image", name=name, text=chance.choice(IMAGES))
        case _ if kind in ("Deployment", "StatefulSet"):
            return Action(at=at, do="scale", name=name, replicas=chance.randint(0, 10))
        case _:
            return Action(at=at, do="delete", name=name)


def _fault(chance: Stream, at: float, nodes: int, seconds: float) -> Action:
    family = chance.randrange(10)
    length = float(round(chance.uniform(3.0, seconds * 0.5), 1))
    target: tuple[tuple[str, str], ...] = ()
    if family < 4:
        type_ = chance.choice(POD_FAULTS)
        target = (("expression", "soak=true"), ("mode", chance.choice(("one", "fixed-percent"))))
    elif family < 7:
        type_ = chance.choice(NODE_FAULTS)
        target = (("node", f"node-{chance.randint(1, nodes)}"),)
    elif family < 8:
        type_ = chance.choice(COMPONENT_FAULTS)
        target = (("component", chance.choice(LINKS)),)
    else:
        type_ = chance.choice(CLUSTER_FAULTS)
        length = min(length, 15.0)
    params: list[tuple[str, float | str]] = []
    if CATALOGUE[type_].parameter("seconds") is not None:
        params.append(("seconds", round(chance.uniform(0.5, 8.0), 1)))
    return Action(
        at=at, do="fault", fault=type_, target=target, params=tuple(params), seconds=length
    )


def _workload(chance: Stream, number: int) -> tuple[str, str]:
    """Kind/name and manifest of one workload."""
    cpu, memory = chance.choice((50, 200, 700)), chance.choice((32, 128, 512))
    resources = f"{{requests: {{cpu: {cpu}m, memory: {memory}Mi}}}}"
    image = chance.choice(IMAGES)
    name = f"work-{number}"
    pod = f"""metadata: {{labels: {{app: {name}, soak: "true"}}}}
    spec:
      terminationGracePeriodSeconds: 2
      containers:
      - name: web
        image: {image}
        resources: {resources}
        readinessProbe: {{httpGet: {{path: /readyz, port: 8080}}, periodSeconds: 2}}"""
    replicas = chance.randint(1, 8)
    selector = f"selector: {{matchLabels: {{app: {name}}}}}"
    match chance.randrange(6):
        case 0:
            kind, more = "StatefulSet", f"serviceName: {name}\n  replicas: {replicas}\n  {selector}"
        case 1:
            kind, more = "DaemonSet", selector
        case 2:
            job = pod.replace("    spec:\n", "    spec:\n      restartPolicy: Never\n")
            job = job.replace(
                f"image: {image}", "image: busybox:1.36\n        command: [sh, -c, sleep 5]"
            )
            job = "\n".join(line for line in job.splitlines() if "readinessProbe" not in line)
            return f"Job/{name}", (
                f"apiVersion: batch/v1\nkind: Job\nmetadata: {{name: {name}}}\nspec:\n"
                f"  completions: {replicas}\n  parallelism: 3\n  template:\n    {job}\n"
            )
        case _:
            bounds = chance.choice(
                (
                    "{maxSurge: 1, maxUnavailable: 0}",
                    "{maxSurge: 25%, maxUnavailable: 25%}",
                    "{maxSurge: 0, maxUnavailable: 2}",
                )
            )
            strategy = f"strategy: {{type: RollingUpdate, rollingUpdate: {bounds}}}"
            kind, more = "Deployment", f"replicas: {replicas}\n  {selector}\n  {strategy}"
    text = (
        f"apiVersion: apps/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n  {more}\n"
        f"  template:\n    {pod}\n"
        f"---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\n"
        f"spec: {{selector: {{app: {name}}}, ports: [{{port: 80, targetPort: 8080}}]}}\n"
    )
    if kind != "DaemonSet" and chance.random() < 0.5:
        text += (
            f"---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {{name: {name}}}\n"
            f"spec: {{maxUnavailable: 1, {selector}}}\n"
        )
    return f"{kind}/{name}", text
