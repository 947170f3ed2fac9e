"""kubarium.dev/v1 Load: requests to send to a service, as an object every client can make."""

from typing import ClassVar

import attrs

from engine.api.frozen import EMPTY, FrozenDict
from engine.api.meta import ApiObject
from engine.api.wire import Json, wire


@attrs.frozen(kw_only=True)
class LoadSpec:
    """Which service to ask for what, how often, and for how long.

    *pattern* is constant, ramp (from *rate* to *peak* over the duration), spike (*peak* in the
    middle fifth) or sine (between both, every *period_seconds*). A *rate* of 0 sends as fast as
    *concurrency* connections can. Without *duration_seconds* it goes on until it is deleted.
    *cpu_millis* is what a request costs a simulated container, in thousandths of a CPU second.
    """

    service: str = ""
    port: int = 80
    path: str = "/"
    pattern: str = "constant"
    rate: float = 50.0
    peak: float | None = None
    period_seconds: float | None = None
    duration_seconds: float | None = None
    concurrency: int = 32
    timeout_seconds: float = 5.0
    cpu_millis: float = 5.0
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class Load(ApiObject):
    """Traffic to a service of the same namespace.

    *status* has ``phase`` (Running, Done or Failed), ``message``, counts, latencies in milliseconds
    in all and per endpoint, errors by reason and a short history, written once a second.
    """

    API_VERSION: ClassVar[str] = "kubarium.dev/v1"
    KIND: ClassVar[str] = "Load"

    spec: LoadSpec = LoadSpec()
    status: FrozenDict[str, Json] = wire(always=True, default=EMPTY)
