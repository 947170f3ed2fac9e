"""The web server inside the demo image: answers who it is, and misbehaves when asked.

It stands alone (the standard library, nothing of Kubarium) because it runs in a container whose
Python holds only the modules this file imports.
"""

import contextlib
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from urllib.parse import parse_qsl, unquote, urlsplit

DRAIN_SECONDS = 1.5  # new connections are still served for this long after SIGTERM
LINGER_SECONDS = 25.0  # open requests may take this long after that
IDLE_SECONDS = 75.0
MAX_HEAD = 65536
REASONS = {200: "OK", 202: "Accepted", 400: "Bad Request", 404: "Not Found", 500: "Server Error"}
REASONS |= {503: "Service Unavailable"}

Query = dict[str, str]
Answer = tuple[int, str, bytes]


def text(status: int, body: str) -> Answer:
    """A plain text answer, with a newline at its end."""
    return status, "text/plain; charset=utf-8", body.encode() + b"\n"


class Demo:
    """What the server is, how it feels, and an answer for each path."""

    def __init__(self) -> None:
        self.version = os.environ.get("KUBARIUM_DEMO_VERSION", "v1")
        self.pod = os.environ.get("POD_NAME") or socket.gethostname()
        self.namespace = os.environ.get("POD_NAMESPACE", "")
        self.node = os.environ.get("NODE_NAME", "")
        self.started = time.time()
        self.served = 0
        self.is_draining = False
        broken = os.environ.get("KUBARIUM_DEMO_BROKEN") == "true"
        self.is_failing = {"liveness": broken, "readiness": broken}
        self.ballast: list[bytearray] = []
        self.routes: dict[str, Callable[[Query], Answer]] = {
            "/": self.hello,
            "/info": self.info,
            "/healthz": lambda _: self.probe("liveness"),
            "/readyz": lambda _: self.probe("readiness"),
            "/slow": self.slow,
            "/fail": self.fail,
            "/cpu": self.cpu,
            "/work": self.work,
            "/memory": self.memory,
            "/exit": self.exit,
            "/env": self.env,
            "/file": self.file,
            "/ask": self.ask,
        }

    def answer(self, target: str) -> Answer:
        """The answer to one request for *target* (path and query)."""
        url = urlsplit(target)
        route = self.routes.get(unquote(url.path))
        if route is None:
            return text(404, "paths: " + " ".join(self.routes))
        self.served += 1
        try:
            return route(dict(parse_qsl(url.query)))
        except (ValueError, OverflowError) as error:
            return text(400, f"bad query: {error}")
        except MemoryError:
            return text(503, "no memory left for that")

    def hello(self, _: Query) -> Answer:
        """One line that says which pod, version and node answered."""
        where = f" on {self.node}" if self.node else ""
        return text(200, f"Hello from {self.pod} ({self.version}){where}")

    def info(self, _: Query) -> Answer:
        """The same and more as JSON."""
        facts = {
            "pod": self.pod,
            "namespace": self.namespace,
            "version": self.version,
            "node": self.node,
            "uptimeSeconds": round(time.time() - self.started, 3),
            "requests": self.served,
            "draining": self.is_draining,
            "failing": sorted(name for name, failing in self.is_failing.items() if failing),
            "ballastBytes": sum(map(len, self.ballast)),
        }
        return 200, "application/json", json.dumps(facts).encode() + b"\n"

    def probe(self, name: str) -> Answer:
        """What the probe *name* sees."""
        return text(500, f"{name} fails") if self.is_failing[name] else text(200, "ok")

    def slow(self, query: Query) -> Answer:
        """Answer after ``seconds``."""
        seconds = float(query.get("seconds", "1"))
        time.sleep(seconds)
        return text(200, f"answered after {seconds:g} s")

    def fail(self, query: Query) -> Answer:
        """Let ``probe`` (readiness or liveness) fail from now on, or with ``on=false`` recover."""
        name, wanted = query.get("probe", "readiness"), query.get("on", "true") == "true"
        if name not in self.is_failing:
            raise ValueError(f"probe is readiness or liveness, not {name}")
        self.is_failing[name] = wanted
        return text(200, f"{name} {'fails' if wanted else 'passes'} from now on")

    def cpu(self, query: Query) -> Answer:
        """Keep ``workers`` cores busy for ``seconds``; answers at once."""
        seconds, workers = float(query.get("seconds", "10")), int(query.get("workers", "1"))
        for _ in range(workers):
            command = [sys.executable, "-I", "-S", __file__, "burn", str(seconds)]
            os.posix_spawn(sys.executable, command, dict(os.environ))
        return text(202, f"{workers} workers busy for {seconds:g} s")

    def work(self, query: Query) -> Answer:
        """Answer after spending ``ms`` thousandths of a second of CPU time on the request."""
        millis = float(query.get("ms", "10"))
        until = time.thread_time() + millis / 1000.0
        while time.thread_time() < until:
            sum(range(500))
        return text(200, f"worked for {millis:g} ms")

    def memory(self, query: Query) -> Answer:
        """Hold ``bytes`` of touched memory, instead of what was held before."""
        self.ballast.clear()
        remaining = wanted = int(query.get("bytes", "0"))
        while remaining > 0:  # in pieces, so that a limit is met on the way and not at the start
            piece = bytearray(min(remaining, 4 << 20))
            piece[::4096] = b"\1" * len(piece[::4096])
            self.ballast.append(piece)
            remaining -= len(piece)
        return text(200, f"holding {wanted} bytes")

    def exit(self, query: Query) -> Answer:
        """Exit with ``code``, a moment after answering."""
        code = int(query.get("code", "0"))
        threading.Timer(0.05, os._exit, (code,)).start()
        return text(202, f"exiting with {code}")

    def env(self, _: Query) -> Answer:
        """The environment, one variable a line."""
        return text(200, "\n".join(f"{name}={value}" for name, value in sorted(os.environ.items())))

    def file(self, query: Query) -> Answer:
        """The content of the file ``path``."""
        try:
            with open(query.get("path", ""), "rb") as file:  # noqa: PTH123 - pathlib is not shipped
                return 200, "application/octet-stream", file.read(1 << 20)
        except OSError as error:
            return text(404, str(error))

    def ask(self, query: Query) -> Answer:
        """GET ``path`` of the service ``host`` at ``port``, found by its name; its answer."""
        host, port = query.get("host", "kubernetes"), int(query.get("port", "80"))
        request = f"GET {query.get('path', '/')} HTTP/1.0\r\nHost: {host}\r\n\r\n"
        try:
            # As bytes, since for text Python wants its codec of international names, not shipped.
            address: tuple[bytes, int] = (host.encode(), port)
            with socket.create_connection(address, timeout=3.0) as connection:  # type: ignore[arg-type]  # typeshed wants text
                connection.sendall(request.encode())
                pieces = list(iter(lambda: connection.recv(65536), b""))
        except OSError as error:
            return text(503, f"{host}:{port}: {error}")
        body = b"".join(pieces).partition(b"\r\n\r\n")[2]
        return text(200, body.decode(errors="replace").rstrip())


class Server:
    """A small HTTP/1.1 server: one thread for each connection, keep-alive, a graceful end."""

    def __init__(self, demo: Demo, port: int) -> None:
        self.demo = demo
        self.busy = 0
        self.lock = threading.Lock()
        self.listener = socket.create_server(("", port), backlog=512)

    def run(self) -> None:
        """Serve until the listener is shut down, then until the open requests are answered."""
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                break
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()
        deadline = time.monotonic() + LINGER_SECONDS
        while self.busy and time.monotonic() < deadline:
            time.sleep(0.01)

    def drain(self) -> None:
        """Stop gracefully: keep accepting for a moment, until nobody sends us anything any more."""
        if self.demo.is_draining:
            return
        self.demo.is_draining = True
        seconds = float(os.environ.get("DRAIN_SECONDS", DRAIN_SECONDS))
        threading.Timer(seconds, self.listener.shutdown, (socket.SHUT_RDWR,)).start()

    def serve(self, connection: socket.socket) -> None:
        """Answer the requests of one connection until either side closes it."""
        with connection, contextlib.suppress(OSError):
            connection.settimeout(IDLE_SECONDS)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            pending = b""
            while True:
                head, found, pending = pending.partition(b"\r\n\r\n")
                while not found:
                    piece = connection.recv(65536)
                    if not piece or len(head) > MAX_HEAD:
                        return
                    head, found, pending = (head + piece).partition(b"\r\n\r\n")
                with self.lock:
                    self.busy += 1
                try:
                    pending, is_kept = self.respond(connection, head, pending)
                finally:
                    with self.lock:
                        self.busy -= 1
                if not is_kept:
                    return

    def respond(self, connection: socket.socket, head: bytes, pending: bytes) -> tuple[bytes, bool]:
        """Answer one request; what was read beyond it, and whether the connection stays open."""
        begun = time.monotonic()
        request, *lines = head.decode("latin-1").split("\r\n")
        words = request.split()
        if len(words) != 3:
            words = ["GET", "*", "HTTP/1.0"]
        method, target, protocol = words
        fields = {
            k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)
        }
        if fields.get("expect", "").lower() == "100-continue":
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        length = int(fields.get("content-length") or 0)
        while len(pending) < length:
            piece = connection.recv(65536)
            if not piece:
                return b"", False
            pending += piece
        pending = pending[length:]
        status, kind, body = self.demo.answer(target)
        asked = fields.get("connection", "").lower()
        is_kept = asked != "close" and (protocol != "HTTP/1.0" or asked == "keep-alive")
        is_kept = is_kept and not self.demo.is_draining
        answer = (
            f"HTTP/1.1 {status} {REASONS[status]}\r\nContent-Type: {kind}\r\n"
            f"Content-Length: {len(body)}\r\nServer: kubarium-demo/{self.demo.version}\r\n"
            f"Connection: {'keep-alive' if is_kept else 'close'}\r\n\r\n"
        ).encode()
        connection.sendall(answer if method == "HEAD" else answer + body)
        if status != 200 or target not in {"/healthz", "/readyz"}:
            say(f"{method} {target} {status} {(time.monotonic() - begun) * 1000:.1f}ms")
        return pending, is_kept


def say(line: str) -> None:
    """One line of log, with the time; written at once and as a whole."""
    now = time.time()
    stamp = time.strftime("%H:%M:%S", time.gmtime(now))
    os.write(1, f"{stamp}.{int(now % 1 * 1000):03d} {line}\n".encode())


def burn(seconds: float) -> None:
    """Keep one core busy for *seconds*."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        sum(range(10000))


def reap(*_: object) -> None:
    """Collect ended children: as process 1 of the container we inherit all orphans."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def main() -> None:
    """Serve on ``PORT`` (8080) until SIGTERM or SIGINT."""
    if sys.argv[1:2] == ["burn"]:
        return burn(float(sys.argv[2]))
    threading.stack_size(256 * 1024)
    demo = Demo()
    server = Server(demo, int(os.environ.get("PORT", "8080")))

    def stop(number: int, _: object) -> None:
        say(f"{signal.Signals(number).name}: draining")
        server.drain()

    signal.signal(signal.SIGCHLD, reap)
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    say(f"{demo.pod} ({demo.version}) listens on port {server.listener.getsockname()[1]}")
    wanted = os.environ.get("KUBARIUM_DEMO_MEMORY", "").removesuffix("Mi")
    if wanted.isdigit():
        demo.memory({"bytes": str(int(wanted) << 20)})
    server.run()
    say("stopped")
    os._exit(0)


if __name__ == "__main__":
    main()
