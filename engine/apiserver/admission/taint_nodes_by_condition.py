"""TaintNodesByCondition: a new node takes no pods until it has been seen ready.

Source: plugin/pkg/admission/nodetaint, kubernetes v1.34.
"""

from typing import Any

import attrs

from engine.api.node import Node, Taint
from engine.apiserver.admission.attributes import Attributes
from engine.apiserver.storage import ObjectStorage

_NOT_READY = Taint(key="node.kubernetes.io/not-ready", effect="NoSchedule")


class TaintNodesByCondition:
    """Taints new nodes not-ready; node lifecycle takes the taint away."""

    kinds = (Node,)

    def admit(self, attributes: Attributes, storage: ObjectStorage) -> Any:
        """The node with the taint."""
        del storage
        node = attributes.obj
        if not isinstance(node, Node) or attributes.operation != "CREATE" or attributes.subresource:
            return node
        taints = node.spec.taints
        if any(taint.key == _NOT_READY.key and taint.effect == "NoSchedule" for taint in taints):
            return node
        spec = attrs.evolve(node.spec, taints=(*taints, _NOT_READY))
        return attrs.evolve(node, spec=spec)
