"""Says which storage drivers a node has, and how many volumes of each it takes.

Source: pkg/volume/csi/nodeinfomanager, kubernetes v1.34.
"""

import attrs

from engine.api.meta import ObjectMeta, OwnerReference
from engine.api.node import Node
from engine.api.storage import CSINode, CSINodeDriver, CSINodeSpec, VolumeNodeResources
from engine.apiserver.errors import AlreadyExistsError
from engine.client.client import Client
from engine.cri.storage import DRIVERS


def csi_node_of(node: Node) -> CSINode:
    """The CSINode of *node*: our drivers, with the topology its labels give them."""
    owner = OwnerReference(
        api_version=Node.API_VERSION,
        kind=Node.KIND,
        name=node.metadata.name,
        uid=node.metadata.uid,
    )
    drivers = tuple(
        CSINodeDriver(
            name=driver.name,
            node_id=node.metadata.name,
            topology_keys=(driver.topology,) if driver.topology in node.metadata.labels else (),
            allocatable=VolumeNodeResources(count=driver.node_limit) if driver.node_limit else None,
        )
        for driver in sorted(DRIVERS.values(), key=lambda one: one.name)
    )
    meta = ObjectMeta(name=node.metadata.name, owner_references=(owner,))
    return CSINode(metadata=meta, spec=CSINodeSpec(drivers=drivers))


def publish_csi_node(client: Client, node: Node) -> None:
    """Create the node's CSINode, or add the drivers that are missing.

    Raises:
        ApiError: it could not be written.
    """
    wanted = csi_node_of(node)
    try:
        client.create(wanted)
    except AlreadyExistsError:
        found = client.get(CSINode, node.metadata.name)
        known = {driver.name for driver in found.spec.drivers}
        missing = tuple(one for one in wanted.spec.drivers if one.name not in known)
        if missing:
            spec = attrs.evolve(found.spec, drivers=(*found.spec.drivers, *missing))
            client.update(attrs.evolve(found, spec=spec))
