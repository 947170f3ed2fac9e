"""The gRPC health protocol, client side: one unary call over HTTP/2 without TLS.

Only this one call is made, so messages are put together by hand and no gRPC stack is needed.
Source: grpc/doc/health-checking.md and PROTOCOL-HTTP2.md; kubelet pkg/probe/grpc, v1.34.
"""

import asyncio
import contextlib
import struct

import attrs
import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

from engine.errors import AdapterError

METHOD = "/grpc.health.v1.Health/Check"
STATUSES = ("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")
UNIMPLEMENTED = "12"
MAX_ANSWER = 64 * 1024


@attrs.define
class _Answer:
    """What came back of the one call."""

    body: bytearray = attrs.field(factory=bytearray)
    grpc_status: str = ""
    grpc_message: str = ""
    is_over: bool = False


async def check_health(host: str, port: int, service: str) -> None:
    """Ask whether *service* (empty for the server as a whole) is SERVING.

    Raises:
        AdapterError: it is not, or the server does not speak the protocol; in the kubelet's words.
        OSError: nobody listens.
    """
    reader, writer = await asyncio.open_connection(host, port)
    try:
        answer = await _call(reader, writer, f"{host}:{port}", service)
    except h2.exceptions.H2Error as error:
        raise AdapterError(f"this server does not speak HTTP/2: {error}") from error
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    if answer.grpc_status == UNIMPLEMENTED:
        raise AdapterError(
            "this server does not implement the grpc health protocol (grpc.health.v1.Health)"
        )
    if answer.grpc_status not in {"", "0"}:
        raise AdapterError(
            f"health rpc probe failed: code {answer.grpc_status}: {answer.grpc_message}"
        )
    status = _status(bytes(answer.body))
    if status != "SERVING":
        raise AdapterError(f'service unhealthy (responded with "{status}")')


async def _call(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, authority: str, service: str
) -> _Answer:
    connection = h2.connection.H2Connection(
        h2.config.H2Configuration(client_side=True, header_encoding="utf-8")
    )
    connection.initiate_connection()
    stream = connection.get_next_available_stream_id()
    headers = [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", authority),
        (":path", METHOD),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
        ("user-agent", "kube-probe/1.34"),
    ]
    connection.send_headers(stream, headers)
    connection.send_data(stream, _request(service), end_stream=True)
    writer.write(connection.data_to_send())
    answer = _Answer()
    while not answer.is_over:
        piece = await reader.read(MAX_ANSWER)
        if not piece:
            raise AdapterError("the server closed the connection without an answer")
        for event in connection.receive_data(piece):
            _take(connection, answer, event)
        writer.write(connection.data_to_send())
    return answer


def _take(connection: h2.connection.H2Connection, answer: _Answer, event: h2.events.Event) -> None:
    if isinstance(event, h2.events.ResponseReceived | h2.events.TrailersReceived):
        fields = {str(key): str(value) for key, value in event.headers or ()}
        answer.grpc_status = fields.get("grpc-status", answer.grpc_status)
        answer.grpc_message = fields.get("grpc-message", answer.grpc_message)
        if fields.get(":status", "200") != "200":
            raise AdapterError(f"the server answered with HTTP status {fields[':status']}")
    elif isinstance(event, h2.events.DataReceived):
        answer.body += event.data or b""
        if len(answer.body) > MAX_ANSWER:
            raise AdapterError("the answer is too long")
        connection.acknowledge_received_data(
            event.flow_controlled_length or 0, event.stream_id or 0
        )
    elif isinstance(event, h2.events.StreamEnded):
        answer.is_over = True
    elif isinstance(event, h2.events.StreamReset | h2.events.ConnectionTerminated):
        raise AdapterError("the server ended the call")


def _request(service: str) -> bytes:
    """A HealthCheckRequest in gRPC's frame: field 1, the service's name."""
    name = service.encode()
    message = b"\x0a" + _varint(len(name)) + name if name else b""
    return struct.pack(">BI", 0, len(message)) + message


def _status(body: bytes) -> str:
    """The status in a HealthCheckResponse: field 1, a number; absent means UNKNOWN."""
    message = body[5:]
    number = message[1] if len(message) >= 2 and message[0] == 0x08 else 0
    return STATUSES[number] if number < len(STATUSES) else str(number)


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
