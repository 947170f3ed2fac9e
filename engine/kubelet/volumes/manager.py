"""The volumes of a node's pods: set up before containers start, refreshed while they run.

Source: kubelet volumemanager and kubelet_volumes.go, kubernetes v1.34.
"""

import contextlib

import attrs

from engine.api.pod import Pod
from engine.api.volume import Volume
from engine.client.recorder import EventRecorder
from engine.cri import commands
from engine.cri.commands import UpdateVolume
from engine.cri.runtime import Runtime
from engine.kernel.loop import Loop
from engine.kubelet.config_source import ConfigSource, MissingConfigError
from engine.kubelet.downward import PodFacts
from engine.kubelet.pod_state import PodState
from engine.kubelet.volumes.plugin import (
    VolumeContext,
    VolumeError,
    VolumePendingError,
    VolumePlugin,
    not_mounted,
)
from engine.kubelet.volumes.tokens import TokenManager

PATIENCE_SECONDS = 123.0  # the kubelet's podAttachAndMountTimeout


@attrs.define(eq=False, kw_only=True)
class VolumeManager:
    """Sets up volumes by their plugins, and tells why one cannot be had."""

    loop: Loop
    runtime: Runtime
    recorder: EventRecorder
    configs: ConfigSource
    tokens: TokenManager
    plugins: dict[str, VolumePlugin]

    def mount(self, pod: Pod, state: PodState, facts: PodFacts) -> bool:
        """Set the pod's volumes up; False, with an Event, if one of them cannot be had."""
        if not pod.spec.volumes or (state.volumes and not state.failed_mounts):
            return True  # what is mounted is kept current by `refresh`
        try:
            state.volumes = self.build(pod, facts)
        except VolumePendingError:
            self._wait(pod, state)
            return False
        except VolumeError as error:
            if state.failed_mounts != str(error):
                self.recorder.warning(pod, "FailedMount", str(error))
            state.failed_mounts = str(error)
            return False
        state.failed_mounts = ""
        state.mounting_since = 0.0
        return True

    def refresh(self, pod: Pod, state: PodState, facts: PodFacts) -> None:
        """Give the runtime the content that has changed since the volumes were set up."""
        if not state.volumes or state.is_stopped:
            return
        try:
            fresh = self.build(pod, facts)
        except MissingConfigError:
            return  # as on a real node: what is mounted stays
        for name, volume in fresh.items():
            if volume.files is not None and volume != state.volumes.get(name):
                self.runtime.submit(UpdateVolume(pod=state.identity, volume=volume))
        state.volumes = fresh

    def release(self, pod: Pod) -> None:
        """The pod has left this node."""
        for volume in pod.spec.volumes:
            with contextlib.suppress(MissingConfigError):
                self._plugin(volume).tear_down(pod, volume)
        self.tokens.forget(pod.metadata.uid)

    def build(self, pod: Pod, facts: PodFacts) -> dict[str, commands.Volume]:
        """All volumes of *pod* by name.

        Raises:
            VolumePendingError: one of them is not to be had yet.
            VolumeError: one of them cannot be provided.
        """
        context = VolumeContext(configs=self.configs, facts=facts, tokens=self.tokens)
        found: dict[str, commands.Volume] = {}
        for volume in pod.spec.volumes:
            try:
                made = self._plugin(volume).set_up(pod, volume, context)
            except VolumePendingError:
                raise
            except VolumeError:
                raise
            except MissingConfigError as error:
                message = f'MountVolume.SetUp failed for volume "{volume.name}" : {error}'
                raise VolumeError(message) from error
            found[volume.name] = _owned(pod, made)
        return found

    def _plugin(self, volume: Volume) -> VolumePlugin:
        for plugin in self.plugins.values():
            if plugin.matches(volume):
                return plugin
        raise MissingConfigError("no volume plugin matched")

    def _wait(self, pod: Pod, state: PodState) -> None:
        """Complain once in a while about a volume that does not come."""
        now = self.loop.now
        if not state.mounting_since:
            state.mounting_since = now
        elif now - state.mounting_since >= PATIENCE_SECONDS:
            state.mounting_since = now
            names = [volume.name for volume in pod.spec.volumes]
            message = not_mounted(names, why="context deadline exceeded")
            self.recorder.warning(pod, "FailedMount", message)


def _owned(pod: Pod, volume: commands.Volume) -> commands.Volume:
    """*volume* with the group it is to belong to; host paths belong to the node."""
    security = pod.spec.security_context
    if security is None or security.fs_group is None or volume.host_path:
        return volume
    policy = security.extra.get("fsGroupChangePolicy")
    return attrs.evolve(volume, group=security.fs_group, group_if_needed=policy == "OnRootMismatch")
