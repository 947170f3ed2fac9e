"""Volumes whose files the kubelet knows: ConfigMaps, Secrets, the downward API, and all in one.

Source: pkg/volume/{configmap,secret,downwardapi,projected}, kubernetes v1.34.
"""

import base64
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from engine.api.codec import decode_part
from engine.api.evolution import evolve
from engine.api.pod import Pod
from engine.api.volume import (
    ConfigMapVolumeSource,
    DownwardAPIVolumeFile,
    KeyToPath,
    SecretVolumeSource,
    Volume,
)
from engine.cri import commands
from engine.cri.commands import FileContent
from engine.kubelet.config_source import MissingConfigError
from engine.kubelet.downward import field_value, resource_value
from engine.kubelet.volumes.plugin import VolumeContext

DEFAULT_MODE = 0o644
PRIVATE_MODE = 0o600
TOKEN_SECONDS = 3600

Files = tuple[FileContent, ...]


class ConfigMapPlugin:
    """The keys of a ConfigMap as files."""

    def matches(self, volume: Volume) -> bool:
        """A configMap."""
        return volume.config_map is not None

    def set_up(self, pod: Pod, volume: Volume, context: VolumeContext) -> commands.Volume:
        """Its files, as the map is now."""
        assert volume.config_map is not None
        files = config_map_files(pod, volume.config_map, context)
        return commands.Volume(name=volume.name, files=files)

    def tear_down(self, pod: Pod, volume: Volume) -> None:
        """Nothing is held."""


class SecretPlugin:
    """The keys of a Secret as files that never touch a disk."""

    def matches(self, volume: Volume) -> bool:
        """A secret."""
        return volume.secret is not None

    def set_up(self, pod: Pod, volume: Volume, context: VolumeContext) -> commands.Volume:
        """Its files, as the secret is now."""
        assert volume.secret is not None
        files = secret_files(pod, volume.secret, context)
        return commands.Volume(name=volume.name, files=files, is_secret=True)

    def tear_down(self, pod: Pod, volume: Volume) -> None:
        """Nothing is held."""


class DownwardPlugin:
    """Fields of the pod as files, in memory as a secret's."""

    def matches(self, volume: Volume) -> bool:
        """A downwardAPI."""
        return volume.downward_api is not None

    def set_up(self, pod: Pod, volume: Volume, context: VolumeContext) -> commands.Volume:
        """Its files, as the pod is now."""
        assert volume.downward_api is not None
        source = volume.downward_api
        files = downward_files(pod, source.items, mode_of(source.default_mode), context)
        return commands.Volume(name=volume.name, files=files, is_secret=True)

    def tear_down(self, pod: Pod, volume: Volume) -> None:
        """Nothing is held."""


class ProjectedPlugin:
    """Several sources in one folder; with a token of the pod's service account if it asks."""

    def matches(self, volume: Volume) -> bool:
        """A projected."""
        return volume.projected is not None

    def set_up(self, pod: Pod, volume: Volume, context: VolumeContext) -> commands.Volume:
        """All files; of two with one path the later source's."""
        assert volume.projected is not None
        mode = mode_of(volume.projected.get("defaultMode"))
        files: dict[str, FileContent] = {}
        for part in volume.projected.get("sources", ()):
            for file in projected_files(pod, part, mode, context):
                files[file.path] = file
        return commands.Volume(name=volume.name, files=tuple(files.values()), is_secret=True)

    def tear_down(self, pod: Pod, volume: Volume) -> None:
        """Tokens expire by themselves."""


def config_map_files(pod: Pod, source: ConfigMapVolumeSource, context: VolumeContext) -> Files:
    """The files of a ConfigMap.

    Raises:
        MissingConfigError: it, or a key of it, is not there and not optional.
    """
    try:
        found = context.configs.config_map(pod.metadata.namespace, source.name)
    except MissingConfigError:
        if source.optional:
            return ()
        raise
    data = {key: _encoded(value) for key, value in found.data.items()}
    data |= {key: base64.b64decode(value) for key, value in found.binary_data.items()}
    mode = mode_of(source.default_mode)
    return _files(data, source.items, mode=mode, optional=bool(source.optional), word="config")


@lru_cache(maxsize=64)
def _encoded(text: str) -> bytes:
    """*text* as bytes: every pod of a cluster has the same root certificates."""
    return text.encode()


def secret_files(pod: Pod, source: SecretVolumeSource, context: VolumeContext) -> Files:
    """The files of a Secret.

    Raises:
        MissingConfigError: it, or a key of it, is not there and not optional.
    """
    try:
        found = context.configs.secret(pod.metadata.namespace, source.secret_name)
    except MissingConfigError:
        if source.optional:
            return ()
        raise
    data = {key: base64.b64decode(value) for key, value in found.data.items()}
    mode = mode_of(source.default_mode)
    return _files(data, source.items, mode=mode, optional=bool(source.optional), word="secret")


def downward_files(
    pod: Pod, items: Iterable[DownwardAPIVolumeFile], mode: int, context: VolumeContext
) -> Files:
    """Fields and resources of the pod.

    Raises:
        MissingConfigError: there is no such field, container or resource.
    """
    files = []
    for item in items:
        if item.field_ref is not None:
            text = field_value(pod, item.field_ref.field_path, context.facts)
        elif item.resource_field_ref is not None:
            text = resource_value(pod, None, item.resource_field_ref, context.facts)
        else:
            text = ""
        shown = mode if item.mode is None else item.mode
        files.append(FileContent(path=item.path, data=text.encode(), mode=shown))
    return tuple(files)


def projected_files(pod: Pod, part: Mapping[str, Any], mode: int, context: VolumeContext) -> Files:
    """The files of one source of a projected volume.

    Raises:
        MissingConfigError: something is missing, or a token was refused.
    """
    if "configMap" in part:
        given = decode_part(ConfigMapVolumeSource, part["configMap"])
        return config_map_files(pod, evolve(given, default_mode=mode), context)
    if "secret" in part:
        source = part["secret"]
        secret = SecretVolumeSource(
            secret_name=source.get("name", ""),
            items=tuple(decode_part(KeyToPath, item) for item in source.get("items", ())),
            optional=source.get("optional"),
            default_mode=mode,
        )
        return secret_files(pod, secret, context)
    if "downwardAPI" in part:
        items = part["downwardAPI"].get("items", ())
        decoded = [decode_part(DownwardAPIVolumeFile, item) for item in items]
        return downward_files(pod, decoded, mode, context)
    if "serviceAccountToken" in part:
        return (_token_file(pod, part["serviceAccountToken"], mode, context),)
    if not part:
        return ()
    kind = next(iter(part))
    raise MissingConfigError(f"a projection of {kind} is not supported")


def mode_of(given: int | None) -> int:
    """The mode of files that name none themselves."""
    return DEFAULT_MODE if given is None else given


def _token_file(
    pod: Pod, source: Mapping[str, Any], mode: int, context: VolumeContext
) -> FileContent:
    seconds = int(source.get("expirationSeconds") or TOKEN_SECONDS)
    token = context.tokens.token(pod, str(source.get("audience", "")), seconds)
    user = common_user(pod)
    has_group = pod.spec.security_context is not None and pod.spec.security_context.fs_group
    # Whoever runs the containers must be able to read it, and nobody else.
    shown = PRIVATE_MODE if user is not None or (has_group is not None and has_group) else mode
    return FileContent(path=str(source["path"]), data=token, mode=shown, user=user)


def common_user(pod: Pod) -> int | None:
    """The user as whom all containers run, or None if they differ or do not say.

    Source: securitycontext.DetermineEffectiveRunAsUser and FsUserFrom, kubernetes v1.34.
    """
    shared = pod.spec.security_context.run_as_user if pod.spec.security_context else None
    users = {
        shared
        if item.security_context is None or item.security_context.run_as_user is None
        else item.security_context.run_as_user
        for item in (*pod.spec.init_containers, *pod.spec.containers)
    }
    return users.pop() if len(users) == 1 else None


def _files(
    data: Mapping[str, bytes], items: Iterable[KeyToPath], *, mode: int, optional: bool, word: str
) -> Files:
    chosen = tuple(items)
    if not chosen:
        return tuple(FileContent(path=key, data=data[key], mode=mode) for key in sorted(data))
    files = []
    for item in chosen:
        if item.key in data:
            shown = mode if item.mode is None else item.mode
            files.append(FileContent(path=item.path, data=data[item.key], mode=shown))
        elif not optional:
            kind = "configmap" if word == "config" else "secret"
            raise MissingConfigError(f"{kind} references non-existent {word} key: {item.key}")
    return tuple(files)
