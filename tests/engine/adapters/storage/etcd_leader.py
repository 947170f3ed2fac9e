"""Leads a store in etcd and writes without end; prints each revision that is durable.

Run as a script with etcd's port, to be killed. Revision N puts N under the key N modulo 50.
"""

import queue
import sys
import threading
from collections.abc import Callable
from functools import partial

from engine.adapters.storage.etcd import EtcdLog
from engine.adapters.storage.etcd_election import Election
from engine.adapters.storage.etcd_gateway import parse_address
from engine.kernel.loop import Loop
from engine.store.log import BYTES
from engine.store.watchable_store import Store


def main(port: str) -> None:
    """Write until killed."""
    address = parse_address(f"etcd://127.0.0.1:{port}")
    election = Election(address, b"/kubarium/leader", "child", ttl=2)
    election.campaign(threading.Event(), interval=0.2)
    posted: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
    store: Store[bytes] = Store(Loop(), EtcdLog(address, BYTES, posted.put, election))
    while True:
        revision = store.revision + 1
        store.put(b"key/%02d" % (revision % 50), b"%d" % revision)
        store.on_durable(revision, partial(print, revision, flush=True))
        if revision % 40 == 0:
            store.compact(revision - 20)
            store.loop.run_for(0.0)
        while store.revision - store.durable_revision > 20:
            posted.get()()


if __name__ == "__main__":
    main(sys.argv[1])
