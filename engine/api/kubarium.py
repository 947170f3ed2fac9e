"""kubarium.dev/v1: our own kinds. A Fault is an object, so every client can make one."""

from typing import ClassVar

import attrs

from engine.api.frozen import EMPTY, FrozenDict
from engine.api.meta import ApiObject, LabelSelector
from engine.api.wire import Json, Time, wire


@attrs.frozen(kw_only=True)
class FaultTarget:
    """What a fault hits: nodes or pods by name, or pods of a selector, or a component by name.

    *mode* is one, all, fixed, fixed-percent or random-max-percent, with its number in *value*.
    """

    nodes: tuple[str, ...] = ()
    pods: tuple[str, ...] = ()
    namespace: str = ""
    selector: LabelSelector | None = None
    component: str = ""
    mode: str = ""
    value: int = 0
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class FaultSpec:
    """Which lever to pull on what, how, and for how many seconds (None: until deleted)."""

    type: str = ""
    target: FaultTarget = FaultTarget()
    params: FrozenDict[str, Json] = EMPTY
    duration_seconds: float | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class FaultStatus:
    """Active, Recovered or Failed; what was hit, in words, and when."""

    phase: str = ""
    message: str = ""
    touched: tuple[str, ...] = ()
    started_at: Time | None = None
    ended_at: Time | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class Fault(ApiObject):
    """One thing broken on purpose, for a time."""

    API_VERSION: ClassVar[str] = "kubarium.dev/v1"
    KIND: ClassVar[str] = "Fault"

    spec: FaultSpec = FaultSpec()
    status: FaultStatus = wire(always=True, default=FaultStatus())


@attrs.frozen(kw_only=True)
class Decision(ApiObject):
    """The scheduler's last attempt at the pod of the same name. Worked out, not stored.

    *spec* names the pod and who schedules it; *status* says how it ended and, when one Decision is
    read by name, what every filter and score said of every node.
    """

    API_VERSION: ClassVar[str] = "kubarium.dev/v1"
    KIND: ClassVar[str] = "Decision"

    spec: FrozenDict[str, Json] = EMPTY
    status: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class WhatIf(ApiObject):
    """A question: where would a pod go if nodes were otherwise? Nothing is changed by asking.

    *spec* has the name of the ``pod`` and a list of ``changes``; *status* holds the answer.
    """

    API_VERSION: ClassVar[str] = "kubarium.dev/v1"
    KIND: ClassVar[str] = "WhatIf"

    spec: FrozenDict[str, Json] = EMPTY
    status: FrozenDict[str, Json] = EMPTY
