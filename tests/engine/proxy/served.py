"""An API server in memory, for tests of what follows it."""

import attrs

from engine.api.core import Namespace
from engine.api.meta import ObjectMeta
from engine.apiserver.server import ApiServer
from engine.client.client import Client
from engine.client.informer import InformerFactory
from engine.client.link import Link
from engine.kernel.loop import Loop
from engine.kernel.rng import RandomStreams
from engine.store.watchable_store import Store


@attrs.define(eq=False, repr=False)
class Served:
    """Loop, server, an administrator's client, and informers over a link of their own."""

    loop: Loop = attrs.field(factory=lambda: Loop(now=1_000_000.0))
    admin: Client = attrs.field(init=False)
    link: Link = attrs.field(init=False)
    informers: InformerFactory = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        server = ApiServer(loop=self.loop, store=Store(self.loop), random=RandomStreams(1))
        self.admin = Client(server, Link(self.loop, "admin"), user="admin")
        self.link = Link(self.loop, "proxy")
        self.informers = InformerFactory(Client(server, self.link, user="proxy"))
        self.admin.create(Namespace(metadata=ObjectMeta(name="default")))
