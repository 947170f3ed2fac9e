"""Service rules on nftables: one table per cluster with flat maps, changed element by element.

It knows frontends and backends; not what a service is.
"""

import contextlib
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import attrs

from engine.adapters.network.conntrack import forget_udp
from engine.adapters.network.nft import Nft, NftError, open_nft
from engine.adapters.network.slots import Slot
from engine.adapters.network.tables import (
    CLIENT_KEY,
    KEY,
    PORT_KEY,
    main_table,
    node_sources,
    node_table,
    node_table_name,
    table_names,
)
from engine.proxy.rules import (
    ANY_NODE,
    NO_RULES,
    Backend,
    Frontend,
    NodeRules,
    RuleSet,
    Target,
)

log = logging.getLogger(__name__)


@attrs.define(eq=False, kw_only=True)
class NftablesSink:
    """Puts rules into the table of *slot*.

    Promises:
        * a change takes effect as a whole or not at all;
        * connections that exist go on, whatever happens to their backend's rules; only what UDP
          remembers of removed backends is forgotten;
        * after `close` the table is gone; `open` begins with an empty one, whatever was left there;
        * what comes from a node that stands still, or to its address, follows a table of its own.
    """

    slot: Slot
    nft: Nft = attrs.field(factory=open_nft)
    _still: dict[str, NodeRules] = attrs.field(factory=dict, init=False)
    _local_source: str = attrs.field(default="", init=False)
    _own: tuple[str, ...] = attrs.field(default=(), init=False)
    _chains: set[str] = attrs.field(factory=set, init=False)
    _frontends: dict[Frontend, Target] = attrs.field(factory=dict, init=False)
    _backends: Counter[str] = attrs.field(factory=Counter, init=False)
    _places: dict[Frontend, tuple[Backend, ...]] = attrs.field(factory=dict, init=False)

    def open(self, *, local_source: str = "", own: Iterable[str] = ()) -> None:
        """Make the empty table.

        Args:
            local_source: source address of what this host sends to a node port on 127.0.0.1.
            own: service addresses that this host answers itself.

        Raises:
            NftError: nftables is not usable here.
        """
        table = main_table(self.slot, local_source)
        own = tuple(own)
        answered = ", ".join(own)
        name = f"ip {self.slot.table}"
        # Adding before deleting makes the deletion succeed whether or not there is one.
        reset = f"add table {name}\ndelete table {name}\n"
        extra = f"add element {name} own {{ {answered} }}\n" if answered else ""
        for left in table_names(self.nft, f"{self.slot.table}_still_"):
            remove_table(self.nft, left)
        self.nft.run(reset + table + extra)
        self._local_source, self._own = local_source, own
        self._chains.clear()
        self._frontends.clear()
        self._backends.clear()
        self._places.clear()

    def close(self) -> None:
        """Take the table away."""
        with contextlib.suppress(NftError):
            for node in tuple(self._still):
                self.thaw(node)
        with contextlib.suppress(NftError):
            remove_table(self.nft, self.slot.table)
        self.nft.close()

    def apply(self, previous: RuleSet, current: RuleSet) -> None:
        """Change what differs from *previous*, as one transaction.

        A table that somebody has removed is made again with everything that belongs into it.

        Raises:
            NftError: nothing was changed.
        """
        try:
            self._apply(previous, current)
        except NftError as error:
            if self._is_there():
                raise
            log.warning("the table was gone table=%s error=%s", self.slot.table, error)
            self.open(local_source=self._local_source, own=self._own)
            self._apply(NO_RULES, current)
            still, self._still = self._still, {}
            for rules in still.values():
                self.freeze(rules)

    def freeze(self, rules: NodeRules) -> None:
        """Put what is in effect on a node into a table of its own, and pass the node over here.

        Raises:
            NftError: nothing was changed.
        """
        if not rules.pod_cidr or not rules.address:
            return
        change = _Change(table=node_table_name(self.slot, rules), chains=set())
        frontends = rules.rules.frontends()
        for frontend, target in frontends.items():
            change.frontend(frontend, None, target, before=(), after=target.backends)
        backends = Counter(one.ip for target in frontends.values() for one in target.backends)
        change.hairpins(Counter(), backends)
        sources = node_sources(self.slot, rules, is_head=rules.address == self._local_source)
        text = node_table(self.slot, rules, sources, own=self._own)
        name = f"ip {self.slot.table}"
        change.line(f"add element {name} still {{ {sources} }}")
        change.line(f"add element {name} still_nodes {{ {rules.address} }}")
        self.nft.run(text + "\n".join(change.lines) + "\n")
        self._still[rules.node] = rules

    def thaw(self, node: str) -> None:
        """Let the node follow the cluster's rules again.

        Raises:
            NftError: nothing was changed.
        """
        rules = self._still.pop(node, None)
        if rules is None:
            return
        sources = node_sources(self.slot, rules, is_head=rules.address == self._local_source)
        name, left = f"ip {self.slot.table}", node_table_name(self.slot, rules)
        self.nft.run(
            f"delete element {name} still {{ {sources} }}\n"
            f"delete element {name} still_nodes {{ {rules.address} }}\n"
            f"add table ip {left}\ndelete table ip {left}\n"
        )

    def _is_there(self) -> bool:
        try:
            self.nft.query(f"list chain ip {self.slot.table} dispatch")
        except NftError:
            return False
        return True

    def _apply(self, previous: RuleSet, current: RuleSet) -> None:
        change = _Change(table=self.slot.table, chains=self._chains)
        changes = dict(self._differences(previous, current))
        places = {frontend: self._place(frontend, target) for frontend, target in changes.items()}
        backends = self._backends.copy()
        for frontend, target in changes.items():
            old = self._frontends.get(frontend)
            before = self._places.get(frontend, ())
            change.frontend(frontend, old, target, before=before, after=places[frontend])
            backends.subtract(backend.ip for backend in before)
            backends.update(backend.ip for backend in places[frontend])
        change.hairpins(self._backends, backends)
        change.nodes(previous.nodes.values(), current.nodes.values())
        self._forget_affinity(changes, places, change)
        if change.lines:
            self.nft.run("\n".join(change.lines) + "\n")
        gone = self._commit(changes, places)
        self._backends = +backends
        self._chains |= change.new_chains
        if gone:
            forget_udp(gone)

    def counters(self) -> dict[str, tuple[int, int]]:
        """Packets and bytes by what became of them: refused, sent outside.

        Raises:
            NftError: the table is gone.
        """
        found = {}
        for entry in self.nft.query(f"list counters table ip {self.slot.table}"):
            counter = entry.get("counter")
            if counter:
                found[counter["name"]] = (counter["packets"], counter["bytes"])
        return found

    def _differences(
        self, previous: RuleSet, current: RuleSet
    ) -> Iterator[tuple[Frontend, Target | None]]:
        """The frontends of services that changed, with what they lead to now."""
        before, after = previous.services, current.services
        keys = [key for key, rules in after.items() if before.get(key) is not rules]
        keys += [key for key in before if key not in after]
        touched: dict[Frontend, None] = {}
        for key in keys:
            for services in (before, after):
                if key in services:
                    touched.update(dict.fromkeys(services[key].frontends))
        lookup = current.frontends() if touched else {}
        for frontend in touched:
            target = lookup.get(frontend)
            if target != self._frontends.get(frontend):
                yield frontend, target

    def _place(self, frontend: Frontend, target: Target | None) -> tuple[Backend, ...]:
        """The backends in an order in which survivors stay where they were, if they can."""
        if target is None:
            return ()
        wanted = set(target.backends)
        old = self._places.get(frontend, ())[: len(target.backends)]
        kept = {backend for backend in old if backend in wanted}
        fresh = iter(backend for backend in target.backends if backend not in kept)
        order = [backend if backend in kept else next(fresh) for backend in old]
        return (*order, *fresh)

    def _forget_affinity(
        self,
        changes: Mapping[Frontend, Target | None],
        places: Mapping[Frontend, tuple[Backend, ...]],
        change: "_Change",
    ) -> None:
        """Let clients go whose backend is not where their affinity points."""
        moved: dict[Frontend, set[int]] = {}
        for frontend in changes:
            old = self._frontends.get(frontend)
            if old is None or not old.affinity_seconds:
                continue
            before, after = self._places.get(frontend, ()), places[frontend]
            indexes = {i for i, backend in enumerate(before) if after[i : i + 1] != (backend,)}
            if indexes:
                moved[frontend] = indexes
        if not moved:
            return
        for client, address, protocol, port, index in self._affinities():
            for ip in (address, ANY_NODE):
                if index in moved.get(Frontend(ip, protocol, port), ()):
                    change.line(
                        f"delete element {change.name} affinity"
                        f" {{ {client} . {address} . {protocol} . {port} }}"
                    )
                    break

    def _affinities(self) -> Iterator[tuple[str, str, str, int, int]]:
        for entry in self.nft.query(f"list map ip {self.slot.table} affinity"):
            for key, mark in entry.get("map", {}).get("elem", ()):
                parts = key.get("elem", {}).get("val", key) if isinstance(key, dict) else key
                client, address, protocol, port = parts["concat"]
                yield client, address, protocol, int(port), int(mark)

    def _commit(
        self,
        changes: Mapping[Frontend, Target | None],
        places: Mapping[Frontend, tuple[Backend, ...]],
    ) -> set[Backend]:
        """Remember what is in effect now; the UDP backends that no longer are."""
        gone: set[Backend] = set()
        for frontend, target in changes.items():
            if frontend.protocol == "udp":
                gone |= set(self._places.get(frontend, ())) - set(places[frontend])
            if target is None:
                self._frontends.pop(frontend, None)
                self._places.pop(frontend, None)
            else:
                self._frontends[frontend] = target
                self._places[frontend] = places[frontend]
        return gone


@attrs.define(eq=False)
class _Change:
    """The lines of one transaction."""

    table: str
    chains: set[str]
    lines: list[str] = attrs.field(factory=list)
    new_chains: set[str] = attrs.field(factory=set)

    @property
    def name(self) -> str:
        return f"ip {self.table}"

    def line(self, text: str) -> None:
        self.lines.append(text)

    def frontend(
        self,
        frontend: Frontend,
        old: Target | None,
        new: Target | None,
        *,
        before: tuple[Backend, ...],
        after: tuple[Backend, ...],
    ) -> None:
        """Bring one frontend from *old* to *new*, with backends in the places given."""
        is_port = frontend.ip == ANY_NODE
        key = f"{frontend.protocol} . {frontend.port}"
        key = key if is_port else f"{frontend.ip} . {key}"
        verdicts, endpoints = ("ports", "port_eps") if is_port else ("svc", "eps")
        refused = "port_none" if is_port else "none"
        was = self._verdict(old, len(before), is_port=is_port)
        now = self._verdict(new, len(after), is_port=is_port)
        if was != now and was:
            self._delete(verdicts, [key])
        for index, backend in enumerate(before):
            if after[index : index + 1] != (backend,):
                self._delete(endpoints, [f"{key} . {index}"])
        for index, backend in enumerate(after):
            if before[index : index + 1] != (backend,):
                self._add(endpoints, [f"{key} . {index} : {backend.ip} . {backend.port}"])
        if was != now and now:
            self._add(verdicts, [f"{key} : goto {now}"])
        if (old is not None and not was) != (new is not None and not now):
            (self._add if new is not None and not now else self._delete)(refused, [key])

    def hairpins(self, before: Counter[str], after: Counter[str]) -> None:
        """Let every backend reach itself through a service."""
        new = [ip for ip, count in after.items() if count > 0 and not before.get(ip)]
        gone = [ip for ip, count in before.items() if count > 0 and after[ip] <= 0]
        self._delete("hairpin", [f"{ip} . {ip}" for ip in gone])
        self._add("hairpin", [f"{ip} . {ip}" for ip in new])

    def nodes(self, before: Iterable[str], after: Iterable[str]) -> None:
        """Change the addresses at which node ports answer."""
        old, new = list(before), list(after)
        self._delete("nodes", [ip for ip in old if ip not in new])
        self._add("nodes", [ip for ip in new if ip not in old])

    def _verdict(self, target: Target | None, count: int, *, is_port: bool) -> str:
        """The chain that chooses one of *count* backends; made when it is first needed."""
        if target is None or not count:
            return ""
        seconds = target.affinity_seconds
        chain = f"{'p' if is_port else 'v'}{count}" + (f"_{seconds}" if seconds else "")
        if chain not in self.chains and chain not in self.new_chains:
            self.new_chains.add(chain)
            key, endpoints = (PORT_KEY, "port_eps") if is_port else (KEY, "eps")
            rules = [f"meta mark set numgen random mod {count}"]
            if seconds:
                rules.append(f"meta mark set {CLIENT_KEY} map @affinity")
                # Adding what is there does nothing, updating it also starts its time again.
                rules.append(f"update @affinity {{ {CLIENT_KEY} timeout {seconds}s : meta mark }}")
            rules.append("counter name services")
            rules.append(f"dnat ip to {key} . meta mark map @{endpoints}")
            # Before everything else: the elements of this transaction lead to it.
            self.lines[:0] = [
                f"add chain {self.name} {chain}",
                *(f"add rule {self.name} {chain} {rule}" for rule in rules),
            ]
        return chain

    def _add(self, where: str, elements: list[str]) -> None:
        if elements:
            self.lines.append(f"add element {self.name} {where} {{ {', '.join(elements)} }}")

    def _delete(self, where: str, keys: list[str]) -> None:
        if keys:
            self.lines.append(f"delete element {self.name} {where} {{ {', '.join(keys)} }}")


def remove_table(nft: Nft, table: str) -> None:
    """Remove *table*, whether or not it is there.

    Raises:
        NftError: nftables is not usable here.
    """
    nft.run(f"add table ip {table}\ndelete table ip {table}\n")
