"""Service rules for clients of some nodes only: near endpoints by hints, local ones by policy.

A table beside the ordinary one, asked before it: what a client's node is follows from its address.
"""

import contextlib
from collections.abc import Iterator

import attrs

from engine.adapters.network.nft import Nft, NftError, open_nft
from engine.adapters.network.slots import Slot
from engine.adapters.network.tables import KEY
from engine.proxy.rules import ANY_NODE, Backend, Frontend, NodeRules, RuleSet, RuleSink

_TABLE = """
table ip {table} {{
  comment "Kubarium: services for the clients of single nodes"
  map near {{ type ipv4_addr . ipv4_addr . inet_proto . inet_service : verdict; flags interval; }}
  map eps {{ type mark : ipv4_addr . inet_service; }}
  set nowhere {{ type ipv4_addr . ipv4_addr . inet_proto . inet_service; flags interval; }}
  chain dispatch {{ ip saddr . {key} vmap @near; }}
  chain pre {{ type nat hook prerouting priority -111; jump dispatch; }}
  chain guard {{
    type filter hook prerouting priority mangle;
    ct state established,related return
    ip saddr . {key} @nowhere drop
  }}
}}
"""


@attrs.frozen(order=True)
class Entry:
    """What clients in *network* reach at one address, protocol and port."""

    network: str
    address: str
    protocol: str
    port: int
    backends: tuple[Backend, ...] = ()
    is_sticky: bool = False


@attrs.define(eq=False, kw_only=True)
class NearbySink:
    """Gives rules to *sink*, and puts what they say of single nodes into a table of its own.

    Promises:
        * there is no such table while no service needs one;
        * a change takes effect as a whole; connections that exist go on;
        * a client that is to stay at one backend does, until the number of backends changes.
    """

    sink: RuleSink
    slot: Slot
    nft: Nft = attrs.field(factory=open_nft)
    _in_effect: tuple[Entry, ...] = attrs.field(default=(), init=False)
    _frozen: dict[str, tuple[Entry, ...]] = attrs.field(factory=dict, init=False)

    @property
    def table(self) -> str:
        """The name of the table."""
        return f"{self.slot.table}_near"

    def apply(self, previous: RuleSet, current: RuleSet) -> None:
        """Go to *current*, the ordinary rules first.

        Raises:
            NftError: the rules of single nodes are as they were.
        """
        self.sink.apply(previous, current)
        self._put(current)

    def freeze(self, rules: NodeRules) -> None:
        """What clients on that node reach stays as it is."""
        self._frozen[rules.node] = tuple(
            entry for entry in self._in_effect if entry.network == rules.pod_cidr
        )
        self.sink.freeze(rules)

    def thaw(self, node: str) -> None:
        """The node follows what is applied again, from the next change on."""
        self._frozen.pop(node, None)
        self.sink.thaw(node)

    def close(self) -> None:
        """Take the table away."""
        with contextlib.suppress(NftError):
            self.nft.run(self._without())
        self._in_effect = ()
        self.nft.close()

    def _put(self, rules: RuleSet) -> None:
        wanted = [entry for kept in self._frozen.values() for entry in kept]
        wanted += [entry for node, entry in entries_of(rules) if node not in self._frozen]
        entries = tuple(sorted(set(wanted)))
        if entries == self._in_effect:
            return
        table = _TABLE.format(table=self.table, key=KEY) if entries else ""
        self.nft.run(self._without() + table + "\n".join(self._lines(entries)) + "\n")
        self._in_effect = entries

    def _without(self) -> str:
        return f"add table ip {self.table}\ndelete table ip {self.table}\n"

    def _lines(self, entries: tuple[Entry, ...]) -> Iterator[str]:
        """One chain for each group of backends, and who is led to it."""
        groups: dict[tuple[str, tuple[Backend, ...], bool], str] = {}
        first = 0
        for entry in entries:
            key = f"{entry.network} . {entry.address} . {entry.protocol} . {entry.port}"
            if not entry.backends:
                yield f"add element ip {self.table} nowhere {{ {key} }}"
                continue
            group = (entry.protocol, entry.backends, entry.is_sticky)
            if group not in groups:
                groups[group] = f"to_{first}"
                yield from self._chain(f"to_{first}", first, entry)
                first += len(entry.backends)
            yield f"add element ip {self.table} near {{ {key} : goto {groups[group]} }}"

    def _chain(self, name: str, first: int, entry: Entry) -> Iterator[str]:
        places = ", ".join(
            f"{first + index} : {backend.ip} . {backend.port}"
            for index, backend in enumerate(entry.backends)
        )
        choice = "jhash ip saddr" if entry.is_sticky else "numgen random"
        yield f"add element ip {self.table} eps {{ {places} }}"
        yield f"add chain ip {self.table} {name}"
        yield (
            f"add rule ip {self.table} {name} meta mark set {choice} mod {len(entry.backends)}"
            f" offset {first}"
        )
        protocol = f"meta l4proto {entry.protocol}"
        yield f"add rule ip {self.table} {name} {protocol} dnat ip to meta mark map @eps"


def entries_of(rules: RuleSet) -> Iterator[tuple[str, Entry]]:
    """What the rules say of single nodes, by the name of the node; first come, first served."""
    claimed: dict[Frontend, str] = {}
    for service in sorted(rules.services):
        for frontend, target in rules.services[service].frontends.items():
            if frontend.ip == ANY_NODE or not target.near:
                continue
            if claimed.setdefault(frontend, service) != service:
                continue
            for node, backends in target.near.items():
                network = rules.networks.get(node)
                if network:
                    yield (
                        node,
                        Entry(
                            network,
                            frontend.ip,
                            frontend.protocol,
                            frontend.port,
                            backends,
                            bool(target.affinity_seconds),
                        ),
                    )
