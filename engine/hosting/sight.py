"""What can be seen of a cluster from here: its logs, its names, what its services answer."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import TYPE_CHECKING, Any

import attrs

from engine.adapters.fetch import FetchAnswer, Fetcher
from engine.api.pod import Pod
from engine.apiserver.errors import BadRequestError
from engine.client.client import Client
from engine.cluster import Cluster
from engine.cri.runtime import LogOptions
from engine.errors import EngineError
from engine.proxy.dns_zone import DnsZone
from engine.scenario.checks import HttpAnswer
from engine.scenario.view import ClusterView

if TYPE_CHECKING:
    from engine.adapters.network.stack import NetworkStack

_CHANNEL = "scenario/log"


@attrs.define(eq=False, repr=False, kw_only=True)
class Sight:
    """Looks at *cluster*; with a *network* through it, else by what its parts would answer.

    What comes later comes as a step of the loop.
    """

    cluster: Cluster
    network: "NetworkStack | None"
    fetcher: Fetcher
    is_real: bool
    _readers: dict[int, Callable[[str], None]] = attrs.field(factory=dict, init=False)
    _reads: int = attrs.field(default=0, init=False)
    _reading: set["asyncio.Task[str]"] = attrs.field(factory=set, init=False)
    _zone: DnsZone | None = attrs.field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self.cluster.journal.register(_CHANNEL, lambda found: self._readers.pop(found[0])(found[1]))

    def view(self, client: Client) -> ClusterView:
        """What claims are made about, asked through *client*."""
        return ClusterView(
            client, self.fetch, self.read_log, self.resolve, self.cluster.monitor.broken
        )

    def logs(
        self,
        namespace: str,
        pod: str,
        container: str,
        options: LogOptions,
        *,
        previous: bool = False,
    ) -> AsyncIterator[bytes]:
        """The log of a container: of its run before the last one if *previous*.

        Raises:
            NotFoundError: there is no such pod.
            BadRequestError: the pod has no such container, or none that has run (or run before).
        """
        found = self.cluster.get(Pod, pod, namespace=namespace)
        node = self.cluster.nodes.get(found.spec.node_name)
        if node is None:
            raise BadRequestError(f"pod {pod} does not have a host assigned")
        container_id = node.kubelet.container_id_for(found, container, previous=previous)
        if not container_id:
            when = "before" if previous else "yet"
            raise BadRequestError(f'container "{container}" in pod "{pod}" has not run {when}')
        return node.gate.logs(container_id, options)

    def read_log(
        self, namespace: str, pod: str, container: str, done: Callable[[str], None]
    ) -> None:
        """Read a log to its present end, and call back in a step of the loop."""

        async def read() -> str:
            try:
                chunks = self.logs(namespace, pod, container, LogOptions())
                return b"".join([chunk async for chunk in chunks]).decode(errors="replace")
            except EngineError as error:
                return str(error)

        if not self.is_real:
            self.cluster.loop.call_soon(done, _at_once(read()))
            return
        number = self._reads
        self._reads += 1
        self._readers[number] = done
        task = asyncio.get_running_loop().create_task(read())
        self._reading.add(task)

        def tell(task: "asyncio.Task[str]") -> None:
            self._reading.discard(task)
            if not task.cancelled():
                self.cluster.journal.post(_CHANNEL, (number, task.result()))

        task.add_done_callback(tell)

    def resolve(self, name: str) -> tuple[str, ...]:
        """The addresses of a name in the cluster's DNS."""
        domain = self.cluster.config.cluster_domain
        if self._zone is None:
            self._zone = DnsZone(informers=self.cluster.proxier.informers, domain=domain)
        for full in (name.rstrip("."), f"{name}.svc.{domain}", f"{name}.default.svc.{domain}"):
            answer = self._zone.lookup(full)
            if answer is not None and answer.a:
                return answer.a
        return ()

    def fetch(self, url: str, done: Callable[[HttpAnswer], None]) -> None:
        """Ask a service: over the network where there is one, else by its modelled endpoints."""
        if self.network is not None:

            def answer(found: FetchAnswer) -> None:
                done(HttpAnswer(status=found.status, body=found.body))

            self.fetcher.fetch(url, answer)
            return
        self.cluster.modelled.get(
            url, lambda found: done(HttpAnswer(status=found.status, body=found.body))
        )


def _at_once(coroutine: Coroutine[Any, Any, str]) -> str:
    """The result of a coroutine that waits for nothing, as reads of simulated containers do."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return str(stop.value)
    coroutine.close()
    return ""
