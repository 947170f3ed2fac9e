"""Looks at everything a cluster on real containers needs, and says how to mend what is missing."""

import asyncio
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from ctypes.util import find_library
from pathlib import Path

from engine.adapters.network.slots import COUNT, read_record, slots_folder
from engine.adapters.packages import install
from engine.adapters.places import is_inside, is_root
from engine.adapters.podman.abilities import abilities
from engine.adapters.podman.cleanup import wipe
from engine.adapters.podman.client import PodmanClient
from engine.adapters.podman.finding import Finding, Verdict
from engine.adapters.podman.given import preflight_given
from engine.adapters.podman.preflight import CGROUP, Preflight, find_tool, inspect_host
from engine.adapters.podman.service import PodmanService
from engine.adapters.rootless.requirements import lacks, refusals, user_name
from engine.errors import AdapterError

LEAST_DISK = 3 * 2**30
LEAST_MEMORY = 2**30
PACKAGES = {
    "podman": "podman",
    "conmon": "conmon",
    "netavark": "netavark",
    "catatonit": "catatonit",
    "nsenter": "util-linux",
    "unshare": "util-linux",
    "ip": "iproute2",
    "nft": "nftables",
}


async def examine(address: str = "", state: Path | None = None) -> list[Finding]:
    """Everything, in the order of a reader; *address* is the Podman service to use, if one is.

    *state* is where clusters have their files, if not where the system has its temporary ones.
    """
    place = _existing(state or Path(tempfile.gettempdir()))
    found = await _given(address) if address else inspect_host()
    findings = [*_podman(found, address), *_privileges(found, address), *_cgroups(found)]
    findings += [*_network(found), *_machine(place), *_clusters()]
    if not address:
        findings += abilities(found)
    if found.usable and not address:
        findings.append(await _service(found, place))
    return findings


def is_usable(findings: list[Finding]) -> bool:
    """Whether nothing is in the way of real containers."""
    return all(finding.verdict is not Verdict.NO for finding in findings)


async def _given(address: str) -> Preflight:
    with tempfile.TemporaryDirectory(prefix="kubarium-doctor") as folder:
        try:
            return await preflight_given(address, Path(folder))
        except AdapterError as error:
            return Preflight(usable=False, reason=str(error))


def _podman(found: Preflight, address: str) -> Iterator[Finding]:
    if address:
        verdict = Verdict.OK if found.usable else Verdict.NO
        text = f"{found.version} at {address}, as the user has it" if found.usable else found.reason
        yield Finding(name="podman", verdict=verdict, text=text)
        return
    if not found.version:
        yield Finding(
            name="podman", verdict=Verdict.NO, text=found.reason, mend=install("podman", "conmon")
        )
        return
    yield Finding(name="podman", verdict=Verdict.OK, text=f"{found.version}, with {found.podman}")
    for tool in ("conmon", "netavark"):
        if find_tool(tool) is None:
            yield Finding(
                name=tool, verdict=Verdict.NO, text="not installed", mend=install(PACKAGES[tool])
            )


def _privileges(found: Preflight, address: str) -> Iterator[Finding]:
    if is_root():
        yield Finding(name="privileges", verdict=Verdict.OK, text="root")
        return
    user = user_name()
    if address and not found.usable:
        yield Finding(name="privileges", verdict=Verdict.NOTE, text=f"{user}, who is not root")
        return
    if is_inside():
        text = f"{user}, not root: pods are in a network of their own, node ports on 127.0.0.1"
        yield Finding(name="privileges", verdict=Verdict.OK, text=text)
    missing = lacks()
    if not is_inside() and refusals and not any(lack.blocks for lack in missing):
        text = f"{user} is not root, and could not get namespaces: {found.reason}"
        mend = "podman unshare true, which says more; or sudo kubarium serve"
        yield Finding(name="privileges", verdict=Verdict.NO, text=text, mend=mend)
    for lack in missing:
        verdict = Verdict.NO if lack.blocks else Verdict.NOTE
        yield Finding(name=lack.name, verdict=verdict, text=lack.text, mend=lack.mend)


def _cgroups(found: Preflight) -> Iterator[Finding]:
    is_v2 = (CGROUP / "cgroup.controllers").exists()
    layout = "v2" if is_v2 else "v1"
    if not is_v2 and (CGROUP / "unified").is_mount():
        layout = "v1 with an empty v2 mount beside it"
    runtimes = [name for name in ("crun", "runc") if shutil.which(name)]
    if not runtimes:
        yield Finding(
            name="runtime", verdict=Verdict.NO, text="no crun, no runc", mend=install("crun")
        )
    else:
        hidden = ", which does not see the empty mount" if found.hides_cgroup2 else ""
        text = f"{found.runtime}{hidden} (installed: {', '.join(runtimes)})"
        slow = found.usable and found.runtime == "runc"
        yield Finding(
            name="runtime",
            verdict=Verdict.NOTE if slow else Verdict.OK,
            text=text + ("; crun starts pods in two thirds of the time" if slow else ""),
            mend=install("crun") if slow and "crun" not in runtimes else "",
        )
    yield Finding(name="cgroups", verdict=Verdict.OK, text=layout)


def _network(found: Preflight) -> Iterator[Finding]:
    missing = [
        tool for tool in ("unshare", "nsenter", "ip", "catatonit") if find_tool(tool) is None
    ]
    if missing:
        yield Finding(
            name="pods",
            verdict=Verdict.NOTE,
            text=f"on Podman's own bridge, for want of {', '.join(missing)}: twice as slow",
            mend=install(*(PACKAGES[tool] for tool in missing)),
        )
    elif found.is_routed:
        yield Finding(name="pods", verdict=Verdict.OK, text="routed, without a bridge")
    if find_library("nftables") is None:
        yield Finding(
            name="services",
            verdict=Verdict.NOTE,
            text="forwarded by this process, for want of libnftables: half as fast",
            mend=install("nftables"),
        )
    else:
        yield Finding(name="services", verdict=Verdict.OK, text="on nftables")


def _existing(folder: Path) -> Path:
    """*folder*, or the nearest one above it that is there."""
    return next(place for place in (folder, *folder.parents) if place.is_dir())


def _machine(place: Path) -> Iterator[Finding]:
    disk = shutil.disk_usage(place)
    free = disk.free / 2**30
    full = disk.free < LEAST_DISK
    yield Finding(
        name="disk",
        verdict=Verdict.NOTE if full else Verdict.OK,
        text=f"{free:.0f} GiB free below {place}" + (": images may not fit" if full else ""),
        mend="podman system prune" if full else "",
    )
    memory = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    yield Finding(
        name="machine",
        verdict=Verdict.NOTE if memory < LEAST_MEMORY // 4 else Verdict.OK,
        text=f"{os.cpu_count()} CPUs, Linux {platform.release()}, {platform.machine()}",
    )
    kubectl = shutil.which("kubectl")
    yield Finding(
        name="kubectl",
        verdict=Verdict.OK if kubectl else Verdict.NOTE,
        text=kubectl or "not installed: the screen works without it",
        mend="" if kubectl else "https://kubernetes.io/docs/tasks/tools/",
    )


def _clusters() -> Iterator[Finding]:
    records = [read_record(slots_folder() / str(number)) for number in range(COUNT)]
    holders = [record for record in records if record is not None]
    dead = [item for item in holders if not Path(f"/proc/{item.pid}").exists() and not item.is_kept]
    text = f"{COUNT - len(holders)} of {COUNT} network slots are free"
    if dead:
        text += f"; {len(dead)} cluster(s) were killed, and go at the next start"
    is_full = len(holders) == COUNT
    yield Finding(
        name="clusters",
        verdict=Verdict.NO if is_full else Verdict.OK,
        text=text,
        mend=f"stop one, or delete a file in {slots_folder()}" if is_full else "",
    )


async def _service(found: Preflight, place: Path) -> Finding:
    """Really start a service of our own with its files below *place*, ask it, and stop it."""
    with tempfile.TemporaryDirectory(prefix="kv", dir=place, ignore_cleanup_errors=True) as folder:
        service = PodmanService.for_host(Path(folder), found)
        client = PodmanClient(service.url)
        try:
            await service.start()
            info = await client.get("/info")
        except (AdapterError, OSError, subprocess.SubprocessError) as error:
            return Finding(
                name="service",
                verdict=Verdict.NO,
                text=f"a Podman service of our own does not work: {error}",
                mend=f"{found.podman} system service --time 5 --log-level debug",
            )
        finally:
            await client.close()
            await service.stop()
            await asyncio.to_thread(wipe, Path(folder))
        store = info["store"]["graphDriverName"]
        return Finding(
            name="service",
            verdict=Verdict.OK,
            text=f"starts and answers, images on {store}, apart from the user's own",
        )


def look(address: str = "", state: Path | None = None) -> list[Finding]:
    """`examine`, for callers without an event loop."""
    return asyncio.run(examine(address, state))
