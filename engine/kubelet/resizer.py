"""In-place resize: gives running containers the resources that their pod now asks for.

Source: pkg/kubelet/allocation and kuberuntime (doPodResizeAction), KEP-1287, kubernetes v1.34.
"""

from collections.abc import Callable, Iterator, Mapping

import attrs

from engine.api.container import Container, ResourceRequirements
from engine.api.pod import Pod
from engine.api.quantity import parse_int, parse_millis
from engine.client.recorder import EventRecorder
from engine.cri.commands import UpdateResources
from engine.cri.events import ResourcesUpdated
from engine.cri.runtime import Runtime
from engine.kubelet.pod_actions import must_end
from engine.kubelet.pod_state import ContainerWork, PodState, Step, is_sidecar
from engine.kubelet.specs import resources_of

INFEASIBLE, DEFERRED = "Infeasible", "Deferred"
RETRY_SECONDS = 10.0

Restart = Callable[[Pod, PodState, ContainerWork, str], None]
"""Called with (pod, state, work, message) for a container that is to be restarted for them."""


@attrs.frozen(kw_only=True)
class Verdict:
    """Whether a resize can be: an empty *reason* says yes."""

    reason: str = ""
    message: str = ""


@attrs.define(eq=False, kw_only=True)
class Resizer:
    """Compares what containers have been given with what they should have, and acts."""

    runtime: Runtime
    recorder: EventRecorder
    restart: Restart
    states: Mapping[str, PodState]
    allocatable: Callable[[], Mapping[str, str]]

    def look(self, pod: Pod, state: PodState) -> float | None:
        """Resize what is to be resized; seconds after which to look again, if it has to wait."""
        changed = list(changes(pod, state)) if not must_end(pod, state) else []
        if not changed:
            state.resize_reason = state.resize_message = ""
            return None
        verdict = self._fit(pod, state)
        state.resize_reason, state.resize_message = verdict.reason, verdict.message
        if verdict.reason:
            return RETRY_SECONDS if verdict.reason == DEFERRED else None
        for container, work in changed:
            before, work.allocated = work.allocated, container.resources
            work.is_resizing, work.resize_error = True, ""
            if needs_restart(container, before):
                self.restart(pod, state, work, f"Container {work.name} resize requires restart")
            elif work.current is not None:
                self.runtime.submit(
                    UpdateResources(
                        container_id=work.current.container_id, resources=resources_of(container)
                    )
                )
        return None

    def updated(self, pod: Pod, state: PodState, event: ResourcesUpdated) -> None:
        """The runtime has answered."""
        work = state.containers.get(event.name)
        if work is None or work.current is None:
            return
        if work.current.container_id != event.container_id:
            return
        if event.error:
            work.is_resizing, work.resize_error = False, event.error
            self.recorder.warning(pod, "ResizeError", f"Pod resize failed: {event.error}")
            return
        self.done(pod, state, work)

    def done(self, pod: Pod, state: PodState, work: ContainerWork) -> None:
        """The container runs with what it was to be given, if it was being given anything."""
        if not work.is_resizing:
            return
        work.is_resizing = False
        work.actual = work.allocated
        if not any(each.is_resizing for each in state.containers.values()):
            self.recorder.normal(pod, "ResizeCompleted", "Pod resize completed")

    def _fit(self, pod: Pod, state: PodState) -> Verdict:
        wanted_cpu, wanted_memory = _sum(container.resources for container in _running_kind(pod))
        used_cpu = used_memory = 0
        for other in self.states.values():
            if other is not state and not other.is_gone:
                given = (work.allocated for work in other.containers.values() if work.is_running)
                cpu, memory = _sum(each for each in given if each is not None)
                used_cpu, used_memory = used_cpu + cpu, used_memory + memory
        node = self.allocatable()
        for name, wanted, used, capacity in (
            ("cpu", wanted_cpu, used_cpu, parse_millis(node.get("cpu", "0"))),
            ("memory", wanted_memory, used_memory, parse_int(node.get("memory", "0"))),
        ):
            if wanted > capacity:
                message = (
                    f"Node didn't have enough capacity: {name}, requested: {wanted}, "
                    f"capacity: {capacity}"
                )
                return Verdict(reason=INFEASIBLE, message=message)
            if wanted + used > capacity:
                message = (
                    f"Node didn't have enough resource: {name}, requested: {wanted}, used: {used}, "
                    f"capacity: {capacity}"
                )
                return Verdict(reason=DEFERRED, message=message)
        return Verdict()


def changes(pod: Pod, state: PodState) -> Iterator[tuple[Container, ContainerWork]]:
    """The running containers that have been given something else than they should have."""
    for container in _running_kind(pod):
        work = state.containers.get(container.name)
        if work is None or not work.is_running or work.step is not Step.NONE:
            continue
        if work.allocated is not None and work.allocated != container.resources:
            yield container, work


def granted(pod: Pod, container: Container) -> ResourceRequirements:
    """What a container that ran before us was given, as its status says."""
    for status in (*pod.status.container_statuses, *pod.status.init_container_statuses):
        if status.name == container.name and status.resources is not None:
            return status.resources
    return container.resources


def needs_restart(container: Container, before: ResourceRequirements | None) -> bool:
    """Whether the container asks to be restarted when one of the changed resources changes."""
    if before is None:
        return False
    after = container.resources
    for policy in container.extra.get("resizePolicy", ()):
        if policy.get("restartPolicy") != "RestartContainer":
            continue
        name = policy.get("resourceName")
        if before.requests.get(name) != after.requests.get(name):
            return True
        if before.limits.get(name) != after.limits.get(name):
            return True
    return False


def _running_kind(pod: Pod) -> Iterator[Container]:
    yield from pod.spec.containers
    yield from (container for container in pod.spec.init_containers if is_sidecar(container))


def _sum(given: "Iterator[ResourceRequirements]") -> tuple[int, int]:
    cpu = memory = 0
    for resources in given:
        cpu += parse_millis(resources.requests.get("cpu") or "0")
        memory += parse_int(resources.requests.get("memory") or "0")
    return cpu, memory
