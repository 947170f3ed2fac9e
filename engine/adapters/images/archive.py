"""Container images as docker archives, written here: no registry, no build tool, no network.

It knows the archive format and nothing about what is in an image.
"""

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs

MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
EPOCH = "1970-01-01T00:00:00Z"


@attrs.frozen(kw_only=True)
class File:
    """One entry of an image's file tree: the content of *source*, or *content*, or a link."""

    source: Path | None = None
    content: bytes = b""
    link: str = ""
    is_folder: bool = False
    mode: int = 0o644


@attrs.frozen(kw_only=True)
class Image:
    """One image: its name with tag, its layers (bottom first) and how a container of it starts."""

    name: str
    layers: Sequence[bytes]
    entrypoint: Sequence[str]
    env: Mapping[str, str] = attrs.field(factory=dict)
    labels: Mapping[str, str] = attrs.field(factory=dict)
    ports: Sequence[int] = ()
    working_dir: str = "/"

    @property
    def id(self) -> str:
        """The image's id, as Podman will name it."""
        return f"sha256:{_sha(self.config())}"

    def config(self) -> bytes:
        """The image's configuration: the same bytes for the same image, so the same id."""
        settings: dict[str, object] = {
            "Env": [f"{name}={value}" for name, value in self.env.items()],
            "Entrypoint": list(self.entrypoint),
            "ExposedPorts": {f"{port}/tcp": {} for port in self.ports},
            "Labels": dict(self.labels),
            "WorkingDir": self.working_dir,
        }
        return json.dumps(
            {
                "architecture": MACHINES.get(platform.machine(), platform.machine()),
                "os": "linux",
                "created": EPOCH,
                "config": settings,
                "rootfs": {
                    "type": "layers",
                    "diff_ids": [f"sha256:{_sha(x)}" for x in self.layers],
                },
                "history": [{"created": EPOCH, "created_by": "kubarium"} for _ in self.layers],
            },
            sort_keys=True,
        ).encode()


def build_layer(files: Mapping[str, File]) -> bytes:
    """A layer (an uncompressed tar) of *files* by absolute path; parents are made as needed."""
    tree = dict(files)
    for path in files:
        for parent in Path(path).parents:
            tree.setdefault(str(parent), File(is_folder=True, mode=0o755))
    tree.pop("/", None)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path in sorted(tree):
            _add(tar, path.lstrip("/"), tree[path])
    return buffer.getvalue()


def build_archive(images: Sequence[Image]) -> bytes:
    """A docker archive with all *images*; a layer they share is in it once."""
    buffer = io.BytesIO()
    manifest: list[dict[str, object]] = []
    layers: dict[str, bytes] = {}
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for image in images:
            names = [f"{_sha(layer)}.tar" for layer in image.layers]
            layers |= dict(zip(names, image.layers, strict=True))
            config = image.config()
            _add(tar, f"{_sha(config)}.json", File(content=config))
            manifest.append(
                {"Config": f"{_sha(config)}.json", "RepoTags": [image.name], "Layers": names}
            )
        for name, layer in layers.items():
            _add(tar, name, File(content=layer))
        _add(tar, "manifest.json", File(content=json.dumps(manifest).encode()))
    return buffer.getvalue()


def _add(tar: tarfile.TarFile, name: str, file: File) -> None:
    entry = tarfile.TarInfo(name)
    entry.mode = file.mode
    if file.is_folder:
        entry.type = tarfile.DIRTYPE
        tar.addfile(entry)
    elif file.link:
        entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, file.link, 0o777
        tar.addfile(entry)
    else:
        content = file.source.read_bytes() if file.source else file.content
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
