"""DefaultTolerationSeconds: pods stay 300 s on a node that is not ready or unreachable.

Source: plugin/pkg/admission/defaulttolerationseconds, kubernetes v1.34.
"""

from typing import Any

from engine.api.container import Toleration
from engine.api.evolution import evolve
from engine.api.pod import Pod
from engine.apiserver.admission.attributes import Attributes
from engine.apiserver.storage import ObjectStorage

_ADDED = tuple(
    Toleration(key=key, operator="Exists", effect="NoExecute", toleration_seconds=300)
    for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
)


class DefaultTolerationSeconds:
    """Adds the two tolerations where the pod does not already say how long it stays."""

    kinds = (Pod,)

    def admit(self, attributes: Attributes, storage: ObjectStorage) -> Any:
        """The pod with both tolerations."""
        del storage
        obj = attributes.obj
        if not isinstance(obj, Pod) or attributes.subresource or attributes.operation == "DELETE":
            return obj
        present = obj.spec.tolerations
        missing = tuple(
            toleration
            for toleration in _ADDED
            if not any(
                given.key in (toleration.key, "") and given.effect in ("NoExecute", "")
                for given in present
            )
        )
        if not missing:
            return obj
        spec = evolve(obj.spec, tolerations=(*present, *missing))
        return evolve(obj, spec=spec)
