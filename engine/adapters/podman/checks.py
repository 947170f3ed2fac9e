"""Probes and hooks against real containers: HTTP and TCP from the host, commands inside.

It knows how to ask; how often, and what an answer means, the kubelet knows.
"""

import asyncio
import functools
import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import aiohttp
import attrs
from yarl import URL

from engine.adapters.podman import http, processes
from engine.adapters.podman.client import PLAIN, PodmanClient
from engine.adapters.podman.grpc_health import check_health
from engine.adapters.podman.records import Container
from engine.cri.commands import ExecCheck, GrpcCheck, HttpCheck, RunCheck, TcpCheck
from engine.cri.events import CheckFinished
from engine.cri.streams import NOT_FOUND_CODE
from engine.errors import AdapterError

USER_AGENT = "kube-probe/1.34"
KEPT_BODY = 10 * 1024
NOT_ENTERED = "nsenter: failed to execute "
REDIRECTS = frozenset((301, 302, 303, 307, 308))
MOST_REDIRECTS = 10
ENTER = 'while [ "$1" != -- ]; do echo 0 > "$1" || exit 125; shift; done; shift; exec nsenter "$@"'


@attrs.frozen(kw_only=True)
class Verdict:
    """What a check found."""

    success: bool
    message: str = ""
    warns: bool = False
    is_unknown: bool = False

    def answer(self, command: RunCheck) -> CheckFinished:
        """What the kubelet that asked for *command* is told."""
        return CheckFinished(
            token=command.token, container_id=command.container_id, **attrs.asdict(self)
        )


@attrs.define(eq=False)
class Checker:
    """Runs checks. With *enters* it goes into a container's namespaces itself.

    That takes a tenth of what an exec through Podman takes; the command runs in the container's
    cgroups, but with all of root's capabilities.
    """

    client: PodmanClient
    enters: bool
    _session: aiohttp.ClientSession | None = attrs.field(default=None, init=False)
    _is_closed: bool = attrs.field(default=False, init=False)

    async def close(self) -> None:
        """Close what is open; a check asked for from now on fails."""
        self._is_closed = True
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def run(self, command: RunCheck, container: Container) -> Verdict:
        """Run one check; a failure of any kind is a verdict, not an error."""
        check = command.check
        try:
            async with asyncio.timeout(command.timeout):
                if isinstance(check, HttpCheck):
                    return await self._http(check, container)
                if isinstance(check, TcpCheck):
                    return await self._tcp(check, container)
                if isinstance(check, GrpcCheck):
                    host = container.sandbox.ip or "127.0.0.1"
                    await check_health(host, check.port, check.service)
                    return Verdict(success=True, message="SERVING")
                return await self._exec(check, container, command.timeout)
        except TimeoutError:
            return Verdict(success=False, message=_late(command, container))
        except (aiohttp.ClientError, OSError, AdapterError, ValueError) as error:
            return Verdict(success=False, message=_broken(command, container, error))

    async def _http(self, check: HttpCheck, container: Container) -> Verdict:
        if self._is_closed:
            return Verdict(success=False, message="the node is being stopped")
        if check.scheme.upper() == "HTTP":
            answer = await _get(check, container)
            if answer.status not in REDIRECTS:
                return _verdict(check, answer)
        if self._session is None:
            connector = aiohttp.TCPConnector(force_close=True, limit=0, ssl=_unverified())
            self._session = aiohttp.ClientSession(connector=connector, auto_decompress=True)
        host = check.host or container.sandbox.ip or "127.0.0.1"
        path = check.path if check.path.startswith("/") else f"/{check.path}"
        url = f"{check.scheme.lower()}://{host}:{check.port}{path}"
        headers = {"User-Agent": USER_AGENT, "Accept": "*/*", **dict(check.headers)}
        return _verdict(check, await _follow(self._session, URL(url), headers))

    async def _tcp(self, check: TcpCheck, container: Container) -> Verdict:
        host = check.host or container.sandbox.ip or "127.0.0.1"
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(asyncio.Protocol, host, check.port)
        transport.close()
        return Verdict(success=True)

    async def _exec(self, check: ExecCheck, container: Container, seconds: float) -> Verdict:
        if self.enters and container.pid:
            outcome = await enter(container, check.command, seconds=seconds)
            output, code = outcome.output, outcome.code
        else:
            code, raw = await self.client.exec(container.id, list(check.command))
            output = raw.decode(errors="replace")
        if code == NOT_FOUND_CODE and output.startswith(NOT_ENTERED):
            message = (
                "OCI runtime exec failed: exec failed: unable to start container process: "
                f'exec: "{check.command[0]}": executable file not found in $PATH: unknown'
            )
            return Verdict(success=False, message=message, is_unknown=True)
        return Verdict(success=code == 0, message=output)


async def _get(check: HttpCheck, container: Container) -> http.Answer:
    """What the container answers to a check without encryption, which nearly all are."""
    host = check.host or container.sandbox.ip or "127.0.0.1"
    return await http.get(host, check.port, _request(check, host), enough=KEPT_BODY)


@functools.lru_cache(maxsize=4096)
def _request(check: HttpCheck, host: str) -> bytes:
    """What *host* is sent; the same for every time it is asked, which is often."""
    path = check.path if check.path.startswith("/") else f"/{check.path}"
    name = f"[{host}]" if ":" in host else host
    own = {"Host": f"{name}:{check.port}", "User-Agent": USER_AGENT, "Accept": "*/*"}
    given = {key.lower() for key, _ in check.headers}
    headers = {key: value for key, value in own.items() if key.lower() not in given}
    target = quote(path, safe=f"{PLAIN}?")
    fields = [*headers.items(), *check.headers, ("Connection", "close")]
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
    return f"GET {target} HTTP/1.1\r\n{lines}\r\n".encode()


async def _follow(
    session: aiohttp.ClientSession, url: URL, headers: Mapping[str, str]
) -> http.Answer:
    """The answer to GET *url*, or to where it leads as long as that is the same host.

    Raises:
        AdapterError: it leads ever on.
    """
    host = url.host
    for _ in range(MOST_REDIRECTS):
        async with session.get(url, headers=headers, allow_redirects=False) as response:
            body = await response.content.read(KEPT_BODY)
            location = response.headers.get("Location", "")
            target = response.url.join(URL(location))
            if not location or response.status not in REDIRECTS or target.host != host:
                return http.Answer(status=response.status, body=body)
            url = target
    raise AdapterError(f'Get "{url}": stopped after {MOST_REDIRECTS} redirects')


def _verdict(check: HttpCheck, answer: http.Answer) -> Verdict:
    body = answer.body[:KEPT_BODY].decode(errors="replace")
    if check.any_status or answer.status < 300:
        return Verdict(success=True, message=body)
    if answer.status < 400:
        message = f"Probe terminated redirects, Response body: {body}"
        return Verdict(success=True, message=message, warns=True)
    message = f"HTTP probe failed with statuscode: {answer.status}"
    return Verdict(success=False, message=message)


def _broken(command: RunCheck, container: Container, error: Exception) -> str:
    """What the kubelet says of a check that found nobody to ask."""
    check, cause = command.check, error
    if isinstance(error, aiohttp.ClientConnectorError):
        cause = error.os_error
    words = str(error) or type(error).__name__
    if isinstance(check, ExecCheck) or not isinstance(cause, OSError):
        return words
    if isinstance(check, HttpCheck) and isinstance(error, http.HttpBroken):
        path = f"{_host_of(command, container)}:{check.port}{check.path}"
        return f'Get "{check.scheme.lower()}://{path}": EOF'
    reason = os.strerror(cause.errno).lower() if cause.errno else words
    where = f"{_host_of(command, container)}:{check.port}"
    dialled = f"dial tcp {where}: connect: {reason}"
    if isinstance(check, HttpCheck):
        return f'Get "{check.scheme.lower()}://{where}{check.path}": {dialled}'
    return dialled


def _host_of(command: RunCheck, container: Container) -> str:
    own = getattr(command.check, "host", "")
    return own or container.sandbox.ip or "127.0.0.1"


def _late(command: RunCheck, container: Container) -> str:
    """What the kubelet says of a check that had no answer in time."""
    check, host = command.check, _host_of(command, container)
    match check:
        case ExecCheck():
            what = " ".join(check.command)
            return f'command timed out: "{what}" timed out after {command.timeout:g}s'
        case HttpCheck():
            url = f"{check.scheme.lower()}://{host}:{check.port}{check.path}"
            return (
                f'Get "{url}": context deadline exceeded'
                " (Client.Timeout exceeded while awaiting headers)"
            )
        case TcpCheck():
            return f"dial tcp {host}:{check.port}: i/o timeout"
        case GrpcCheck():
            return (
                f'timeout: failed to connect service "{host}:{check.port}"'
                f" within {command.timeout:g}s: context deadline exceeded"
            )


async def enter(
    container: Container, command: tuple[str, ...], *, seconds: float
) -> processes.Outcome:
    """Run *command* in the namespaces, cgroups and environment of a container's first process.

    Raises:
        TimeoutError: it took longer than *seconds*.
        OSError: the container is gone.
    """
    pid = container.pid
    variables = _environment(pid)
    users = container.sandbox.users
    user = _ids(pid, users)
    files = sorted({str(folder / "cgroup.procs") for folder in container.cgroup.values()})
    options = ["-t", str(pid), "-m", "-n", "-p", "-i", "-u", f"--wd=/proc/{pid}/cwd"]
    if users:
        options.append("-U")
    if user != ("0", "0"):
        options += ["-S", user[0], "-G", user[1]]
    argv = ["/bin/sh", "-c", ENTER, "sh", *files, "--", *options, "--", *command]
    path = "/usr/sbin:/usr/bin:/sbin:/bin"
    return await processes.run(argv, environment={"PATH": path, **variables}, seconds=seconds)


def _environment(pid: int) -> dict[str, str]:
    """The environment process *pid* was started with."""
    raw = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")
    return dict(item.split("=", 1) for item in raw.split("\0") if "=" in item)


def _ids(pid: int, first: int) -> tuple[str, str]:
    """The effective user and group of process *pid*, whose root is *first* to the host."""
    found = {"Uid:": "0", "Gid:": "0"}
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        words = line.split()
        if words and words[0] in found:
            found[words[0]] = str(int(words[2]) - first)
    return found["Uid:"], found["Gid:"]


def _unverified() -> ssl.SSLContext:
    """TLS as a kubelet probes it: any certificate will do."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
