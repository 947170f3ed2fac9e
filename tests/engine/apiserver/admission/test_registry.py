"""Which plugins a write meets."""

from typing import Any

import attrs

from engine.api.core import ConfigMap
from engine.api.meta import ObjectMeta
from engine.api.pod import Pod
from engine.api.scheme import SCHEME
from engine.apiserver.admission.attributes import Attributes
from engine.apiserver.admission.registry import Admission
from engine.apiserver.request import RequestInfo
from engine.apiserver.server import ApiServer
from engine.apiserver.storage import ObjectStorage


@attrs.define
class Seen:
    """A check that notes what it is shown."""

    kinds: tuple[type, ...]
    kind_names: list[str] = attrs.field(factory=list)

    def check(self, attributes: Attributes, storage: ObjectStorage) -> None:
        """Let everything pass."""
        del storage
        self.kind_names.append(attributes.obj.KIND)

    def settle(self, attributes: Attributes, storage: ObjectStorage) -> None:
        """Note it once more."""
        self.check(attributes, storage)


def test_a_write_meets_those_that_look_at_its_kind(
    server: ApiServer, request_info: RequestInfo
) -> None:
    """Objects of other kinds pass by it; ``object`` stands for all kinds."""
    pods, everything = Seen((Pod,)), Seen((object,))
    admission = Admission(checks=(pods, everything))
    written: tuple[Any, ...] = (Pod, ConfigMap)

    for cls in written:
        attributes = Attributes(
            operation="CREATE",
            resource=SCHEME.resource_of(cls),
            obj=cls(metadata=ObjectMeta(name="x", namespace="default")),
            request=request_info,
        )
        admission.check(attributes, server.storage)
        admission.settle(attributes, server.storage)

    assert pods.kind_names == ["Pod", "Pod"]
    assert everything.kind_names == ["Pod", "Pod", "ConfigMap", "ConfigMap"]
