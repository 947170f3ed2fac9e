"""What a simulated container's file system holds: mounted content, a few files, what was written.

Writes live as long as the container and are seen by nobody else, those into volumes as long as the
volume and by all who mount it. Those from outside are in `changes`.
"""

from collections.abc import Iterator, Mapping
from posixpath import normpath

import attrs

from engine.cri.commands import CreateSandbox, FileContent, StartContainer
from engine.simulation.console.mounted import Mounted
from engine.simulation.console.proc import proc_files
from engine.simulation.storage import Rights, Tree

_FOLDERS = ("bin", "dev", "etc", "home", "lib", "proc", "root", "run", "sbin", "sys", "tmp", "usr")
_NODES_OWN = b"127.0.0.1\tlocalhost\n"
"""What the node itself has where a pod has a file of its own: /etc/hosts and the like."""
_MORE_FOLDERS = ("var", "usr/bin", "usr/lib", "var/log", "var/run")


@attrs.define(eq=False)
class Files:
    """Files and folders by absolute path; *rights* of those that have others than usual.

    *trees* are the volumes by where they are mounted.
    """

    files: Mounted[bytes] = attrs.field(factory=Mounted)
    folders: Mounted[None] = attrs.field(factory=Mounted)
    rights: Mounted[Rights] = attrs.field(factory=Mounted)
    read_only: tuple[str, ...] = ()
    writable: tuple[str, ...] = ()
    trees: dict[str, Tree] = attrs.field(factory=dict, init=False)

    def mount(self, point: str, tree: Tree, sub_path: str = "") -> None:
        """Show what a volume holds (below its folder *sub_path*) at *point*."""
        self.files.mount(point, tree.files, sub_path)
        self.folders.mount(point, tree.folders, sub_path)
        self.rights.mount(point, tree.rights, sub_path)
        self.trees[point.rstrip("/")] = tree

    def has_room(self, path: str, data: bytes) -> bool:
        """Whether the volume that *path* lies in could hold *data* there."""
        found = [point for point in self.trees if path.startswith(f"{point}/")]
        if not found:
            return True
        tree = self.trees[max(found, key=len)]
        before = len(self.read(path) or b"")
        return not tree.size or tree.used - before + len(data) <= tree.size

    def read(self, path: str) -> bytes | None:
        """What is in the file; None if there is none."""
        return self.files.get(path)

    def is_folder(self, path: str) -> bool:
        """Whether there is such a folder."""
        inside = path.rstrip("/") + "/"
        return path in self.folders or any(name.startswith(inside) for name in self.files)

    def exists(self, path: str) -> bool:
        """Whether there is such a file or folder."""
        return path in self.files or self.is_folder(path)

    def list(self, path: str) -> list[str]:
        """The names in a folder, sorted."""
        inside = path.rstrip("/") + "/"
        names = {
            name[len(inside) :].split("/", 1)[0]: None
            for name in (*self.files, *self.folders)
            if name.startswith(inside) and name != inside
        }
        return sorted(names)

    def below(self, path: str) -> Iterator[str]:
        """Every file at or below *path*, sorted."""
        inside = path.rstrip("/") + "/"
        yield from sorted(name for name in self.files if name == path or name.startswith(inside))

    def is_read_only(self, path: str) -> bool:
        """Whether *path* lies in what cannot be written: the deepest mount says so."""
        return _depth(path, self.read_only) > _depth(path, self.writable)

    def rights_of(self, path: str) -> Rights:
        """The mode and the owners of a file or folder."""
        usual = Rights(0o755 if self.is_folder(path) else 0o644)
        return self.rights.get(path, usual)

    def write(self, path: str, data: bytes) -> None:
        """Make or replace a file."""
        self.files[path] = data

    def make_folder(self, path: str) -> None:
        """Make a folder."""
        self.folders[path] = None

    def set_rights(self, path: str, rights: Rights) -> None:
        """Give a file or folder a mode and owners."""
        self.rights[path] = rights

    def remove(self, path: str) -> None:
        """Take away a file, or a folder with what is in it."""
        for name in tuple(self.below(path)):
            del self.files[name]
            self.rights.pop(name, None)
        for name in tuple(self.folders):
            if name == path or name.startswith(f"{path}/"):
                del self.folders[name]


def absolute(path: str, cwd: str) -> str:
    """*path* from the root, without dots."""
    found = normpath(path if path.startswith("/") else f"{cwd}/{path}")
    return "/" + found.lstrip("/")


def files_of(
    command: StartContainer, sandbox: CreateSandbox, ip: str, trees: Mapping[str, Tree]
) -> Files:
    """The file system that a container begins with; *trees* are volumes that others share."""
    found = Files()
    for name in (*_FOLDERS, *_MORE_FOLDERS):
        found.make_folder(f"/{name}")
    found.write("/etc/hostname", f"{sandbox.hostname}\n".encode())
    found.write("/etc/hosts", _hosts(sandbox, ip).encode())
    found.write("/etc/resolv.conf", _resolv(sandbox).encode())
    found.write("/etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n")
    volumes = {volume.name: volume for volume in command.volumes}
    read_only = []
    for mount in command.mounts:
        path = mount.container_path.rstrip("/") or "/"
        volume = volumes.get(mount.volume)
        if mount.read_only or (volume is not None and volume.files is not None):
            read_only.append(path)
        if volume is None or volume.files is None:
            if found.read(path) is not None:
                found.write(path, _NODES_OWN)
                continue
            found.make_folder(path)
            if mount.volume in trees:
                _make_folders(trees[mount.volume], mount.sub_path)
                found.mount(path, trees[mount.volume], mount.sub_path)
                found.rights[path] = Rights(0o777)
            continue
        write_content(found, path, mount.sub_path, volume.files, group=volume.group)
    for path, text in proc_files(command, sandbox, ip).items():
        found.write(path, text.encode())
    found.writable = ("/dev", *(mount.container_path.rstrip("/") for mount in command.mounts))
    found.writable = tuple(path for path in found.writable if path not in read_only)
    if command.security.read_only_root:
        read_only.append("/")
    found.read_only = tuple(read_only)
    return found


def _make_folders(tree: Tree, path: str) -> None:
    """Make the folder that only part of a volume is mounted from, as the kubelet does."""
    parts = path.strip("/").split("/") if path.strip("/") else []
    if "/".join(parts) in tree.files:
        return
    for count in range(1, len(parts) + 1):
        tree.folders.setdefault("/".join(parts[:count]))


def _depth(path: str, tops: tuple[str, ...]) -> int:
    """How long the longest of *tops* is that *path* lies in; 0 if it lies in none."""
    return max(
        (len(top) for top in tops if f"{path}/".startswith(f"{top.rstrip('/')}/")), default=0
    )


def write_content(
    found: Files,
    path: str,
    sub_path: str,
    content: tuple[FileContent, ...],
    *,
    group: int | None = None,
) -> None:
    """Write the files of a content volume (of *sub_path* in it, if given) to *path*."""
    for file in content:
        if not sub_path:
            place = f"{path}/{file.path}"
        elif file.path == sub_path:
            place = path
        elif file.path.startswith(f"{sub_path}/"):
            place = f"{path}/{file.path[len(sub_path) + 1 :]}"
        else:
            continue
        found.write(place, file.data)
        mode = file.mode if group is None else file.mode | 0o440
        found.rights[place] = Rights(mode, file.user or 0, group or 0)
    if not sub_path:
        found.make_folder(path)


def _hosts(sandbox: CreateSandbox, ip: str) -> str:
    where = " (host network)" if sandbox.host_network else ""
    lines = [f"# Kubernetes-managed hosts file{where}.", "127.0.0.1\tlocalhost", "::1\tlocalhost"]
    if ip:
        lines.append(f"{ip}\t{sandbox.hostname}")
    if sandbox.hosts:
        lines += ["", "# Entries added by HostAliases."]
        lines += [f"{entry.ip}\t" + "\t".join(entry.hostnames) for entry in sandbox.hosts]
    return "\n".join(lines) + "\n"


def _resolv(sandbox: CreateSandbox) -> str:
    lines = []
    if sandbox.dns_searches:
        lines.append("search " + " ".join(sandbox.dns_searches))
    lines += [f"nameserver {server}" for server in sandbox.dns_servers]
    if sandbox.dns_options:
        lines.append("options " + " ".join(sandbox.dns_options))
    return "\n".join(lines) + "\n"
