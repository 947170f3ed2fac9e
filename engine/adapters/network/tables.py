"""The nftables of a cluster as text: the one of all nodes, and those of nodes that stand still."""

import ipaddress
from collections.abc import Iterable

from engine.adapters.network.nft import Nft
from engine.adapters.network.slots import Slot
from engine.proxy.rules import NodeRules

ALL_NODE_NETWORKS = "10.64.0.0-10.75.255.255"
"""The node addresses of all slots: the node ports of another cluster are not ours."""

KEY = "ip daddr . meta l4proto . th dport"
PORT_KEY = "meta l4proto . th dport"
CLIENT_KEY = "ip saddr . ip daddr . meta l4proto . th dport"

_CONTENTS = """
  counter services {{ }}
  counter refused {{ }}
  map svc {{ type ipv4_addr . inet_proto . inet_service : verdict; }}
  map ports {{ type inet_proto . inet_service : verdict; }}
  map eps {{ type ipv4_addr . inet_proto . inet_service . mark : ipv4_addr . inet_service; }}
  map port_eps {{ type inet_proto . inet_service . mark : ipv4_addr . inet_service; }}
  map affinity {{
    type ipv4_addr . ipv4_addr . inet_proto . inet_service : mark;
    flags dynamic,timeout; timeout 3h; size 65536;
  }}
  set hairpin {{ type ipv4_addr . ipv4_addr; }}
  set none {{ type ipv4_addr . inet_proto . inet_service; }}
  set port_none {{ type inet_proto . inet_service; }}
  set own {{ type ipv4_addr; }}
  chain refuse {{
    counter name refused
    meta l4proto tcp reject with tcp reset
    reject with icmp port-unreachable
  }}
"""

_TABLE = (
    """
table ip {table} {{
  comment "Kubarium: services of one cluster"
  counter outside {{ }}
  set nodes {{ type ipv4_addr; }}
  set still {{ type ipv4_addr; flags interval; }}
  set still_nodes {{ type ipv4_addr; }}
"""
    + _CONTENTS
    + """
  chain dispatch {{
    ip daddr @own return
    ip daddr @still_nodes return
    ip saddr != @still {key} vmap @svc
    ip daddr @nodes {port_key} vmap @ports
    ip saddr != @still fib daddr type local ip daddr != {{ {node_networks} }} {port_key} vmap @ports
  }}
  chain pre {{ type nat hook prerouting priority -110; jump dispatch; }}
  chain out {{ type nat hook output priority -110; jump dispatch; }}
  chain post {{
    type nat hook postrouting priority srcnat - 10;
    ip saddr . ip daddr @hairpin ct status dnat masquerade
    ip saddr 127.0.0.0/8 ct status dnat {local_source}
    ip saddr {pods} ip daddr != {{ {cluster} }} fib daddr type != local \
      counter name outside masquerade
  }}
  chain guard {{
    ct state established,related return
    ip saddr @still return
    ip daddr @own return
    {key} @none goto refuse
    ip daddr {services} goto refuse
  }}
  chain guard_ports {{
    ct state established,related return
    ip daddr @still_nodes return
    ip daddr @own return
    ip saddr != @still {key} @none goto refuse
    ip daddr @nodes {port_key} @port_none goto refuse
    ip saddr != @still fib daddr type local ip daddr != {{ {node_networks} }} \
      {port_key} @port_none goto refuse
  }}
  chain forwarded {{ type filter hook forward priority filter - 10; jump guard; }}
  chain sent {{ type filter hook output priority filter - 10; jump guard; }}
  chain received {{ type filter hook input priority filter - 10; jump guard_ports; }}
  chain loopback {{
    type filter hook prerouting priority raw;
    iifname "{veth}*" ip daddr 127.0.0.0/8 drop
  }}
}}
"""
)

_NODE_TABLE = (
    """
table ip {table} {{
  comment "Kubarium: services as one node had them when its proxy stopped"
"""
    + _CONTENTS
    + """
  chain dispatch {{
    ip daddr @own return
    ip saddr {{ {sources} }} {key} vmap @svc
    ip daddr {address} {port_key} vmap @ports
    ip saddr {{ {sources} }} fib daddr type local ip daddr != {{ {node_networks} }} \
      {port_key} vmap @ports
  }}
  chain pre {{ type nat hook prerouting priority -110; jump dispatch; }}
  chain out {{ type nat hook output priority -110; jump dispatch; }}
  chain post {{
    type nat hook postrouting priority srcnat - 10;
    ip saddr . ip daddr @hairpin ct status dnat masquerade
  }}
  chain guard {{
    ct state established,related return
    ip daddr @own return
    ip daddr {address} {port_key} @port_none goto refuse
    ip saddr != {{ {sources} }} return
    {key} @none goto refuse
    ip daddr {services} goto refuse
  }}
  chain forwarded {{ type filter hook forward priority filter - 10; jump guard; }}
  chain sent {{ type filter hook output priority filter - 10; jump guard; }}
  chain received {{ type filter hook input priority filter - 10; jump guard; }}
}}
"""
)


def main_table(slot: Slot, local_source: str) -> str:
    """The empty table of all nodes.

    *local_source* is the source address of what this host sends to a node port on 127.0.0.1.
    """
    second = int(slot.service_cidr.split(".")[1])
    nodes = f"10.{second - 32}.0.0/16"
    return _TABLE.format(
        table=slot.table,
        key=KEY,
        port_key=PORT_KEY,
        node_networks=ALL_NODE_NETWORKS,
        local_source=f"snat to {local_source}" if local_source else "masquerade",
        pods=slot.pod_cidr,
        services=slot.service_cidr,
        cluster=f"{slot.pod_cidr}, {slot.service_cidr}, {nodes}",
        veth=slot.veth_prefix,
    )


def node_table(slot: Slot, rules: NodeRules, sources: str, *, own: Iterable[str]) -> str:
    """The empty table of a node that stands still; what *sources* send is the node's."""
    name = node_table_name(slot, rules)
    text = _NODE_TABLE.format(
        table=name,
        key=KEY,
        port_key=PORT_KEY,
        node_networks=ALL_NODE_NETWORKS,
        sources=sources,
        address=rules.address,
        services=slot.service_cidr,
    )
    answered = ", ".join(own)
    return text + (f"add element ip {name} own {{ {answered} }}\n" if answered else "")


def node_table_name(slot: Slot, rules: NodeRules) -> str:
    """The table of a node that stands still."""
    return f"{slot.table}_still_{rules.address.replace('.', '_')}"


def node_sources(slot: Slot, rules: NodeRules, *, is_head: bool) -> str:
    """Whose packets a node handles: its pods', and as the host itself all that no pod sends."""
    if not is_head:
        return rules.pod_cidr
    pods = ipaddress.ip_network(slot.pod_cidr)
    below, above = pods.network_address - 1, pods.broadcast_address + 1
    return f"{rules.pod_cidr}, 0.0.0.0-{below}, {above}-255.255.255.255"


def table_names(nft: Nft, prefix: str) -> list[str]:
    """The tables there are whose names begin so."""
    found = (entry.get("table") or {} for entry in nft.query("list tables ip"))
    return [table["name"] for table in found if table.get("name", "").startswith(prefix)]
