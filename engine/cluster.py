"""The composition root: builds the parts of a cluster and wires them. No behaviour of its own.

It is the one module that knows everyone; nobody but what runs a cluster knows it.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import attrs

from engine.api.codec import decode_stored, encode_json
from engine.api.kubarium import Decision, Invariant, UsageSeries, WhatIf
from engine.api.meta import ApiObject
from engine.api.metrics import NodeMetrics, PodMetrics
from engine.apiserver.admission.configuration import read_admission
from engine.apiserver.authentication.identity import Identity, derived_identity
from engine.apiserver.authentication.user import service_account_user
from engine.apiserver.errors import InternalError, UnavailableError
from engine.apiserver.keys import index_of
from engine.apiserver.server import ApiServer
from engine.bootstrap import bootstrap
from engine.client.client import Client
from engine.client.informer import InformerFactory
from engine.client.leader_election import LeaderElector, Worker
from engine.client.link import Link
from engine.client.recorder import EventRecorder
from engine.composition.nodes import NodeMaker, NodeParts, RuntimeFactory
from engine.composition.traffic import ModelledTraffic
from engine.config import ClusterConfig
from engine.controllers.manager import ControllerManager
from engine.controllers.registry import controllers_with
from engine.controllers.storage.operations import StorageOperations
from engine.cri.runtime import Runtime
from engine.cri.storage import Answer, StorageBackend
from engine.faults.components import Components
from engine.faults.controls import Controls
from engine.faults.fault import Levers, Startable
from engine.faults.injector import END_ALL, Injector
from engine.faults.invariants.monitor import InvariantAnswers, Monitor
from engine.faults.processes import NamedController
from engine.kernel.journal import Journal
from engine.kernel.loop import Loop
from engine.kernel.rng import RandomStreams
from engine.load.controller import Begin, LoadController
from engine.metrics.server import (
    MetricsServer,
    NodeMetricsAnswers,
    PodMetricsAnswers,
    UsageSeriesAnswers,
)
from engine.proxy.proxier import Proxier
from engine.proxy.rules import RecordingSink, RuleSink
from engine.scheduler.answers import DecisionAnswers, WhatIfAnswers
from engine.scheduler.configuration import SchedulerSettings, read_configuration
from engine.scheduler.scheduler import Scheduler
from engine.simulation.storage import SimulatedStorage
from engine.simulation.traffic import Traffic as PodTraffic
from engine.store.compactor import KEEP_A_SESSION, Compactor, Retention
from engine.store.log import ChangeLog, Codec
from engine.store.observer import StoreObserver
from engine.store.watchable_store import Store
from engine.telemetry.trace import decode_origin, encode_origin

T = TypeVar("T", bound=ApiObject)

StorageFactory = Callable[[Answer], StorageBackend]
"""Makes the storage of a cluster, given where its answers go."""

OBJECT_CODEC: Codec[Any] = Codec(
    encode=encode_json,
    decode=decode_stored,
    encode_origin=encode_origin,
    decode_origin=decode_origin,
)
"""How objects lie on disk: as the JSON that clients see, with who wrote them and why."""


@attrs.define(eq=False, repr=False, kw_only=True)
class Cluster:
    """A whole cluster in one process.

    Without *make_runtime* containers are simulated; without *log* nothing is kept; without *sink*
    service rules are only remembered. Who follows a simulated container awaits *pause* between two
    looks; without it, following ends at the present. History is kept as *retention* says, measured
    in bytes by *log_size*. Without *make_storage* volumes are simulated. Each component talks over
    a link of its own, found in `links` by the component's name.
    """

    config: ClusterConfig
    make_runtime: RuntimeFactory | None = None
    log: ChangeLog[Any] | None = None
    log_size: Callable[[], int] | None = None
    retention: Retention = KEEP_A_SESSION
    sink: RuleSink = attrs.field(factory=RecordingSink)
    pause: Callable[[], Awaitable[None]] | None = None
    identity: Identity | None = None
    make_storage: StorageFactory | None = None
    send_load: Begin | None = None
    loop: Loop = attrs.field(init=False)
    journal: Journal = attrs.field(init=False)
    random: RandomStreams = attrs.field(init=False)
    store: Store[Any] = attrs.field(init=False)
    compactor: Compactor[Any] = attrs.field(init=False)
    observer: StoreObserver[Any] = attrs.field(init=False)
    server: ApiServer = attrs.field(init=False)
    traffic: PodTraffic = attrs.field(init=False)
    links: dict[str, Link] = attrs.field(factory=dict, init=False)
    nodes: dict[str, NodeParts] = attrs.field(factory=dict, init=False)
    storage: StorageOperations = attrs.field(init=False)
    volumes: SimulatedStorage | None = attrs.field(default=None, init=False)
    manager: ControllerManager = attrs.field(init=False)
    scheduler: Scheduler = attrs.field(init=False)
    electors: tuple[LeaderElector, ...] = attrs.field(init=False)
    metrics: MetricsServer = attrs.field(init=False)
    proxier: Proxier = attrs.field(init=False)
    loads: LoadController = attrs.field(init=False)
    components: Components = attrs.field(init=False)
    monitor: Monitor = attrs.field(init=False)
    injector: Injector = attrs.field(init=False)
    admin: Client = attrs.field(init=False)
    modelled: ModelledTraffic = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        config = self.config
        self.loop = Loop(now=config.start_time)
        self.journal = Journal(self.loop)
        self.store = Store(self.loop, self.log, index_of=index_of)
        # An empty store is at revision 1.
        resumed_at = self.store.revision if self.store.revision > 1 else 0
        self.random = RandomStreams(config.seed, resumed_at)
        self.traffic = PodTraffic(self.random["traffic"].random)
        self.compactor = Compactor(
            self.loop, self.store.kv, self.store.compact, self.retention, size=self.log_size
        )
        self.observer = StoreObserver(
            self.store,
            self.compactor,
            lambda value: len(encode_json(value)),
            self.log_size,
            kept_in="memory" if self.log is None else self.log.place,
            input_of=self._input_of,
        )
        self.server = ApiServer(
            loop=self.loop,
            store=self.store,
            random=self.random,
            service_cidr=config.service_cidr,
            cluster_domain=config.cluster_domain,
            has_authorization=True,
            pod_security=read_admission(config.admission, source=config.admission_source),
            identity=self.identity or derived_identity(self.random, config.start_time),
        )
        self.storage = StorageOperations(self.loop)
        self.journal.register("storage", self.storage.answer)
        self._connect_storage()
        self.admin = self.client("admin", user="kubernetes-admin", groups=("system:masters",))
        self.manager = ControllerManager(
            self.loop,
            self.server,
            self._link("controller-manager"),
            self.random,
            controllers_with(self.server.identity.authority, self.storage, config.controllers),
        )
        self.scheduler = self._make_scheduler()
        self.server.computed[Decision] = DecisionAnswers(self.scheduler)
        self.server.computed[WhatIf] = WhatIfAnswers(self.scheduler)
        self.metrics = self._make_metrics()
        self.electors = (
            self._elector("kube-controller-manager", self.manager.informers.client, self.manager),
            self._elector("kube-scheduler", self.scheduler.client, self.scheduler),
        )
        proxy = self.client("kube-proxy", user="system:kube-proxy")
        self.proxier = Proxier(
            loop=self.loop,
            informers=InformerFactory(proxy),
            sink=self.sink,
            recorder=self._recorder(proxy, "kube-proxy"),
        )
        head = config.nodes[0]
        self.modelled = ModelledTraffic(
            loop=self.loop,
            proxier=self.proxier,
            network=self.traffic,
            runtime_of=self._runtime_of,
            head=head.name,
            address=head.address,
            dns=config.dns_ip,
        )
        maker = self._node_maker()
        for index, node in enumerate(config.nodes):
            self.nodes[node.name] = maker.make(node, index)
        self.loads = self._make_loads()
        self.injector = self._make_injector()
        self.journal.register(END_ALL, lambda _key: self.injector.panic())
        self.components = Components(
            self.injector.levers,
            {elector.name: elector for elector in self.electors},
            self.proxier,
        )
        if config.has_component_pods:
            self.components.place(
                {
                    name: (node.gate, node.kubelet, node.config.is_control_plane)
                    for name, node in self.nodes.items()
                }
            )
        self.monitor = Monitor(
            self.loop,
            self.store,
            {name: node.gate for name, node in self.nodes.items()},
            lambda: bool(self.injector.active),
        )
        self.monitor.listeners.append(self.components.on_change)
        self.server.computed[Invariant] = InvariantAnswers(self.monitor)

    def client(
        self, name: str, *, user: str = "", groups: tuple[str, ...] = ("system:authenticated",)
    ) -> Client:
        """A client for the component *name*, over the component's own link."""
        return Client(
            self.server, self._link(name), user=user or f"system:{name}", groups=groups, actor=name
        )

    @property
    def controls(self) -> Controls:
        """Everyday faults as plain calls."""
        return Controls(self.admin)

    def start(self) -> None:
        """Create the objects a cluster begins with and let every part work."""
        client = self.client("bootstrap", groups=("system:masters",))
        bootstrap(client, self.config, self.server.identity.ca)
        self.monitor.start()
        self.compactor.start()
        self.injector.informers.start()
        self.injector.start()
        for elector in self.electors:
            elector.start()
        self.proxier.start()
        self.metrics.start()
        self.loads.start()
        for node in self.nodes.values():
            node.kubelet.start()

    def stop(self) -> None:
        """Stop every part, undo active faults, close the store. Containers are left as they are."""
        self.injector.stop()
        for node in self.nodes.values():
            node.kubelet.stop()
        self.loads.stop()
        self.metrics.stop()
        self.proxier.stop()
        for elector in reversed(self.electors):
            elector.stop()
        self.monitor.stop()
        self.compactor.stop()
        self.store.close()

    def reach(self, node: str) -> Runtime:
        """The runtime of *node*, through its kubelet, as the API server reaches it for streams.

        Raises:
            InternalError: the kubelet does not answer.
        """
        parts = self.nodes.get(node)
        if parts is None:
            raise InternalError(f"error dialing backend: dial tcp: lookup {node}: no such host")
        where = f"error dialing backend: dial tcp {parts.config.address}:10250"
        if parts.link.is_cut:
            raise InternalError(f"{where}: i/o timeout")
        if parts.kubelet.workers is None:
            raise InternalError(f"{where}: connect: connection refused")
        try:
            return parts.link.request(lambda: parts.gate)
        except UnavailableError as error:
            raise InternalError(f"{where}: connection reset by peer") from error

    def run_for(self, seconds: float) -> None:
        """Let *seconds* pass in virtual time."""
        self.loop.run_for(seconds)

    def apply(self, *objects: ApiObject) -> None:
        """Create objects, in order, in the name of the administrator."""
        for obj in objects:
            self.admin.create(obj)

    def get(self, cls: type[T], name: str, *, namespace: str = "") -> T:
        """The object as the store has it.

        Raises:
            NotFoundError: there is none.
        """
        return self.admin.get(cls, name, namespace=namespace)

    def list(self, cls: type[T], *, namespace: str | None = None) -> tuple[T, ...]:
        """All objects of a kind."""
        return self.admin.list(cls, namespace=namespace).items

    def _input_of(self, number: int) -> str:
        entry = self.journal.entry(number)
        if entry is None:
            return ""
        payload = entry.payload
        words = getattr(payload, "summary", "")
        if not words:
            first = payload[0] if isinstance(payload, tuple) and payload else type(payload).__name__
            words = f"{entry.channel}: {first}"
        return str(words)

    def _connect_storage(self) -> None:
        if self.make_storage is not None:
            backend = self.make_storage(lambda answer: self.journal.post("storage", answer))
            self.storage.backend = backend
        else:
            self.volumes = SimulatedStorage(self.loop, self.storage.answer)
            self.storage.backend = self.volumes

    def _link(self, name: str) -> Link:
        return self.links.setdefault(name, Link(self.loop, name))

    def _recorder(self, client: Client, component: str, host: str = "") -> EventRecorder:
        return EventRecorder(client, component, self.random[f"events/{component}/{host}"], host)

    def _elector(self, name: str, client: Client, worker: Worker) -> LeaderElector:
        # The identity outlives the process: after a restart the Lease is still ours.
        identity = RandomStreams(self.config.seed)[f"leader-election/{name}"].getrandbits(64)
        return LeaderElector(
            loop=self.loop,
            client=client,
            recorder=self._recorder(client, name),
            worker=worker,
            name=name,
            identity=f"{self.config.name}_{identity:016x}",
        )

    def _make_scheduler(self) -> Scheduler:
        client = self.client("scheduler", user="system:kube-scheduler")
        return Scheduler(
            loop=self.loop,
            client=client,
            informers=InformerFactory(client),
            recorder=self._recorder(client, "default-scheduler"),
            random=self.random["scheduler"],
            settings=self._scheduler_settings(),
            make_recorder=lambda name: self._recorder(client, name),
        )

    def _scheduler_settings(self) -> SchedulerSettings:
        given = self.config.scheduler
        if given is None:
            return SchedulerSettings()
        return read_configuration(given, source=self.config.scheduler_source)

    def _node_maker(self) -> NodeMaker:
        return NodeMaker(
            config=self.config,
            loop=self.loop,
            journal=self.journal,
            random=self.random,
            metrics=self.metrics,
            make_client=lambda node: self.client(
                f"kubelet/{node}",
                user=f"system:node:{node}",
                groups=("system:nodes", "system:authenticated"),
            ),
            make_recorder=lambda client, node: self._recorder(client, "kubelet", node),
            make_runtime=self.make_runtime,
            volumes=self.volumes,
            traffic=self.traffic,
            modelled=self.modelled,
            pause=self.pause,
        )

    def _runtime_of(self, node: str) -> Runtime | None:
        parts = self.nodes.get(node)
        return parts.runtime if parts is not None else None

    def _make_metrics(self) -> MetricsServer:
        client = self.client(
            "metrics-server",
            user="system:serviceaccount:kube-system:metrics-server",
            groups=(
                "system:serviceaccounts",
                "system:serviceaccounts:kube-system",
                "system:authenticated",
            ),
        )
        metrics = MetricsServer(self.loop, InformerFactory(client), self.reach)
        self.server.computed[PodMetrics] = PodMetricsAnswers(metrics)
        self.server.computed[NodeMetrics] = NodeMetricsAnswers(metrics)
        self.server.computed[UsageSeries] = UsageSeriesAnswers(metrics)
        return metrics

    def _make_loads(self) -> LoadController:
        user = service_account_user("kube-system", "load-generator")
        client = self.client("load-generator", user=user.name, groups=user.groups)
        begin = self.send_load or self.modelled.begin
        return LoadController(self.loop, client, InformerFactory(client), begin)

    def _make_injector(self) -> Injector:
        user = service_account_user("kube-system", "fault-injector")
        client = self.client("fault-injector", user=user.name, groups=user.groups)
        components: dict[str, Startable] = {"scheduler": self.scheduler}
        components |= {name: NamedController(self.manager, name) for name in self.manager}
        levers = Levers(
            loop=self.loop,
            random=self.random,
            client=client,
            server=self.server,
            nodes={name: node.levers for name, node in self.nodes.items()},
            store=self.store,
            links=self.links,
            components=components,
            leaders={elector.name: elector for elector in self.electors},
            valid=self.server.identity.authority.validity,
            storage=self.storage,
        )
        return Injector(levers, InformerFactory(client))
