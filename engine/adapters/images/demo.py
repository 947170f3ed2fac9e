"""The demo image, made from the Python that runs us: interpreter, libraries, the few modules used.

Every machine that can run Kubarium has what it takes; no compiler, registry or network is asked.
"""

import json
import marshal
import os
import struct
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import MAGIC_NUMBER
from pathlib import Path

from engine.adapters.images.archive import File, Image, build_layer

REPOSITORY = "localhost/kubarium/demo"
VERSIONS = ("v1", "v2", "v3")
BROKEN = "v3"
PORT = 8080
SERVER = Path(__file__).with_name("demo_server.py")
BUSYBOX = (Path("/bin/busybox"), Path("/usr/bin/busybox"), Path("/bin/busybox.static"))
APPLETS = """
sh ash cat ls echo env id ps kill sleep grep sed awk head tail cut sort uniq wc find mkdir rm cp mv
touch chmod date df du free top hostname ip ping nc netstat test true false tee tr xargs stat vi
wget tar gzip gunzip ln readlink basename dirname printf expr seq pwd uname whoami nslookup which
base64 md5sum sha256sum printenv dd timeout watch less
"""

_PROBE = """
import json, runpy, sys
from importlib.machinery import PathFinder
runpy.run_path(sys.argv[1], run_name="demo")
import encodings.latin_1, encodings.ascii, zlib
modules = {}
for name in list(sys.modules):
    parent = sys.modules.get(name.rpartition(".")[0])
    # By the finder, not by what was loaded: some modules put another one in their place.
    spec = PathFinder.find_spec(name, getattr(parent, "__path__", None))
    if spec is not None:
        modules[name] = spec.origin
maps = sorted({line.split(None, 5)[5].strip() for line in open("/proc/self/maps") if "/" in line})
print(json.dumps({"modules": modules, "maps": maps}))
"""


def demo_images() -> list[Image]:
    """The images of all versions; they share their layers and differ in their configuration.

    Raises:
        OSError: the interpreter cannot be run or its files cannot be read.
    """
    python = Path(getattr(sys, "_base_executable", "") or sys.executable).resolve()
    layers = [build_layer(_python_files(python)), build_layer(_busybox_files())]
    server = {"/app/server.py": File(source=SERVER, mode=0o755)}
    layers.append(build_layer(server))
    return [
        Image(
            name=f"{REPOSITORY}:{version}",
            layers=layers,
            entrypoint=(str(python), "-I", "-S", "-B", "/app/server.py"),
            env={
                "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "KUBARIUM_DEMO_VERSION": version,
                "KUBARIUM_DEMO_BROKEN": "true" if version == BROKEN else "false",
            },
            labels={"kubarium.dev/image": "demo"},
            ports=(PORT,),
        )
        for version in VERSIONS
    ]


def elf_interpreter(path: Path) -> str:
    """The loader that the ELF program at *path* asks for; empty for a static one."""
    content = path.read_bytes()
    if content[:5] != b"\x7fELF\x02":  # 64 bit only
        return ""
    (table,) = struct.unpack_from("<Q", content, 32)
    size, count = struct.unpack_from("<HH", content, 54)
    for index in range(count):
        kind, _, offset, _, _, length = struct.unpack_from("<IIQQQQ", content, table + index * size)
        if kind == 3:  # PT_INTERP
            return content[offset : offset + length].rstrip(b"\0").decode()
    return ""


def _python_files(python: Path) -> dict[str, File]:
    """Interpreter, loader, shared libraries and modules, all at the paths they have here."""
    command = [str(python), "-I", "-S", "-c", _PROBE, str(SERVER)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)  # noqa: S603
    files: dict[str, File] = {str(python): File(source=python, mode=0o755)}
    _add_links(files, ("/bin", "/sbin", "/lib", "/lib64"))
    loader = elf_interpreter(python)
    libraries = [path for path in found["maps"] if ".so" in Path(path).name]
    for path in [*libraries, *([loader] if loader else [])]:
        _add_library(files, Path(path))
    landmark = ""
    for name, origin in found["modules"].items():
        if name == "os":
            landmark = origin
        if origin and origin.endswith(".py") and origin != str(SERVER):
            files |= _module(Path(origin))
    library = Path(landmark) if landmark.endswith(".py") else _stdlib(python) / "os.py"
    files[str(library)] = File(source=library)  # by this file Python recognises its library
    files[str(library.parent / "lib-dynload")] = File(is_folder=True, mode=0o755)
    files |= {"/etc/passwd": File(content=b"root:x:0:0:root:/root:/bin/sh\n")}
    files |= {"/etc/group": File(content=b"root:x:0:\n")}
    files |= {"/tmp": File(is_folder=True, mode=0o1777)}  # noqa: S108 - inside the image
    files |= {"/root": File(is_folder=True, mode=0o700)}
    return files


def _stdlib(python: Path) -> Path:
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    return python.parent.parent / sys.platlibdir / version


def _module(path: Path) -> dict[str, File]:
    """A module as bytecode only, so that no container compiles it again."""
    code = compile(path.read_bytes(), str(path), "exec", dont_inherit=True, optimize=0)
    header = MAGIC_NUMBER + struct.pack("<III", 0b01, 0, 0)  # unchecked hash: never stale
    return {str(path.with_suffix(".pyc")): File(content=header + marshal.dumps(code))}


def _add_library(files: dict[str, File], path: Path) -> None:
    """Add the library and the links beside it by which the loader looks it up."""
    real = path.resolve()
    files[str(real)] = File(source=real, mode=0o755)
    parent = path.parent.resolve()
    stem = real.name.partition(".so")[0]
    for link in [parent / path.name, *real.parent.glob(f"{stem}.so*")]:
        if link.is_symlink() and link.resolve() == real:
            files[str(link)] = File(link=os.path.relpath(real, link.parent))


def _add_links(files: dict[str, File], paths: Sequence[str]) -> None:
    for path in paths:
        if Path(path).is_symlink():
            files[path] = File(link=str(Path(path).readlink()))


def _busybox() -> Path | None:
    for path in BUSYBOX:
        if path.is_file() and not elf_interpreter(path):
            return path
    return None


def _busybox_files() -> dict[str, File]:
    busybox = _busybox()
    if busybox is None:
        return {"/usr/bin": File(is_folder=True, mode=0o755)}
    files = {"/usr/bin/busybox": File(source=busybox, mode=0o755)}
    files |= {f"/usr/bin/{applet}": File(link="busybox") for applet in APPLETS.split()}
    return files
