"""The network of one cluster on this host, put together: addresses, rules, DNS.

The composition of this adapter; the work is done elsewhere.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

import attrs

from engine.adapters.network.disturbed import DisturbedPaths
from engine.adapters.network.dns_server import DnsServer
from engine.adapters.network.health_ports import HealthPorts
from engine.adapters.network.host import HostNetwork
from engine.adapters.network.nearby import NearbySink
from engine.adapters.network.nftables import NftablesSink
from engine.adapters.network.slots import Slot
from engine.adapters.network.userspace import UserspaceSink
from engine.adapters.rootless import outside
from engine.adapters.rootless.egress import Egress
from engine.adapters.rootless.relay import NodePortRelay
from engine.client.informer import InformerFactory
from engine.errors import AdapterError
from engine.proxy.dns_zone import DnsZone
from engine.proxy.rules import RuleSink

log = logging.getLogger(__name__)


@attrs.define(eq=False, kw_only=True)
class NetworkStack:
    """Services of one cluster for this host and its pods.

    Make it before the cluster, give the cluster `sink`, then `connect` it and `start`.
    With *is_privileged* service addresses, node ports and DNS work for pods and host, on nftables;
    without, node ports on 127.0.0.1 do, through this process.

    Promises:
        * `start` begins anew, whatever an earlier run left in the slot;
        * `stop` may be called at any time and leaves nothing.
    """

    slot: Slot
    node_addresses: Sequence[str]
    is_privileged: bool
    domain: str = "cluster.local"
    dns_is_up: Callable[[], bool] = lambda: True
    sink: RuleSink = attrs.field(init=False, repr=False)
    disturbed: DisturbedPaths | None = attrs.field(default=None, init=False, repr=False)
    rules: NftablesSink | None = attrs.field(default=None, init=False, repr=False)
    nearby: NearbySink | None = attrs.field(default=None, init=False, repr=False)
    health: HealthPorts | None = attrs.field(default=None, init=False, repr=False)
    relay: NodePortRelay | None = attrs.field(default=None, init=False)
    egress: Egress | None = attrs.field(default=None, init=False)
    zone: DnsZone | None = attrs.field(default=None, init=False, repr=False)
    dns: DnsServer | None = attrs.field(default=None, init=False)
    host: HostNetwork | None = attrs.field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        if self.is_privileged:
            self.rules = NftablesSink(slot=self.slot)
            self.nearby = NearbySink(sink=self.rules, slot=self.slot)
            self.sink = self.health = HealthPorts(self.nearby)
            if outside.is_elsewhere():
                self.sink = self.relay = NodePortRelay(self.health)
            self.host = HostNetwork(slot=self.slot)
        else:
            self.disturbed = DisturbedPaths()
            self.sink = UserspaceSink(disturbed=self.disturbed)

    def connect(self, informers: InformerFactory) -> None:
        """Answer DNS from what *informers* (those of the proxier, say) know."""
        self.zone = DnsZone(informers=informers, domain=self.domain)

    async def start(self) -> None:
        """Make addresses, an empty table and the DNS server.

        Raises:
            AdapterError: the system refuses; call `stop` all the same.
        """
        if self.host is None:
            return
        dns_ip = self.slot.dns_ip
        await self.host.open(self.node_addresses, own=[dns_ip])
        assert self.rules is not None
        if self.relay is not None:
            self.egress = await Egress.begin()
        source = self.node_addresses[0] if self.node_addresses else ""
        await asyncio.to_thread(self.rules.open, local_source=source, own=[dns_ip])
        if self.zone is not None:
            self.dns = DnsServer(zone=self.zone, address=dns_ip, is_up=self.dns_is_up)
            await self.dns.start()

    async def stop(self) -> None:
        """Take everything away. Stopping twice is allowed."""
        if self.dns is not None:
            await self.dns.stop()
        if self.relay is not None:
            await self.relay.close()
        if self.egress is not None:
            self.egress.end()
        if self.health is not None:
            await self.health.close()
        if self.nearby is not None:
            self.nearby.close()
        if self.rules is not None:
            self.rules.close()
        elif isinstance(self.sink, UserspaceSink):
            await self.sink.close()
        if self.host is not None:
            try:
                await self.host.close()
            except AdapterError as error:
                log.warning("the network was not taken away error=%s", error)
