"""Answers made smaller for who asks for it, as kube-apiserver does from 128 KiB on."""

import asyncio

from isal import isal_zlib

SMALLEST = 128 * 1024
# From here on another thread compresses, so that the loop goes on meanwhile.
_WORTH_A_THREAD = 2**20
_LEVEL = 1
_GZIP_WINDOW = 31


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether a client takes gzip, by its Accept-Encoding."""
    for part in accept_encoding.split(","):
        name, _, options = part.partition(";")
        if name.strip().lower() in ("gzip", "*"):
            return options.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def gzipped(data: bytes) -> bytes:
    """*data* in the gzip format."""
    packer = isal_zlib.compressobj(_LEVEL, wbits=_GZIP_WINDOW)
    return bytes(packer.compress(data) + packer.flush())


async def gzip_body(data: bytes) -> bytes:
    """*data* in the gzip format, without holding up the event loop when it is long."""
    if len(data) < _WORTH_A_THREAD:
        return gzipped(data)
    return await asyncio.to_thread(gzipped, data)
