"""Runs a cluster in the outside world: wall time, Podman, HTTP, the firewall, DNS, files.

What `kubarium serve` and the terminal app start and stop.
"""

import asyncio
import ipaddress
import socket
import time
from collections.abc import AsyncIterator, Callable
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from engine.adapters import load_process
from engine.adapters.encoded import EncodedObjects
from engine.adapters.fetch import Fetcher
from engine.adapters.http.app import HttpServer
from engine.adapters.http.streams.gateway import StreamGateway
from engine.adapters.manifests import CHANNEL, Manifests
from engine.adapters.pacer import Pacer
from engine.adapters.pki import load_identity
from engine.adapters.storage.choose import LeadershipLostError, Storage
from engine.adapters.storage.encryption import FILE_NAME, load_keyring
from engine.api.frozen import freeze
from engine.api.load import Load
from engine.api.pod import Pod, has_address
from engine.apiserver.authentication.identity import Identity
from engine.bootstrap import publish_apiserver
from engine.client.client import Client
from engine.cluster import OBJECT_CODEC, Cluster
from engine.cri.runtime import LogOptions
from engine.faults.component_pods import DNS
from engine.faults.injector import END_ALL
from engine.hosting.access import audit_log, pki_folder, reachable, save_kubeconfig, server_tls
from engine.hosting.containers import Containers, start_containers
from engine.hosting.figures import metric_sources
from engine.hosting.kept_volumes import VolumeKeeper, keep_volumes
from engine.hosting.making import ClusterMaker
from engine.hosting.options import HostOptions, default_kubeconfig, state_folder
from engine.hosting.panic import PanicDoor
from engine.hosting.shutdown import end_pods
from engine.hosting.sight import Sight
from engine.kernel.journal import Entry
from engine.load.profile import Profile
from engine.replay.recording import Recording
from engine.scenario.actions import apply_yaml
from engine.scenario.player import Player
from engine.scenario.schema import Scenario
from engine.scenario.view import ClusterView

if TYPE_CHECKING:
    from engine.adapters.network.stack import NetworkStack
    from engine.adapters.podman.host import PodmanHost


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
    cluster: Cluster = attrs.field(init=False)
    pacer: Pacer = attrs.field(init=False)
    containers: Containers = attrs.field(factory=Containers, init=False)
    failed: "asyncio.Task[None]" = attrs.field(init=False)
    http: HttpServer | None = attrs.field(default=None, init=False)
    fetcher: Fetcher | None = attrs.field(default=None, init=False)
    identity: Identity = attrs.field(init=False)
    _objects: EncodedObjects = attrs.field(factory=EncodedObjects, init=False)
    _manifests: Manifests | None = attrs.field(default=None, init=False)
    _storage: Storage[Any] = attrs.field(init=False)
    _volumes: VolumeKeeper | None = attrs.field(default=None, init=False)
    _loads: load_process.LoadProcesses | None = attrs.field(default=None, init=False)
    _recording: Recording | None = attrs.field(default=None, init=False)
    _sight: Sight = attrs.field(init=False)
    _panic_door: PanicDoor | None = attrs.field(default=None, init=False)
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
    def podman(self) -> "PodmanHost | None":
        """What runs real containers; None if they are simulated."""
        return self.containers.podman

    @property
    def network(self) -> "NetworkStack | None":
        """What connects real pods; None if they are simulated."""
        return self.containers.network

    @property
    def notice(self) -> str:
        """What the user should know about the containers; often nothing."""
        return self.containers.notice

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
        options = self.options
        self.containers = await start_containers(options)
        self.identity = load_identity(
            pki_folder(options),
            now=time.time(),
            keeps_tokens=options.data is not None or options.store is not None,
        )
        self.cluster = ClusterMaker(
            options=options,
            containers=self.containers,
            storage=self._storage,
            identity=self.identity,
            send_load=self._send_load,
        ).make(is_live=is_driven)
        self.cluster.store.on_alarm_changed = self._alarm
        self.pacer = Pacer(self.cluster.loop, self.cluster.journal, self.options.speed)
        if not is_driven:
            self.pacer.pause()
        self.fetcher = Fetcher(self.cluster.journal)
        self._sight = Sight(
            cluster=self.cluster,
            network=self.network,
            fetcher=self.fetcher,
            is_real=self.is_real,
        )
        self.http = HttpServer(
            cluster=self.cluster.server,
            journal=self.cluster.journal,
            store=self.cluster.store,
            logs=self._node_logs,
            gateway=StreamGateway(
                self.cluster.server, self.cluster.reach, freeze(self.cluster.config.kubelet or {})
            ),
            ssl_context=server_tls(self.identity, self.cluster.config, options.listen[0]),
            audit=audit_log(options, self.cluster.loop, self.cluster.server.authorizer),
            observer=self.cluster.observer,
            objects=self._objects,
        )
        self.cluster.server.auditor = self.http.audit
        self.http.metrics.sources += metric_sources(self.cluster)
        host, port = self.options.listen
        await self.http.start(host, port)
        if self.podman is not None:
            pods = self.cluster.admin.list(Pod).items
            await self.podman.adopt([pod.metadata.uid for pod in pods])
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
        self._volumes = keep_volumes(self.options.data, self.cluster.volumes)
        self.cluster.start()
        address = await self._listen_for_pods()
        self.http.advertise(reachable(address))
        self._note("publish", (address, self.http.port))
        publish_apiserver(self.cluster.admin, address, self.http.port)
        self._start_manifests()
        self.failed = asyncio.create_task(self._drive(), name="pacer")
        if self.options.demo:
            self.deploy_demo()
        server = f"https://{reachable(host)}:{self.http.port}"
        save_kubeconfig(
            self.kubeconfig, self.identity, cluster=self.cluster.config.name, server=server
        )
        self._panic_door = PanicDoor(
            server, self.kubeconfig, lambda: self.cluster.journal.call(END_ALL, "panic signal")
        )
        self._panic_door.open()

    async def stop(self) -> None:
        """Stop everything and leave nothing behind; pods end in order first, if configured so."""
        if self._is_started:
            await end_pods(self.cluster, self._note, self.failed)
        await self._close_doors()
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
            if self._volumes is not None:
                await self._volumes.close()
        if self.fetcher is not None:
            await self.fetcher.close()
        if self.network is not None:
            await self.network.stop()
        if self.podman is not None:
            await self.podman.stop()
        await asyncio.to_thread(self._storage.release)

    async def _close_doors(self) -> None:
        """Be reached no more: not over HTTP, and not by the panic signal."""
        if self._panic_door is not None:
            self._panic_door.close()
        if self.http is not None:
            await self.http.stop()
            if self.http.audit is not None:
                self.cluster.server.auditor = None
                self.http.audit.close()

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
        return self._sight.logs(namespace, pod, container, options, previous=previous)

    def _node_logs(self, node: str, container_id: str, options: LogOptions) -> AsyncIterator[bytes]:
        return self.cluster.reach(node).logs(container_id, options)

    def listen_to_inputs(self, listener: Callable[[Entry], None]) -> Callable[[], None]:
        """Call *listener* with every input from outside too, until what is returned is called."""
        journal, earlier = self.cluster.journal, self.cluster.journal.tap

        def tap(entry: Entry) -> None:
            if earlier is not None:
                earlier(entry)
            listener(entry)

        def stop() -> None:
            journal.tap = earlier

        journal.tap = tap
        return stop

    def make_player(
        self, scenario: Scenario, *, on_change: Callable[[Player], None] = lambda _player: None
    ) -> Player:
        """A player of *scenario* on this cluster."""
        client = self.cluster.client("scenario", groups=("system:masters",))
        return Player(scenario, client, self.view(client), on_change)

    def view(self, client: Client) -> ClusterView:
        """What claims are made about, asked through *client*."""
        return self._sight.view(client)

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

    async def _listen_for_pods(self) -> str:
        """Listen where pods can reach us; the address that the service `kubernetes` leads to."""
        host = self.options.listen[0]
        if self.network is None or not self.network.is_privileged or self.http is None:
            return host
        address = self.cluster.config.nodes[0].address
        if ipaddress.ip_address(socket.gethostbyname(host)).is_loopback:
            await self.http.listen(address, self.http.port)
        return address

    def _send_load(self, load: Load, profile: Profile) -> load_process.LoadProcess:
        """Real traffic, from a process of its own."""
        cluster = self.cluster

        def names() -> dict[str, str]:
            pods = filter(has_address, cluster.list(Pod))
            return {pod.status.pod_ip: pod.metadata.name for pod in pods}

        process = load_process.LoadProcess(
            load, profile, lambda: cluster.proxier.rules, names, cluster.journal
        )
        assert self._loads is not None
        return self._loads.add(process)


async def _until(event: asyncio.Event) -> None:
    await event.wait()
