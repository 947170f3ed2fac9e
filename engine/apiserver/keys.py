"""Where objects are in the store: ``/registry/GROUP/PLURAL/NAMESPACE/NAME``."""

from functools import lru_cache
from typing import Any

from engine.api.pod import Pod
from engine.api.scheme import Resource
from engine.apiserver.fields import equal_to
from engine.store.kv import prefix_end

ROOT = b"/registry/"


@lru_cache(maxsize=4096)
def prefix_of(resource: Resource, namespace: str = "") -> bytes:
    """What the keys of all objects of *resource* (in *namespace*, if given) begin with."""
    group = resource.group
    if resource.stored_as is not None:
        group = resource.stored_as[0].rpartition("/")[0]
    path = f"/registry/{group or 'core'}/{resource.plural}/"
    return (path + namespace + "/" if namespace else path).encode()


def key_of(resource: Resource, namespace: str, name: str) -> bytes:
    """The key of one object; *namespace* is empty for what belongs to the cluster."""
    return prefix_of(resource, namespace if resource.namespaced else "") + name.encode()


def span_of(resource: Resource, namespace: str, field_selector: str) -> tuple[bytes, bytes | None]:
    """The range of keys that holds all selected objects: one key if the selector says the name.

    A thousand kubelets that watch a node each are then no cost to one another.
    """
    if not resource.namespaced:
        namespace = ""
    if field_selector and (namespace or not resource.namespaced):
        name = equal_to(field_selector, "metadata.name")
        if name:
            return key_of(resource, namespace, name), None
    prefix = prefix_of(resource, namespace)
    return prefix, prefix_end(prefix)


def index_of(_key: bytes, value: Any) -> str | None:
    """The store's index entry of an object: a pod is found by its node."""
    return value.spec.node_name if isinstance(value, Pod) else None
