"""DefaultIngressClass: an ingress that names no class gets the default one.

Source: plugin/pkg/admission/network/defaultingressclass, kubernetes v1.34.
"""

from typing import Any

import attrs

from engine.api.networking import Ingress, IngressClass
from engine.api.scheme import SCHEME
from engine.apiserver.admission.attributes import Attributes, objects_in
from engine.apiserver.admission.storage import newest
from engine.apiserver.storage import ObjectStorage

IS_DEFAULT = "ingressclass.kubernetes.io/is-default-class"

_OLD_CLASS = "kubernetes.io/ingress.class"
_CLASSES = SCHEME.resource_of(IngressClass)


class DefaultIngressClass:
    """Fills in the class of an ingress."""

    kinds = (Ingress,)

    def admit(self, attributes: Attributes, storage: ObjectStorage) -> Any:
        """The ingress with a class, if there is a default; of several the newest."""
        ingress = attributes.obj
        if not attributes.is_creation_of(Ingress):
            return ingress
        spec = ingress.spec
        if spec.ingress_class_name is not None or _OLD_CLASS in ingress.metadata.annotations:
            return ingress
        marked = [
            item
            for item in objects_in(storage, _CLASSES)
            if item.metadata.annotations.get(IS_DEFAULT) == "true"
        ]
        if not marked:
            return ingress
        name = newest(marked).metadata.name
        return attrs.evolve(ingress, spec=attrs.evolve(spec, ingress_class_name=name))
