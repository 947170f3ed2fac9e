"""Runs a cluster in the outside world: wall time, Podman, HTTP, the firewall, DNS, files.

What `kubarium serve` and the terminal app start and stop.
"""

import asyncio
import ipaddress
import os
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from engine.adapters import load_process
from engine.adapters.encoded import EncodedObjects
from engine.adapters.fetch import FetchAnswer, Fetcher
from engine.adapters.http.app import HttpServer
from engine.adapters.http.audit_log import AuditLog, open_audit_log
from engine.adapters.http.component_metrics import ComponentMetrics
from engine.adapters.http.kubeconfig import write_kubeconfig
from engine.adapters.manifests import CHANNEL, Manifests
from engine.adapters.network.stack import NetworkStack
from engine.adapters.pacer import Pacer
from engine.adapters.pki import client_credentials, load_identity, server_context
from engine.adapters.storage.choose import LeadershipLostError, Storage, StoreOptions
from engine.adapters.storage.encryption import FILE_NAME, load_keyring
from engine.api.core import Service
from engine.api.load import Load
from engine.api.pod import Pod
from engine.apiserver.authentication.identity import Identity
from engine.apiserver.errors import BadRequestError
from engine.bootstrap import publish_apiserver
from engine.client.client import Client
from engine.cluster import OBJECT_CODEC, Cluster
from engine.config import SIMULATED_EPOCH, ClusterConfig, NodeConfig, make_nodes
from engine.cri.runtime import Emit, LogOptions, Runtime
from engine.errors import ConfigError, EngineError
from engine.faults.component_pods import DNS
from engine.kernel.journal import Entry
from engine.load.profile import Profile
from engine.proxy.dns_zone import DnsZone
from engine.replay.recording import Recording
from engine.scenario.actions import apply_yaml
from engine.scenario.checks import HttpAnswer
from engine.scenario.player import Player
from engine.scenario.schema import Scenario
from engine.scenario.view import ClusterView
from engine.simulation.services import answer_of
from engine.store.compactor import KEEP_A_SESSION, Retention

GENTLE_KUBELET = {
    "apiVersion": "kubelet.config.k8s.io/v1beta1",
    "kind": "KubeletConfiguration",
    # Nodes share the machine with its owner, whose disk may well be nine tenths full.
    "evictionHard": {
        "memory.available": "100Mi",
        "nodefs.available": "2%",
        "nodefs.inodesFree": "2%",
        "imagefs.available": "2%",
    },
    "imageGCHighThresholdPercent": 97,
    "imageGCLowThresholdPercent": 95,
    "serializeImagePulls": False,
    "maxParallelImagePulls": 4,
}

if TYPE_CHECKING:
    from engine.adapters.podman.host import PodmanHost

LOOK_SECONDS = 0.1  # how often who follows a simulated container looks again


@attrs.frozen(kw_only=True)
class HostOptions:
    """What the command line says.

    Attributes:
        workers: nodes beside the control plane.
        zones: in how many zones the nodes lie; 0 for no zones.
        runtime: auto, podman or simulated.
        podman_url: the Podman service to use; empty for one of our own.
        data: where the cluster is kept; None for a cluster that ends with the process.
        store: the etcd in which the cluster is kept instead, led by one of us at a time.
        listen: host and port of the API server; port 0 for any free one.
        kubeconfig: where to write the kubeconfig; None for the usual place.
        seed: seed of all chance.
        speed: virtual seconds per second.
        demo: whether to deploy the demo application.
        scheduler: the file and the content of a KubeSchedulerConfiguration, if there is one.
        kubelet: the file and the content of a KubeletConfiguration, if there is one.
        retention: how much history is kept.
        manifests: a folder of static pods; None for none.
        has_component_pods: whether the control plane is shown as pods that can be killed.
        audit_log: where each request is put down; None for nowhere.
        audit_policy: what is put down; None for the policy we come with.
        shape: turns the usual nodes into those a lab or scenario asks for.
        simulated: names of nodes whose containers are simulated beside real ones.
        scenario: the text and variables of what is played, for the journal.
        journal: where every input from outside is put down; None for nowhere.
    """

    workers: int = 3
    zones: int = 0
    runtime: str = "auto"
    podman_url: str = ""
    data: Path | None = None
    store: StoreOptions | None = None
    listen: tuple[str, int] = ("127.0.0.1", 6443)
    kubeconfig: Path | None = None
    seed: int = 1
    speed: float = 1.0
    demo: bool = False
    scheduler: tuple[str, object] | None = None
    kubelet: tuple[str, object] | None = None
    retention: Retention = KEEP_A_SESSION
    manifests: Path | None = None
    has_component_pods: bool = True
    audit_log: Path | None = None
    audit_policy: Path | None = None
    shape: Callable[[tuple[NodeConfig, ...]], tuple[NodeConfig, ...]] | None = None
    simulated: frozenset[str] = frozenset()
    scenario: Mapping[str, Any] | None = None
    journal: Path | None = None


def state_folder() -> Path:
    """Where Kubarium keeps state: ``$XDG_STATE_HOME/kubarium``."""
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "kubarium"


def default_kubeconfig() -> Path:
    """Where the kubeconfig is written unless told otherwise."""
    return state_folder() / "kubeconfig"


@attrs.define(eq=False, repr=False)
class Host:
    """One cluster and what connects it to this machine.

    Promises:
        * after `start` kubectl is answered and the kubeconfig is written;
        * `stop` may be called at any time, also after a `start` that failed, and leaves nothing of
          ours on the machine but what `data` keeps;
        * a bug inside the cluster ends `failed` with its exception, and so does the loss of
          leadership, with `LeadershipLostError`.

    *on_waiting* hears why we do not lead yet; *on_alarm* why the store takes no writes, and None
    when it does again.
    """

    options: HostOptions
    on_waiting: Callable[[str], object] = attrs.field(default=bool, kw_only=True)
    on_alarm: Callable[[str | None], object] = attrs.field(default=bool, kw_only=True)
    notice: str = attrs.field(default="", init=False)
    cluster: Cluster = attrs.field(init=False)
    pacer: Pacer = attrs.field(init=False)
    podman: "PodmanHost | None" = attrs.field(default=None, init=False)
    failed: "asyncio.Task[None]" = attrs.field(init=False)
    http: HttpServer | None = attrs.field(default=None, init=False)
    network: NetworkStack | None = attrs.field(default=None, init=False)
    fetcher: Fetcher | None = attrs.field(default=None, init=False)
    identity: Identity = attrs.field(init=False)
    _objects: EncodedObjects = attrs.field(factory=EncodedObjects, init=False)
    _manifests: Manifests | None = attrs.field(default=None, init=False)
    _storage: Storage[Any] = attrs.field(init=False)
    _loads: load_process.LoadProcesses | None = attrs.field(default=None, init=False)
    _recording: Recording | None = attrs.field(default=None, init=False)
    _log_readers: dict[int, Callable[[str], None]] = attrs.field(factory=dict, init=False)
    _log_reads: int = attrs.field(default=0, init=False)
    _reading: set["asyncio.Task[str]"] = attrs.field(factory=set, init=False)
    _dns: DnsZone | None = attrs.field(default=None, init=False)
    _is_started: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        options = self.options
        codec = attrs.evolve(OBJECT_CODEC, encode=self._objects.json)
        if options.data is not None or options.store is not None:
            keyring = load_keyring((options.data or state_folder()) / FILE_NAME)
            codec = keyring.codec(codec)
        self._storage = Storage(codec, options.data, options.store)

    @property
    def kubeconfig(self) -> Path:
        """Where the kubeconfig is."""
        return self.options.kubeconfig or default_kubeconfig()

    @property
    def is_real(self) -> bool:
        """Whether containers are real."""
        return self.podman is not None

    @property
    def summary(self) -> str:
        """The cluster in one line: nodes, runtime, address."""
        containers = "podman" if self.is_real else "simulated containers"
        port = self.http.port if self.http is not None else 0
        return (
            f"{len(self.cluster.nodes)} nodes on {containers},"
            f" API at https://{self.options.listen[0]}:{port}"
        )

    async def lead(self) -> None:
        """Wait until the store is ours to write: at once, unless it is an etcd that another leads.

        May be cancelled; `start` does it too.

        Raises:
            EngineError: the etcd cannot be used; the message says why.
        """
        await self._storage.lead(self.on_waiting)

    async def start(self, *, is_driven: bool = True) -> None:
        """Start everything; without *is_driven* time stands still until `play` moves it.

        Raises:
            EngineError: it cannot be done; the message says what to do. Call `stop` all the same.
        """
        await self.lead()
        await self._start_podman()
        self.cluster = self._make_cluster(is_live=is_driven)
        self.cluster.store.on_alarm_changed = self._alarm
        self.pacer = Pacer(self.cluster.loop, self.cluster.journal, self.options.speed)
        if not is_driven:
            self.pacer.pause()
        self.fetcher = Fetcher(self.cluster.journal)
        self.http = HttpServer(
            cluster=self.cluster.server,
            journal=self.cluster.journal,
            store=self.cluster.store,
            logs=self._node_logs,
            runtimes=self.cluster.reach,
            ssl_context=self._tls(),
            audit=self._audit(),
            observer=self.cluster.observer,
            objects=self._objects,
        )
        self.http.metrics.sources.append(
            ComponentMetrics(self.cluster.scheduler, self.cluster.manager)
        )
        host, port = self.options.listen
        await self.http.start(host, port)
        if self.podman is not None:
            await self.podman.adopt()
        if self.network is not None:
            self.network.dns_is_up = lambda: self.cluster.components.is_up(DNS)
            self.network.connect(self.cluster.proxier.informers)
            await self.network.start()
        self._loads = load_process.LoadProcesses(self.cluster.journal)
        if self.options.journal is not None:
            self._recording = Recording.begin(
                self.options.journal, self.cluster, scenario=self.options.scenario
            )
        self._is_started = True
        self.cluster.start()
        address = await self._listen_for_pods()
        self.http.advertise(_reachable(address))
        self._note("publish", (address, self.http.port))
        publish_apiserver(self.cluster.admin, address, self.http.port)
        self._start_manifests()
        self.failed = asyncio.create_task(self._drive(), name="pacer")
        if self.options.demo:
            self.deploy_demo()
        self._write_kubeconfig(f"https://{_reachable(host)}:{self.http.port}")

    async def stop(self) -> None:
        """Stop everything and leave nothing behind."""
        if self.http is not None:
            await self.http.stop()
            if self.http.audit is not None:
                self.http.audit.close()
        if self._manifests is not None:
            self._manifests.stop()
        if self._is_started:
            self.pacer.stop()
            # What the pacer died of is raised by who watches `failed`.
            await asyncio.wait({self.failed})
            if self._recording is not None:
                self._recording.close()
            self.cluster.stop()
            if self._loads is not None:
                await self._loads.close()
        if self.fetcher is not None:
            await self.fetcher.close()
        if self.network is not None:
            await self.network.stop()
        if self.podman is not None:
            await self.podman.stop()
        await asyncio.to_thread(self._storage.release)

    def _start_manifests(self) -> None:
        """Have the nodes run what the folder of static pods says."""
        cluster, folder = self.cluster, self.options.manifests
        if folder is None:
            return

        def replace(found: tuple[str, tuple[Pod, ...]]) -> None:
            node, pods = found
            cluster.nodes[node].kubelet.set_manifests(pods)

        cluster.journal.register(CHANNEL, replace)
        heads = [node.name for node in cluster.config.nodes if node.is_control_plane]
        self._manifests = Manifests(
            folder, tuple(cluster.nodes), heads[0] if heads else "", cluster.journal
        )
        self._manifests.start()

    def _note(self, what: str, payload: Any) -> None:
        if self._recording is not None:
            self._recording.note(what, payload)

    def deploy_demo(self) -> None:
        """Create the demo application in the namespace default, unless it is there."""
        self._note("demo", None)
        text = resources.files("scenarios").joinpath("demo.yaml").read_text(encoding="utf-8")
        apply_yaml(self.cluster.admin, text, "default")

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

    def _node_logs(self, node: str, container_id: str, options: LogOptions) -> AsyncIterator[bytes]:
        return self.cluster.reach(node).logs(container_id, options)

    def listen_to_inputs(self, listener: Callable[[Entry], None]) -> None:
        """Call *listener* with every input from outside too, until it is called no more."""
        journal, earlier = self.cluster.journal, self.cluster.journal.tap

        def tap(entry: Entry) -> None:
            if earlier is not None:
                earlier(entry)
            listener(entry)

        journal.tap = tap

    def make_player(
        self, scenario: Scenario, *, on_change: Callable[[Player], None] = lambda _player: None
    ) -> Player:
        """A player of *scenario* on this cluster."""
        client = self.cluster.client("scenario", groups=("system:masters",))
        return Player(scenario, client, self.view(client), on_change)

    def view(self, client: Client) -> ClusterView:
        """What claims are made about, asked through *client*."""
        return ClusterView(
            client, self._fetch, self._read_log, self._resolve, self.cluster.monitor.broken
        )

    async def play(self, player: Player, *, is_virtual: bool = False) -> None:
        """Play to the end: by the pacer's time, or as fast as it goes.

        Raises:
            Exception: a bug inside the cluster, as it was raised.
        """
        ended = asyncio.Event()
        told = player.on_change

        def on_change(played: Player) -> None:
            told(played)
            if played.is_done:
                ended.set()

        player.on_change = on_change
        journal = self.cluster.journal
        journal.register("play", lambda _payload: player.start())
        journal.register("player", lambda action: getattr(player, action)())
        player.enter = lambda action: journal.call("player", action)
        journal.post("play", None)
        if is_virtual:
            loop = self.cluster.loop
            while not player.is_done:
                following = loop.next_time()
                loop.run_until(loop.now + 1.0 if following is None else following)
            return
        waiting = asyncio.create_task(_until(ended))
        await asyncio.wait((waiting, self.failed), return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self.failed.done():
            self.failed.result()

    async def _drive(self) -> None:
        await self.pacer.run()
        alarm = self.cluster.store.alarm
        if alarm is not None and self._storage.is_final(alarm):
            raise LeadershipLostError(alarm)

    def _alarm(self, alarm: str | None) -> None:
        self.on_alarm(alarm)
        if self._storage.is_final(alarm):
            self.pacer.stop()

    def _write_kubeconfig(self, server: str) -> None:
        try:
            write_kubeconfig(
                self.kubeconfig,
                server=server,
                name=self.cluster.config.name,
                ca=self.identity.ca,
                credentials=client_credentials(
                    self.identity, "kubernetes-admin", ("system:masters",), now=time.time()
                ),
            )
        except OSError as error:
            msg = f"the kubeconfig cannot be written to {self.kubeconfig}: {error.strerror}"
            raise ConfigError(msg) from error

    def _audit(self) -> AuditLog | None:
        options = self.options
        if options.audit_log is None:
            if options.audit_policy is not None:
                raise ConfigError("--audit-policy needs --audit-log beside it: where to write")
            return None
        return open_audit_log(options.audit_log, options.audit_policy, self.cluster.loop)

    def _tls(self) -> ssl.SSLContext:
        config = self.cluster.config
        names = (
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            f"kubernetes.default.svc.{config.cluster_domain}",
            "localhost",
            "127.0.0.1",
            "::1",
            config.api_ip,
            *(node.address for node in config.nodes[:1] if node.address),
            _reachable(self.options.listen[0]),
            socket.gethostname(),
        )
        return server_context(self.identity, names, now=time.time())

    @property
    def _pki_folder(self) -> Path:
        return (self.options.data or state_folder()) / "pki"

    async def _listen_for_pods(self) -> str:
        """Listen where pods can reach us; the address that the service `kubernetes` leads to."""
        host = self.options.listen[0]
        if self.network is None or not self.network.is_privileged or self.http is None:
            return host
        address = self.cluster.config.nodes[0].address
        if ipaddress.ip_address(socket.gethostbyname(host)).is_loopback:
            await self.http.listen(address, self.http.port)
        return address

    async def _start_podman(self) -> None:
        wanted = self.options.runtime
        if wanted == "simulated":
            return
        if self.options.speed != 1.0:
            if wanted == "podman":
                raise ConfigError("--speed works with simulated containers only: time is real here")
            self.notice = "kubarium: --speed was given, so containers are simulated"
            return
        # A simulated cluster starts a tenth of a second sooner without all this.
        from engine.adapters.podman.given import preflight_given  # noqa: PLC0415
        from engine.adapters.podman.host import PodmanHost  # noqa: PLC0415
        from engine.adapters.podman.preflight import Preflight, inspect_host  # noqa: PLC0415

        data = self.options.data
        name = data.resolve().name if data is not None else str(os.getpid())
        state = data.resolve() / "podman" if data is not None else state_folder() / "run" / name
        address = self.options.podman_url
        try:
            found = await preflight_given(address, state) if address else inspect_host()
        except EngineError as error:
            found = Preflight(usable=False, reason=str(error))
        if not found.usable:
            if wanted == "podman":
                raise ConfigError(f"containers cannot be run here: {found.reason}")
            self.notice = f"kubarium: containers are simulated: {found.reason}"
            return
        podman = PodmanHost(
            instance=f"{name}-{abs(hash(str(state))) % 10_000}" if data is None else name,
            state=state,
            keeps=data is not None,
            preflight=found,
            address=address,
        )
        self.podman = podman
        try:
            await podman.start()
        except EngineError as error:
            await podman.stop()
            self.podman = None
            if wanted == "podman":
                raise
            self.notice = f"kubarium: containers are simulated: {error}"
            return
        addresses = [podman.slot.node_address(index) for index in range(self.options.workers + 1)]
        self.network = NetworkStack(
            slot=podman.slot, node_addresses=addresses, is_privileged=found.is_routed
        )

    def _component_options(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self.options.scheduler is not None:
            found["scheduler_source"], found["scheduler"] = self.options.scheduler
        if self.options.kubelet is not None:
            found["kubelet_source"], found["kubelet"] = self.options.kubelet
        elif self.podman is not None:
            found["kubelet"] = GENTLE_KUBELET
        return found

    def _make_cluster(self, *, is_live: bool) -> Cluster:
        options = self.options
        self.identity = load_identity(
            self._pki_folder,
            now=time.time(),
            keeps_tokens=options.data is not None or options.store is not None,
        )
        log = self._storage.open(asyncio.get_running_loop().call_soon_threadsafe)
        start_time = time.time() if is_live else SIMULATED_EPOCH
        if self.podman is None:
            nodes = self._shaped(make_nodes(options.workers, zones=options.zones))
            config = ClusterConfig(
                nodes=nodes,
                seed=options.seed,
                start_time=start_time,
                has_component_pods=options.has_component_pods,
                **self._component_options(),
            )
            return Cluster(
                config=config,
                log=log,
                log_size=self._storage.size,
                retention=options.retention,
                identity=self.identity,
                pause=_look_again,
            )
        slot = self.podman.slot
        facts = self.podman.facts()
        nodes = make_nodes(
            options.workers,
            pod_cidr=slot.pod_cidr,
            node_network=f"{slot.node_address(0).rpartition('.')[0]}.0/24",
            cpu=facts.cpu,
            memory=facts.memory,
        )
        nodes = self._shaped(nodes)
        config = ClusterConfig(
            nodes=nodes,
            seed=options.seed,
            start_time=start_time,
            has_component_pods=options.has_component_pods,
            service_cidr=slot.service_cidr,
            pod_cidr=slot.pod_cidr,
            **self._component_options(),
        )
        assert self.network is not None
        return Cluster(
            config=config,
            log=log,
            log_size=self._storage.size,
            retention=options.retention,
            identity=self.identity,
            make_runtime=self._make_runtime,
            make_storage=self.podman.make_storage,
            send_load=self._send_load,
            sink=self.network.sink,
        )

    def _shaped(self, nodes: tuple[NodeConfig, ...]) -> tuple[NodeConfig, ...]:
        return nodes if self.options.shape is None else self.options.shape(nodes)

    def _make_runtime(self, node: NodeConfig, index: int, emit: Emit) -> Runtime | None:
        assert self.podman is not None
        if node.name in self.options.simulated:
            return None
        return self.podman.runtime(node.name, index, emit)

    def _send_load(self, load: Load, profile: Profile) -> load_process.LoadProcess:
        """Real traffic, from a process of its own."""
        cluster = self.cluster

        def names() -> dict[str, str]:
            return {pod.status.pod_ip: pod.metadata.name for pod in cluster.list(Pod)}

        process = load_process.LoadProcess(
            load, profile, lambda: cluster.proxier.rules, names, cluster.journal
        )
        assert self._loads is not None
        return self._loads.add(process)

    def _read_log(
        self, namespace: str, pod: str, container: str, done: Callable[[str], None]
    ) -> None:
        """Read a log to its present end, and call back in a step of the loop."""

        async def read() -> str:
            try:
                chunks = self.logs(namespace, pod, container, LogOptions())
                return b"".join([chunk async for chunk in chunks]).decode(errors="replace")
            except EngineError as error:
                return str(error)

        if self.podman is None:
            self.cluster.loop.call_soon(done, _at_once(read()))
            return
        journal = self.cluster.journal
        number = self._log_reads
        self._log_reads += 1
        self._log_readers[number] = done
        journal.register("scenario/log", lambda found: self._log_readers.pop(found[0])(found[1]))
        task = asyncio.get_running_loop().create_task(read())
        self._reading.add(task)

        def tell(task: "asyncio.Task[str]") -> None:
            self._reading.discard(task)
            if not task.cancelled():
                journal.post("scenario/log", (number, task.result()))

        task.add_done_callback(tell)

    def _resolve(self, name: str) -> tuple[str, ...]:
        """The addresses of a name in the cluster's DNS."""
        domain = self.cluster.config.cluster_domain
        for full in (name.rstrip("."), f"{name}.svc.{domain}", f"{name}.default.svc.{domain}"):
            answer = self._zone.lookup(full)
            if answer is not None and answer.a:
                return answer.a
        return ()

    @property
    def _zone(self) -> DnsZone:
        if self._dns is None:
            informers = self.cluster.proxier.informers
            self._dns = DnsZone(informers=informers, domain=self.cluster.config.cluster_domain)
        return self._dns

    def _fetch(self, url: str, done: Callable[[HttpAnswer], None]) -> None:
        """Ask a service: over the network where there is one, else by its modelled endpoints."""
        if self.network is not None and self.fetcher is not None:

            def answer(found: FetchAnswer) -> None:
                done(HttpAnswer(status=found.status, body=found.body))

            self.fetcher.fetch(url, answer)
            return
        cluster = self.cluster
        address = url.removeprefix("http://").partition(":")[0]
        status, body = answer_of(address, cluster.list(Service), cluster.list(Pod))
        cluster.loop.call_soon(done, HttpAnswer(status=status, body=body))


def _reachable(host: str) -> str:
    """Where a server that listens on *host* is found from this machine."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - only compared


def _at_once(coroutine: Coroutine[Any, Any, str]) -> str:
    """The result of a coroutine that waits for nothing, as reads of simulated containers do."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return str(stop.value)
    coroutine.close()
    return ""


async def _look_again() -> None:
    await asyncio.sleep(LOOK_SECONDS)


async def _until(event: asyncio.Event) -> None:
    await event.wait()
