"""The admission plugins, in the order they run."""

from typing import Any

import attrs

from engine.apiserver.admission.attributes import Attributes, Plugin
from engine.apiserver.admission.default_toleration_seconds import DefaultTolerationSeconds
from engine.apiserver.admission.namespace_lifecycle import NamespaceLifecycle
from engine.apiserver.admission.priority import Priority
from engine.apiserver.admission.service_account import ServiceAccountDefaulting
from engine.apiserver.admission.taint_nodes_by_condition import TaintNodesByCondition
from engine.apiserver.storage import ObjectStorage

ADMISSION: dict[str, Plugin] = {
    "NamespaceLifecycle": NamespaceLifecycle(),
    "ServiceAccount": ServiceAccountDefaulting(),
    "TaintNodesByCondition": TaintNodesByCondition(),
    "Priority": Priority(),
    "DefaultTolerationSeconds": DefaultTolerationSeconds(),
}


@attrs.frozen
class Admission:
    """Runs the plugins, one after the other."""

    plugins: tuple[Plugin, ...] = tuple(ADMISSION.values())

    def admit(self, attributes: Attributes, storage: ObjectStorage) -> Any:
        """The object after all plugins.

        Raises:
            ApiError: one of them refuses the write.
        """
        for plugin in self.plugins:
            obj = plugin.admit(attributes, storage)
            if obj is not attributes.obj:
                attributes = attrs.evolve(attributes, obj=obj)
        return attributes.obj
