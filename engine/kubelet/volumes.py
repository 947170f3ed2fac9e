"""A pod's volumes as the runtime has to provide them, with the content of those we know.

Source: pkg/volume/{configmap,secret,downwardapi,projected}, kubernetes v1.34.
"""

import base64
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from engine.api.codec import decode_part
from engine.api.pod import Pod
from engine.api.quantity import parse_int
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
from engine.kubelet.downward import PodFacts, field_value, resource_value
from engine.kubelet.environment import Configs

DEFAULT_MODE = 0o644


class VolumeError(MissingConfigError):
    """A volume cannot be set up (yet); the text is the kubelet's, with the volume's name."""


def build_volumes(pod: Pod, *, configs: Configs, facts: PodFacts) -> dict[str, commands.Volume]:
    """All volumes of *pod* by name.

    Raises:
        VolumeError: one of them cannot be provided now.
    """
    found: dict[str, commands.Volume] = {}
    for volume in pod.spec.volumes:
        try:
            found[volume.name] = _build(pod, volume, configs=configs, facts=facts)
        except MissingConfigError as error:
            message = f'MountVolume.SetUp failed for volume "{volume.name}" : {error}'
            raise VolumeError(message) from error
    return found


def _build(pod: Pod, volume: Volume, *, configs: Configs, facts: PodFacts) -> commands.Volume:
    name = volume.name
    if volume.config_map is not None:
        return commands.Volume(name=name, files=_config_map(pod, volume.config_map, configs))
    if volume.secret is not None:
        files = _secret(pod, volume.secret, configs)
        return commands.Volume(name=name, files=files, is_secret=True)
    if volume.downward_api is not None:
        source = volume.downward_api
        mode = _mode(source.default_mode)
        return commands.Volume(name=name, files=_downward(pod, source.items, mode, facts))
    if volume.projected is not None:
        return commands.Volume(name=name, files=_projected(pod, volume.projected, configs, facts))
    if volume.host_path is not None:
        path = volume.host_path
        return commands.Volume(name=name, host_path=path.path, host_path_type=path.type or "")
    if volume.empty_dir is not None:
        size = volume.empty_dir.size_limit
        return commands.Volume(
            name=name,
            medium=volume.empty_dir.medium,
            size_limit=parse_int(size) if size else 0,
        )
    if volume.persistent_volume_claim is not None:
        claim = volume.persistent_volume_claim.claim_name
        raise MissingConfigError(f'persistentvolumeclaim "{claim}" is not bound')
    if not volume.extra:
        return commands.Volume(name=name)
    raise MissingConfigError(f"no volume plugin matched: {', '.join(volume.extra)}")


def _config_map(
    pod: Pod, source: ConfigMapVolumeSource, configs: Configs
) -> tuple[FileContent, ...]:
    try:
        found = configs.config_map(pod.metadata.namespace, source.name)
    except MissingConfigError:
        if source.optional:
            return ()
        raise
    data = {key: value.encode() for key, value in found.data.items()}
    data |= {key: base64.b64decode(value) for key, value in found.binary_data.items()}
    mode = _mode(source.default_mode)
    return _files(data, source.items, mode=mode, optional=bool(source.optional))


def _secret(pod: Pod, source: SecretVolumeSource, configs: Configs) -> tuple[FileContent, ...]:
    try:
        found = configs.secret(pod.metadata.namespace, source.secret_name)
    except MissingConfigError:
        if source.optional:
            return ()
        raise
    data = {key: base64.b64decode(value) for key, value in found.data.items()}
    mode = _mode(source.default_mode)
    return _files(data, source.items, mode=mode, optional=bool(source.optional))


def _downward(
    pod: Pod, items: Iterable[DownwardAPIVolumeFile], mode: int, facts: PodFacts
) -> tuple[FileContent, ...]:
    files = []
    for item in items:
        if item.field_ref is not None:
            text = field_value(pod, item.field_ref.field_path, facts)
        elif item.resource_field_ref is not None:
            text = resource_value(pod, None, item.resource_field_ref, facts)
        else:
            text = ""
        shown = mode if item.mode is None else item.mode
        files.append(FileContent(path=item.path, data=text.encode(), mode=shown))
    return tuple(files)


def _projected(
    pod: Pod, source: Mapping[str, Any], configs: Configs, facts: PodFacts
) -> tuple[FileContent, ...]:
    mode = _mode(source.get("defaultMode"))
    files: dict[str, FileContent] = {}
    for part in source.get("sources", ()):
        found: tuple[FileContent, ...] = ()
        if "configMap" in part:
            found = _config_map(pod, decode_part(ConfigMapVolumeSource, part["configMap"]), configs)
        elif "secret" in part:
            given = part["secret"]
            secret = SecretVolumeSource(
                secret_name=given.get("name", ""),
                items=tuple(decode_part(KeyToPath, item) for item in given.get("items", ())),
                optional=given.get("optional"),
            )
            found = _secret(pod, secret, configs)
        elif "downwardAPI" in part:
            items = part["downwardAPI"].get("items", ())
            decoded = [decode_part(DownwardAPIVolumeFile, item) for item in items]
            found = _downward(pod, decoded, mode, facts)
        for file in found:
            shown = mode if file.mode == DEFAULT_MODE else file.mode
            files[file.path] = attrs.evolve(file, mode=shown)
    return tuple(files.values())


def _files(
    data: Mapping[str, bytes], items: Iterable[KeyToPath], *, mode: int, optional: bool
) -> tuple[FileContent, ...]:
    chosen = tuple(items)
    if not chosen:
        return tuple(FileContent(path=key, data=data[key], mode=mode) for key in sorted(data))
    files = []
    for item in chosen:
        if item.key in data:
            shown = mode if item.mode is None else item.mode
            files.append(FileContent(path=item.path, data=data[item.key], mode=shown))
        elif not optional:
            raise MissingConfigError(f"references non-existent config key: {item.key}")
    return tuple(files)


def _mode(given: int | None) -> int:
    return DEFAULT_MODE if given is None else given
