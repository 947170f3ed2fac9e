"""Podman's JSON as our records. Pure functions."""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import attrs

from engine.adapters.podman.records import (
    ATTEMPT,
    BOOT,
    CONTAINER,
    IP,
    MESSAGE_FILE,
    MESSAGE_FROM_LOG,
    NAMESPACES,
    PORTS,
    SANDBOX_ATTEMPT,
    USERS,
    Container,
    Owner,
    Sandbox,
    pod_of,
)
from engine.adapters.podman.signals import signal_name
from engine.adapters.podman.userdata import started_as
from engine.cri.commands import PortMapping


def time_of(stamp: str) -> float:
    """Podman's time stamp as Unix seconds; 0 for its year one, which means never."""
    return (
        0.0 if not stamp or stamp.startswith("0001-") else datetime.fromisoformat(stamp).timestamp()
    )


def container(inspected: Mapping[str, Any], sandbox: Sandbox) -> Container:
    """One container, from what `inspect` says of it."""
    labels = inspected["Config"].get("Labels") or {}
    state = inspected["State"]
    is_running = state["Status"] in {"running", "paused"}
    log = inspected["HostConfig"].get("LogConfig", {}).get("Path") or ""
    bundle = inspected.get("OCIConfigPath") or ""
    message = labels.get(MESSAGE_FILE, "")
    return Container(
        id=inspected["Id"],
        sandbox=sandbox,
        name=labels.get(CONTAINER, inspected["Name"]),
        attempt=int(labels.get(ATTEMPT, 0)),
        image=inspected.get("ImageName", ""),
        image_id=f"sha256:{inspected['Image']}",
        pid=int(state.get("Pid") or 0),
        started_at=time_of(state.get("StartedAt", "")),
        finished_at=0.0 if is_running else time_of(state.get("FinishedAt", "")),
        exit_code=int(state.get("ExitCode") or 0),
        oom_killed=bool(state.get("OOMKilled")),
        log=Path(log) if log else None,
        control=Path(bundle).with_name("ctl") if bundle else None,
        message_file=Path(message) if message else None,
        message_from_log=MESSAGE_FROM_LOG in labels,
        stop_signal=stop_signal(inspected["Config"]),
        user=started_as(Path(bundle)) if bundle else None,
    )


def stop_signal(config: Mapping[str, Any]) -> str:
    """The signal that asks the container to end, as its image has it."""
    return signal_name(str(config.get("StopSignal") or "")) or "SIGTERM"


def boot(pod: Mapping[str, Any]) -> int:
    """In which boot of its node the pod was made."""
    return int((pod.get("Labels") or {}).get(BOOT, 0))


def sandbox(pod: Mapping[str, Any], owner: Owner) -> Sandbox:
    """One sandbox, from what the list of pods says of it."""
    labels = pod.get("Labels") or {}
    owner = attrs.evolve(owner, boot=boot(pod))
    identity = pod_of(labels)
    ip = labels.get(IP, "")
    shared = labels.get(NAMESPACES, "").split()
    return Sandbox(
        id=pod["Id"],
        pod=identity,
        attempt=int(labels.get(SANDBOX_ATTEMPT, 0)),
        ip=ip,
        folder=owner.small_pod_folder(identity),
        host_network=not ip,
        share_process_namespace="share_process_namespace" in shared and "host_pid" not in shared,
        host_pid="host_pid" in shared,
        host_ipc="host_ipc" in shared,
        users=int(labels.get(USERS, 0)),
        ports=tuple(PortMapping(**port) for port in json.loads(labels.get(PORTS, "[]"))),
    )
