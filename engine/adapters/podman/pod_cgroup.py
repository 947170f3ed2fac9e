"""The limits of a pod as a whole, written into the cgroup above its containers'.

Podman sets none there; the kernel holds a pod to them whatever its containers may use each.
"""

import asyncio
import contextlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

import attrs

from engine.adapters.podman.specs import resource_limits
from engine.cri.commands import Resources

CGROUP = Path("/sys/fs/cgroup")
PARENT = "libpod_parent"
LAST_TRIES = 60
TRY_SECONDS = 0.05


@attrs.define(eq=False)
class PodCgroups:
    """The cgroups of pods that are gone: Podman leaves them, and not all can be removed at once.

    A container's monitor lives in its pod's cgroup, and ends a moment after the pod.
    """

    root: Path = CGROUP
    _left: set[str] = attrs.field(factory=set, init=False)

    def remove(self, pod_id: str) -> None:
        """Remove the cgroups of a pod that is gone, now or at a later `sweep`."""
        if not remove_pod_cgroups(pod_id, self.root):
            self._left.add(pod_id)

    def sweep(self) -> None:
        """Try again where something was left."""
        self._left = {pod for pod in self._left if not remove_pod_cgroups(pod, self.root)}

    async def finish(self, pods: Iterable[str] = ()) -> None:
        """Remove those of *pods* too, and wait a few seconds for the last of them to be empty."""
        self._left.update(pods)
        for _ in range(LAST_TRIES):
            self.sweep()
            if not self._left:
                return
            await asyncio.sleep(TRY_SECONDS)


def limit_pod(folders: Mapping[str, Path], pod_id: str, resources: Resources) -> bool:
    """Write *resources* into the cgroup of pod *pod_id*, found above a container's *folders*.

    Cgroups v1 by controller, or the unified hierarchy under ``""``. Whether all could be written.
    """
    limits = resource_limits(resources)
    cpu = limits["cpu"]
    memory = limits.get("memory", {}).get("limit", 0)
    done = True
    unified = _pod_folder(folders.get(""), pod_id)
    if unified is not None:
        shares = cpu["shares"]
        # The kernel's weights of v2 for the shares of v1, as container runtimes convert them.
        done &= _write(unified / "cpu.weight", str(1 + (shares - 2) * 9999 // 262_142))
        if "quota" in cpu:
            done &= _write(unified / "cpu.max", f"{cpu['quota']} {cpu['period']}")
        if memory:
            done &= _write(unified / "memory.max", str(memory))
        return done
    folder = _pod_folder(folders.get("cpu"), pod_id)
    if folder is not None:
        done &= _write(folder / "cpu.shares", str(cpu["shares"]))
        if "quota" in cpu:
            done &= _write(folder / "cpu.cfs_period_us", str(cpu["period"]))
            done &= _write(folder / "cpu.cfs_quota_us", str(cpu["quota"]))
    folder = _pod_folder(folders.get("memory"), pod_id)
    if folder is not None and memory:
        done &= _write(folder / "memory.limit_in_bytes", str(memory))
        _write(folder / "memory.memsw.limit_in_bytes", str(memory))  # where swap is counted
    return done


def remove_pod_cgroups(pod_id: str, root: Path = CGROUP) -> bool:
    """Remove the empty cgroups of a pod that is gone, in every hierarchy; whether all are gone."""
    done = True
    for folder in _pod_cgroups(pod_id, root):
        for path in [*sorted(folder.glob("*/"), reverse=True), folder]:
            with contextlib.suppress(OSError):
                path.rmdir()
        done &= not folder.is_dir()
    return done


def cgroups_of(ids: Collection[str], root: Path = CGROUP) -> set[str]:
    """The names of the cgroups that there are of the pods and containers with these *ids*."""
    names = {folder.name for parent in _parents(root) for folder in parent.glob("*/")}
    return {name for name in names if name.rpartition("-")[2] in ids}


def _pod_cgroups(pod_id: str, root: Path) -> Iterator[Path]:
    for parent in _parents(root):
        folder = parent / pod_id
        if folder.is_dir():
            yield folder


def _parents(root: Path) -> Iterator[Path]:
    """The cgroups of all pods, in each hierarchy."""
    for hierarchy in [root, *(path for path in root.iterdir() if path.is_dir())]:
        yield hierarchy / PARENT


def _pod_folder(container: Path | None, pod_id: str) -> Path | None:
    """The pod's cgroup, if the container's is in it: systemd's and crun's have one more between."""
    if container is None:
        return None
    return next((folder for folder in container.parents[:2] if pod_id in folder.name), None)


def _write(path: Path, value: str) -> bool:
    with contextlib.suppress(OSError):
        path.write_text(value)
        return True
    return False
