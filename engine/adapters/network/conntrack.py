"""Forgets what the kernel's connection tracking remembers of UDP flows to removed backends.

A UDP client that keeps sending would otherwise reach the removed backend for ever.
"""

import logging
import socket
import struct
from collections.abc import Iterable, Iterator

from engine.proxy.rules import Backend

log = logging.getLogger(__name__)

NETLINK_NETFILTER = 12
IPCTNL_MSG_CT_GET, IPCTNL_MSG_CT_DELETE = (1 << 8) | 1, (1 << 8) | 2
NLM_F_REQUEST, NLM_F_DUMP = 1, 0x300
NLMSG_ERROR, NLMSG_DONE = 2, 3
CTA_TUPLE_ORIG, CTA_TUPLE_REPLY, CTA_TUPLE_IP, CTA_TUPLE_PROTO = 1, 2, 1, 2
CTA_IP_V4_SRC, CTA_PROTO_NUM, CTA_PROTO_SRC_PORT = 1, 1, 2
NESTED = 0x8000
TIMEOUT_SECONDS = 0.5


def forget_udp(backends: Iterable[Backend]) -> int:
    """Forget UDP flows that are answered by one of *backends*; how many there were.

    Flows that cannot be read are left: a lost entry is a lost packet, not a broken rule.
    """
    gone = {(backend.ip, backend.port) for backend in backends}
    count = 0
    try:
        with _open() as netlink:
            found = [orig for orig, answerer in _flows(netlink) if answerer in gone]
            for orig in found:
                attribute = _attribute(CTA_TUPLE_ORIG | NESTED, orig)
                netlink.send(_message(IPCTNL_MSG_CT_DELETE, NLM_F_REQUEST, attribute))
                count += 1
    except OSError as error:
        log.warning("udp flows were not forgotten error=%s", error)
    return count


def _open() -> socket.socket:
    netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
    netlink.settimeout(TIMEOUT_SECONDS)
    netlink.bind((0, 0))
    return netlink


def _flows(netlink: socket.socket) -> Iterator[tuple[bytes, tuple[str, int]]]:
    """Each UDP flow: its original tuple as netlink gives it, and who answers it."""
    netlink.send(_message(IPCTNL_MSG_CT_GET, NLM_F_REQUEST | NLM_F_DUMP, b""))
    while True:
        data = netlink.recv(1 << 18)
        while data:
            length, kind = struct.unpack_from("=IH", data)
            if kind == NLMSG_DONE:
                return
            if kind == NLMSG_ERROR:
                raise OSError(-struct.unpack_from("=i", data, 16)[0], "conntrack dump")
            attributes = _attributes(data[20:length])
            data = data[(length + 3) & ~3 :]
            orig, reply = attributes.get(CTA_TUPLE_ORIG), attributes.get(CTA_TUPLE_REPLY)
            if orig is None or reply is None:
                continue
            parts = _attributes(reply)
            address = _attributes(parts.get(CTA_TUPLE_IP, b"")).get(CTA_IP_V4_SRC)
            protocol = _attributes(parts.get(CTA_TUPLE_PROTO, b""))
            port = protocol.get(CTA_PROTO_SRC_PORT)
            if address and port and protocol.get(CTA_PROTO_NUM) == bytes([socket.IPPROTO_UDP]):
                yield orig, (socket.inet_ntoa(address), int.from_bytes(port, "big"))


def _message(kind: int, flags: int, payload: bytes) -> bytes:
    body = struct.pack("=BBH", socket.AF_INET, 0, 0) + payload
    return struct.pack("=IHHII", 16 + len(body), kind, flags, 0, 0) + body


def _attribute(kind: int, value: bytes) -> bytes:
    padding = b"\0" * (-len(value) % 4)
    return struct.pack("=HH", 4 + len(value), kind) + value + padding


def _attributes(data: bytes) -> dict[int, bytes]:
    found = {}
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        found[kind & 0x3FFF] = data[4:length]
        data = data[(length + 3) & ~3 :]
    return found
