"""A pod for tests: answers every line on TCP 8080, and every packet on UDP 8080, with its name.

On stdin it takes `tcp IP PORT`: fetch from there, print the answer and the address it came with.
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
for request in sys.stdin:
    _, ip, port, *what = request.split()
    try:
        with socket.create_connection((ip, int(port)), timeout=3) as connection:
            connection.sendall((what[0] if what else "who").encode() + b"\n")
            say(connection.makefile().readline().strip())
    except OSError as error:
        say(type(error).__name__)
