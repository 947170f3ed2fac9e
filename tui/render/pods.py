"""Pods as words: their state as kubectl puts it, their short name, their image's tag."""

import re

from engine.api.meta import condition_of, controller_of, is_true
from engine.api.pod import Pod
from engine.api.quantity import parse_int, parse_millis
from tui.render.identity import by_identity
from tui.render.text import State

_BAD = re.compile(r"BackOff|Err|Error|OOMKilled|Invalid|Failed|Evicted|Unknown|NodeLost")
_HASH = re.compile(r"-[0-9a-z]{6,10}$")


def status_word(pod: Pod) -> str:
    """The STATUS column of ``kubectl get pods``.

    Source: printPod, pkg/printers/internalversion/printers.go, kubernetes v1.34.
    """
    status = pod.status
    word = status.reason or status.phase or "Unknown"
    init = _init_word(pod)
    if init:
        word = init
    else:
        has_running = False
        for container in reversed(status.container_statuses):
            state = container.state
            if state.waiting and state.waiting.reason:
                word = state.waiting.reason
            elif state.terminated:
                ended = state.terminated
                if ended.reason:
                    word = ended.reason
                else:
                    word = (
                        f"Signal:{ended.signal}" if ended.signal else f"ExitCode:{ended.exit_code}"
                    )
            elif container.ready and state.running:
                has_running = True
        if word == "Completed" and has_running:
            word = "Running" if is_true(status.conditions, "Ready") else "NotReady"
    if pod.metadata.deletion_timestamp is not None:
        return "Unknown" if status.reason == "NodeLost" else "Terminating"
    return word


def ready_counts(pod: Pod) -> tuple[int, int]:
    """Ready containers and all containers."""
    ready = sum(1 for status in pod.status.container_statuses if status.ready)
    return ready, len(pod.spec.containers)


def restarts(pod: Pod) -> int:
    """Restarts of all containers."""
    return sum(status.restart_count for status in pod.status.container_statuses)


def is_ready(pod: Pod) -> bool:
    """Whether the pod may get traffic."""
    return is_true(pod.status.conditions, "Ready")


def is_finished(pod: Pod) -> bool:
    """Whether the pod has run to its end."""
    return pod.status.phase in ("Succeeded", "Failed")


@by_identity
def pod_state(pod: Pod) -> State:
    """How the pod is doing, in one symbol, one word and one tone."""
    word = status_word(pod)
    if word == "Terminating":
        return State("◌", word, "gone")
    if _BAD.search(word):
        return State("✖", word, "bad")
    if pod.status.phase == "Succeeded" or word == "Completed":
        return State("✔", word, "done")
    if pod.status.phase == "Running":
        return State("●", word, "ok") if is_ready(pod) else State("◐", word, "wait")
    scheduled = condition_of(pod.status.conditions, "PodScheduled")
    if scheduled and scheduled.status == "False" and scheduled.reason == "Unschedulable":
        return State("?", "Unschedulable", "bad")
    return State("○", word, "wait")


def app_name(pod: Pod) -> str:
    """What a person calls the pod's workload: the owner's name without its hash."""
    owner = controller_of(pod)
    if owner is None:
        return pod.metadata.labels.get("app", pod.metadata.name)
    name = owner.name
    return _HASH.sub("", name) if owner.kind == "ReplicaSet" else name


def suffix(pod: Pod) -> str:
    """The part of the name that tells it from its siblings; empty if it has none."""
    owner = controller_of(pod)
    name = pod.metadata.name
    if owner is not None and name.startswith(f"{owner.name}-"):
        return name[len(owner.name) + 1 :]
    return ""


def tag(pod: Pod) -> str:
    """The tag of the first container's image: what a rollout changes."""
    return image_tag(pod.spec.containers[0].image) if pod.spec.containers else ""


def image_tag(image: str) -> str:
    """``v2`` of ``localhost/kubarium/demo:v2``; the start of the digest, or ``latest``."""
    if "@" in image:
        return image.rpartition(":")[2][:7]
    last = image.rpartition("/")[2]
    return last.partition(":")[2] or "latest"


def short_name(pod: Pod) -> str:
    """``web·x2k9p`` for ``web-7d8f9c6b5d-x2k9p``."""
    end = suffix(pod)
    return f"{app_name(pod)}·{end}" if end else pod.metadata.name


@by_identity
def requests(pod: Pod) -> tuple[int, int]:
    """CPU (millicores) and memory (bytes) that the pod reserves."""
    cpu = memory = 0
    for container in pod.spec.containers:
        wanted = container.resources.requests
        cpu += parse_millis(wanted["cpu"]) if "cpu" in wanted else 0
        memory += parse_int(wanted["memory"]) if "memory" in wanted else 0
    return cpu, memory


def _init_word(pod: Pod) -> str:
    total = len(pod.spec.init_containers)
    for index, status in enumerate(pod.status.init_container_statuses):
        state = status.state
        if state.terminated and state.terminated.exit_code == 0:
            continue
        if state.running and status.started:
            continue
        if state.terminated:
            why = state.terminated.reason or f"ExitCode:{state.terminated.exit_code}"
            return f"Init:{why}"
        if state.waiting and state.waiting.reason not in ("", "PodInitializing"):
            return f"Init:{state.waiting.reason}"
        return f"Init:{index}/{total}"
    return ""
