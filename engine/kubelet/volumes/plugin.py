"""What a kind of volume has to know how to do, and what it may ask for: the seam for all kinds.

A plugin turns a volume of a pod into what the runtime has to provide. Making it available is the
runtime's part: folders and content by itself, everything else by the driver that the plugin names.
"""

from collections.abc import Sequence
from typing import Protocol

import attrs

from engine.api.pod import Pod
from engine.api.volume import Volume
from engine.cri import commands
from engine.kubelet.config_source import MissingConfigError
from engine.kubelet.downward import PodFacts
from engine.kubelet.environment import Configs


class VolumeError(MissingConfigError):
    """A volume cannot be set up now; the text is the kubelet's, with the volume's name."""


class UnprocessedVolumeError(VolumeError):
    """What a claim's volume is cannot be said: the claim is not what it has to be."""

    def __init__(self, volume: str, why: str) -> None:
        """*volume* is the pod's; *why* is told after its name."""
        super().__init__(not_mounted([volume], unprocessed=[volume], why=why))


class VolumePendingError(MissingConfigError):
    """A volume is not there yet (unbound, not attached): wait, and complain only after a while."""


def not_mounted(volumes: Sequence[str], *, unprocessed: Sequence[str] = (), why: str) -> str:
    """The kubelet's words for a pod that waits for *volumes*."""
    return (
        f"Unable to attach or mount volumes: unmounted volumes=[{' '.join(volumes)}],"
        f" unattached volumes=[], failed to process volumes=[{' '.join(unprocessed)}]: {why}"
    )


class Tokens(Protocol):
    """Where service account tokens come from."""

    def token(self, pod: Pod, audience: str, seconds: int) -> bytes:
        """A token for the pod's account, valid for some time yet; MissingConfigError if refused."""
        ...


@attrs.frozen(kw_only=True)
class VolumeContext:
    """What a plugin may look at."""

    configs: Configs
    facts: PodFacts
    tokens: Tokens


class VolumePlugin(Protocol):
    """One kind of volume.

    Promises:
        * `set_up` may be called again at any time, and says what holds then;
        * `tear_down` is called once the pod has left the node, also if `set_up` never succeeded.
    """

    def matches(self, volume: Volume) -> bool:
        """Whether *volume* is of this kind."""
        ...

    def set_up(self, pod: Pod, volume: Volume, context: VolumeContext) -> commands.Volume:
        """What the runtime has to provide.

        Raises:
            VolumePendingError: it is not to be had yet.
            MissingConfigError: something it is made of is missing, or is not allowed.
        """
        ...

    def tear_down(self, pod: Pod, volume: Volume) -> None:
        """The pod needs it no more."""
        ...
