"""Real containers for a cluster, if they are wanted and can be had here."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from engine.adapters.places import is_inside
from engine.errors import ConfigError, EngineError
from engine.hosting.options import HostOptions, state_folder

if TYPE_CHECKING:
    from engine.adapters.network.stack import NetworkStack
    from engine.adapters.podman.host import PodmanHost

GENTLE_KUBELET = {
    "apiVersion": "kubelet.config.k8s.io/v1beta1",
    "kind": "KubeletConfiguration",
    # Nodes share the machine with its owner, whose disk may well be nine tenths full.
    "evictionHard": {
        "memory.available": "100Mi",
        "nodefs.available": "2%",
        "nodefs.inodesFree": "2%",
        "imagefs.available": "2%",
    },
    "imageGCHighThresholdPercent": 97,
    "imageGCLowThresholdPercent": 95,
    "serializeImagePulls": False,
    "maxParallelImagePulls": 4,
}
"""What kubelets with real containers are told unless their owner says otherwise."""


def containers_folder(data: Path | None) -> Path:
    """Where the containers of the cluster kept in *data* have their files.

    Of one that is not kept: where those of this process have them.
    """
    if data is not None:
        return data.resolve() / "podman"
    return state_folder() / "run" / str(os.getpid())


@attrs.frozen
class Containers:
    """Podman and the network of its pods; neither if containers are simulated, and why."""

    podman: "PodmanHost | None" = None
    network: "NetworkStack | None" = None
    notice: str = ""


async def start_containers(options: HostOptions) -> Containers:
    """Start Podman as *options* want it.

    Raises:
        EngineError: real containers are wanted and cannot be had; nothing is left running.
    """
    wanted = options.runtime
    if wanted == "simulated":
        return Containers()
    if options.speed != 1.0:
        if wanted == "podman":
            raise ConfigError("--speed works with simulated containers only: time is real here")
        return Containers(notice="kubarium: --speed was given, so containers are simulated")
    # A simulated cluster starts a tenth of a second sooner without all this.
    from engine.adapters.network.stack import NetworkStack  # noqa: PLC0415
    from engine.adapters.podman.given import preflight_given  # noqa: PLC0415
    from engine.adapters.podman.host import PodmanHost  # noqa: PLC0415
    from engine.adapters.podman.preflight import Preflight, inspect_host  # noqa: PLC0415

    data, state = options.data, containers_folder(options.data)
    name = data.resolve().name if data is not None else state.name
    address = options.podman_url
    try:
        found = await preflight_given(address, state) if address else inspect_host()
    except EngineError as error:
        found = Preflight(usable=False, reason=str(error))
    if not found.usable:
        if wanted == "podman":
            raise ConfigError(f"containers cannot be run here: {found.reason}")
        return Containers(notice=f"kubarium: containers are simulated: {found.reason}")
    podman = PodmanHost(
        instance=f"{name}-{abs(hash(str(state))) % 10_000}" if data is None else name,
        state=state,
        keeps=data is not None,
        preflight=found,
        address=address,
    )
    try:
        await podman.start()
    except EngineError as error:
        await podman.stop()
        if wanted == "podman":
            raise
        return Containers(notice=f"kubarium: containers are simulated: {error}")
    addresses = [podman.slot.node_address(index) for index in range(options.workers + 1)]
    network = NetworkStack(
        slot=podman.slot, node_addresses=addresses, is_privileged=found.is_routed
    )
    podman.disturber.paths = network.disturbed
    return Containers(podman, network, _shortcomings() if is_inside() else "")


def _shortcomings() -> str:
    """What an ordinary user's containers cannot, in one line."""
    from engine.adapters.rootless.requirements import lacks  # noqa: PLC0415

    texts = [lack.text for lack in lacks()]
    return f"kubarium: {'; '.join(texts)} (kubarium doctor says more)" if texts else ""
