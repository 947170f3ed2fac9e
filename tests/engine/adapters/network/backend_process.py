"""A pod for tests: answers every line on TCP 8080, and every packet on UDP 8080, with its name.

On stdin it takes `tcp IP PORT [LINE]`: send the line there and print the answer; and `dns IP NAME`:
ask the DNS server there for the address of a name.
"""

import contextlib
import socket
import socketserver
import sys
import threading

name = sys.argv[1]


class Lines(socketserver.StreamRequestHandler):
    """One keep-alive connection; `who` asks for the name, `from` for the client's address."""

    def handle(self) -> None:
        """Answer until the client closes."""
        with contextlib.suppress(OSError):
            for line in self.rfile:
                answer = self.client_address[0] if line.strip() == b"from" else name
                self.wfile.write(answer.encode() + b"\n")


class Packets(socketserver.DatagramRequestHandler):
    """One packet."""

    def handle(self) -> None:
        """Answer once."""
        self.wfile.write(name.encode())


class Server(socketserver.ThreadingTCPServer):
    """TCP with a thread per connection."""

    allow_reuse_address = True
    daemon_threads = True


for server in (
    Server(("0.0.0.0", 8080), Lines),
    socketserver.ThreadingUDPServer(("0.0.0.0", 8080), Packets),
):
    threading.Thread(target=server.serve_forever, daemon=True).start()


def say(text: str) -> None:
    """Tell the test *text*."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


say("ready")


def ask(what: str, ip: str, *arguments: str) -> str:
    """The answer to one request."""
    if what == "dns":
        query = b"\x12\x34\1\0\0\1\0\0\0\0\0\0"
        for label in arguments[0].split("."):
            query += bytes([len(label)]) + label.encode()
        # As resolvers do: who gets no answer asks again. A busy machine takes its time.
        with socket.socket(type=socket.SOCK_DGRAM) as client:
            client.settimeout(5)
            for _ in range(12):
                client.sendto(query + b"\0\0\1\0\1", (ip, 53))
                with contextlib.suppress(TimeoutError):
                    return socket.inet_ntoa(client.recv(512)[-4:])
            raise TimeoutError
    port, *line = arguments
    with socket.create_connection((ip, int(port)), timeout=3) as connection:
        connection.sendall((line[0] if line else "who").encode() + b"\n")
        return str(connection.makefile().readline().strip())


for request in sys.stdin:
    try:
        say(ask(*request.split()))
    except OSError as error:
        say(type(error).__name__)
