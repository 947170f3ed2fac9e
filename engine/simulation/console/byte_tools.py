"""Programs that show bytes, and the one that asks for what a container may not."""

import base64 as coding
import binascii

from engine.simulation.console.program import Desk, contents

_NET_ADMIN = 12
_LINE = 16


async def hexdump(argv: list[str], desk: Desk) -> int:
    """``hexdump -C`` and ``od -An -tx1``: bytes in hexadecimal, sixteen a line."""
    found, code = await contents(argv, desk)
    data = b"".join(found)
    is_canonical = argv[0] == "hexdump"
    has_offsets = is_canonical or "-An" not in argv
    offset = "{:08x}" if is_canonical else "{:07o}"
    for at in range(0, len(data), _LINE):
        piece = data[at : at + _LINE]
        shown = " ".join(f"{byte:02x}" for byte in piece)
        if is_canonical:
            halves = (piece[:8].hex(" "), piece[8:].hex(" "))
            text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in piece)
            shown = f" {halves[0]:23}  {halves[1]:23}  |{text}|"
        await desk.out(f"{offset.format(at) if has_offsets else ''} {shown}\n")
    if has_offsets:
        await desk.out(f"{offset.format(len(data))}\n")
    return code


async def base64(argv: list[str], desk: Desk) -> int:
    """Bytes as text, or back with ``-d``."""
    found, code = await contents(argv, desk)
    data = b"".join(found)
    if "-d" not in argv:
        await desk.out(coding.encodebytes(data))
        return code
    try:
        await desk.out(coding.b64decode(data, validate=False))
    except binascii.Error:
        await desk.err("base64: invalid input\n")
        return 1
    return code


async def network(argv: list[str], desk: Desk) -> int:
    """``ip``: changing the network needs a right that few containers have."""
    changes = any(word in ("add", "del", "delete", "set") for word in argv[1:])
    status = (desk.files.read("/proc/self/status") or b"").decode()
    rights = [line.split()[1] for line in status.splitlines() if line.startswith("CapEff")]
    if changes and not (rights and int(rights[0], 16) >> _NET_ADMIN & 1):
        await desk.err("ip: RTNETLINK answers: Operation not permitted\n")
        return 2
    return 0
