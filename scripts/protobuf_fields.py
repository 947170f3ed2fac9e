"""Writes the field numbers of Kubernetes' protobuf messages, read from a kubectl binary.

Usage: python scripts/protobuf_fields.py KUBECTL OUTPUT.json

Go programs carry a gzipped FileDescriptorProto of every message they know. What is written is
{message: {number: [JSON name, type, is repeated]}} with the wire types as one-letter codes.
"""

import json
import re
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

_SCALARS = {3: "i", 4: "i", 5: "i", 13: "i", 8: "b", 9: "s", 12: "y", 1: "d", 2: "f"}
_MESSAGE = 11
_WANTED = re.compile(
    r"k8s\.io\.(api\.(core|apps|batch|policy|rbac|networking|discovery|coordination|events|storage|"
    r"scheduling|autoscaling|certificates|node|authentication|authorization|admissionregistration|"
    r"flowcontrol)\.v[12]|apimachinery\.pkg\.(apis\.meta\.v1|api\.resource|runtime|util\.intstr)|"
    r"apiextensions_apiserver\.pkg\.apis\.apiextensions\.v1)\."
)


def varint(data: bytes, at: int) -> tuple[int, int]:
    """The number at *at* and where the next thing begins."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at += 1
        if byte < 128:
            return value, at
        shift += 7


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a message: numbers and raw values."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = varint(data, at)
            yield key >> 3, value
        elif kind == 2:
            size, at = varint(data, at)
            yield key >> 3, data[at : at + size]
            at += size
        else:
            size = 8 if kind == 1 else 4
            yield key >> 3, data[at : at + size]
            at += size


def text(data: bytes, number: int) -> str:
    """A string field of a message."""
    for found, value in fields(data):
        if found == number and isinstance(value, bytes):
            return value.decode()
    return ""


def integer(data: bytes, number: int) -> int:
    """A number field of a message."""
    for found, value in fields(data):
        if found == number and isinstance(value, int):
            return value
    return 0


def descriptors(binary: bytes) -> Iterator[bytes]:
    """Every file descriptor in *binary*."""
    at = binary.find(b"\x1f\x8b\x08")
    while at >= 0:
        try:
            found = zlib.decompressobj(31).decompress(binary[at : at + 4_000_000])
        except zlib.error:
            found = b""
        if found[:1] == b"\n" and b"generated.proto" in found[:200]:
            yield found
        at = binary.find(b"\x1f\x8b\x08", at + 3)


def message(prefix: str, data: bytes, table: dict[str, dict[str, list[object]]]) -> None:
    """Add one message, and those inside it, to *table*."""
    name = f"{prefix}.{text(data, 1)}"
    entries: dict[str, list[object]] = {}
    for number, value in fields(data):
        if not isinstance(value, bytes):
            continue
        if number == 3:
            message(name, value, table)
        elif number == 2:
            kind = integer(value, 5)
            code = text(value, 6).removeprefix(".") if kind == _MESSAGE else _SCALARS[kind]
            entries[str(integer(value, 3))] = [text(value, 1), code, int(integer(value, 4) == 3)]
    if _WANTED.match(name):
        table[name] = entries


def main(binary: Path, output: Path) -> None:
    """Read *binary* and write *output*."""
    table: dict[str, dict[str, list[object]]] = {}
    for descriptor in descriptors(binary.read_bytes()):
        package = text(descriptor, 2)
        for number, value in fields(descriptor):
            if number == 4 and isinstance(value, bytes):
                message(package, value, table)
    output.write_text(json.dumps(table, sort_keys=True, separators=(",", ":")) + "\n")
    print(len(table), "messages")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
