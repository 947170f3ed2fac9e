"""A cache lives as long as somebody wants it."""

import gc
import weakref

from engine.api.core import ConfigMap
from engine.client.informer import Informer
from engine.cluster import Cluster
from engine.config import ClusterConfig, make_nodes


def test_a_stopped_informer_is_held_by_nobody() -> None:
    """Kubelets watch each ConfigMap for as long as a pod uses it: one may come and go per pod."""
    cluster = Cluster(config=ClusterConfig(nodes=make_nodes(1)))
    cluster.start()
    client = cluster.admin
    informer = Informer(client, ConfigMap, "default", field_selector="metadata.name=a")
    informer.start()
    cluster.run_for(1.0)
    held = weakref.ref(informer)

    informer.stop()
    del informer
    gc.collect()

    assert held() is None
    cluster.stop()


def test_an_informer_that_starts_again_hears_once_and_goes_on() -> None:
    """Stopping twice is once, and after it a cut of the link concerns others."""
    cluster = Cluster(config=ClusterConfig(nodes=make_nodes(1)))
    cluster.start()
    client = cluster.admin
    informer = Informer(client, ConfigMap)
    informer.start()
    informer.stop()
    informer.stop()

    informer.start()
    client.link.cut()
    client.link.heal()
    cluster.run_for(5.0)

    assert informer.has_synced
    assert informer.lister.list()
    cluster.stop()
