"""What a cluster on this machine is to be like, and where its files are."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs

from engine.adapters.storage.choose import StoreOptions
from engine.config import ControllerSettings, NodeConfig
from engine.store.compactor import KEEP_A_SESSION, Retention


@attrs.frozen(kw_only=True)
class HostOptions:
    """What the command line says.

    Attributes:
        workers: nodes beside the control plane.
        zones: in how many zones the nodes lie; 0 for no zones, None for the usual number.
        runtime: auto, podman or simulated.
        podman_url: the Podman service to use; empty for one of our own.
        data: where the cluster is kept; None for a cluster that ends with the process.
        store: the etcd in which the cluster is kept instead, led by one of us at a time.
        listen: host and port of the API server; port 0 for any free one.
        kubeconfig: where to write the kubeconfig; None for the usual place.
        seed: seed of all chance.
        speed: virtual seconds per second.
        demo: whether to deploy the demo application.
        scheduler: the file and the content of a KubeSchedulerConfiguration, if there is one.
        kubelet: the file and the content of a KubeletConfiguration, if there is one.
        admission: the file and the content of an AdmissionConfiguration, if there is one.
        controllers: what the controller manager is told.
        retention: how much history is kept.
        manifests: a folder of static pods; None for none.
        has_component_pods: whether the control plane is shown as pods that can be killed.
        audit_log: where each request is put down; None for nowhere.
        audit_policy: what is put down; None for the policy we come with.
        shape: turns the usual nodes into those a lab or scenario asks for.
        simulated: names of nodes whose containers are simulated beside real ones.
        scenario: the text and variables of what is played, for the journal.
        journal: where every input from outside is put down; None for nowhere.
    """

    workers: int = 3
    zones: int | None = None
    runtime: str = "auto"
    podman_url: str = ""
    data: Path | None = None
    store: StoreOptions | None = None
    listen: tuple[str, int] = ("127.0.0.1", 6443)
    kubeconfig: Path | None = None
    seed: int = 1
    speed: float = 1.0
    demo: bool = False
    scheduler: tuple[str, object] | None = None
    kubelet: tuple[str, object] | None = None
    admission: tuple[str, object] | None = None
    controllers: ControllerSettings = ControllerSettings()
    retention: Retention = KEEP_A_SESSION
    manifests: Path | None = None
    has_component_pods: bool = True
    audit_log: Path | None = None
    audit_policy: Path | None = None
    shape: Callable[[tuple[NodeConfig, ...]], tuple[NodeConfig, ...]] | None = None
    simulated: frozenset[str] = frozenset()
    scenario: Mapping[str, Any] | None = None
    journal: Path | None = None


def state_folder() -> Path:
    """Where Kubarium keeps state: ``$XDG_STATE_HOME/kubarium``."""
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "kubarium"


def default_kubeconfig() -> Path:
    """Where the kubeconfig is written unless told otherwise."""
    return state_folder() / "kubeconfig"
