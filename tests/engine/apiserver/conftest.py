"""An API server over an empty store, with the namespace default."""

import pytest

from engine.api.core import Namespace
from engine.api.meta import ObjectMeta
from engine.apiserver.keys import index_of
from engine.apiserver.request import RequestInfo
from engine.apiserver.server import ApiServer
from engine.kernel.loop import Loop
from engine.kernel.rng import RandomStreams
from engine.store.watchable_store import Store

REQUEST = RequestInfo(user="tester", actor="tests")


@pytest.fixture
def request_info() -> RequestInfo:
    """Who asks."""
    return REQUEST


@pytest.fixture
def server() -> ApiServer:
    """The server, at a fixed time."""
    loop = Loop(now=1_700_000_000.5)
    made = ApiServer(loop, Store(loop, index_of=index_of), RandomStreams(7))
    made.create(Namespace(metadata=ObjectMeta(name="default")), request=REQUEST)
    return made
