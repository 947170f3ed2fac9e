"""The gRPC health check against a small server of our own."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import h2.config
import h2.connection
import h2.events
import pytest

from engine.adapters.podman.grpc_health import check_health
from engine.errors import AdapterError

ANSWERS = {b"": b"\x08\x01", b"db": b"\x08\x02", b"odd": b""}


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one call: SERVING, but NOT_SERVING for db and UNIMPLEMENTED for others."""
    config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
    connection = h2.connection.H2Connection(config)
    connection.initiate_connection()
    writer.write(connection.data_to_send())
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            for event in connection.receive_data(data):
                if isinstance(event, h2.events.DataReceived) and event.stream_id:
                    service = (event.data or b"")[7:]
                    body = ANSWERS.get(service)
                    kind = [(":status", "200"), ("content-type", "application/grpc")]
                    if body is None:
                        kind.append(("grpc-status", "12"))
                        connection.send_headers(event.stream_id, kind, end_stream=True)
                        continue
                    connection.send_headers(event.stream_id, kind)
                    frame = b"\0" + len(body).to_bytes(4, "big") + body
                    connection.send_data(event.stream_id, frame)
                    trailer = [("grpc-status", "0")]
                    connection.send_headers(event.stream_id, trailer, end_stream=True)
            writer.write(connection.data_to_send())
    writer.close()


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """Where the server listens."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_a_serving_service_passes(port: int) -> None:
    """SERVING is no error."""
    await check_health("127.0.0.1", port, "")


@pytest.mark.parametrize(
    ("service", "words"),
    [
        ("db", r'service unhealthy \(responded with "NOT_SERVING"\)'),
        ("odd", 'responded with "UNKNOWN"'),
        ("none", "does not implement the grpc health protocol"),
    ],
)
async def test_other_answers_are_errors(port: int, service: str, words: str) -> None:
    """In the kubelet's words."""
    with pytest.raises(AdapterError, match=words):
        await check_health("127.0.0.1", port, service)


async def test_who_does_not_listen_is_an_error() -> None:
    """As for any connection."""
    with pytest.raises(OSError, match="onnect"):
        await check_health("127.0.0.1", 1, "")
