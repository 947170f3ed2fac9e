"""Pods that a node runs by itself, from manifests of its own, and their mirrors in the API.

A mirror shows a static pod to everybody and takes its status; deleting it ends nothing: it comes
back, unless the Node object is gone: then none is made until there is one again, and the pods run.
Source: kubelet config/file.go and kubelet.go (tryReconcileMirrorPods), kubernetes v1.34.
"""

import hashlib
from collections.abc import Callable, Iterable
from typing import Protocol

import attrs

from engine.api.codec import encode_json
from engine.api.frozen import FrozenDict
from engine.api.meta import OwnerReference
from engine.api.node import Node
from engine.api.pod import Pod, PodStatus
from engine.apiserver.errors import ApiError, NotFoundError
from engine.client.client import Client
from engine.kernel.loop import Loop, Timer

SOURCE = "kubernetes.io/config.source"
HASH = "kubernetes.io/config.hash"
MIRROR = "kubernetes.io/config.mirror"
RETRY_SECONDS = 2.0


class Workers(Protocol):
    """Who runs pods."""

    def update(self, old: Pod | None, new: Pod) -> None:
        """The pod is new or has changed."""
        ...

    def remove(self, pod: Pod) -> None:
        """The pod must go."""
        ...

    def is_known(self, uid: str) -> bool:
        """Whether something of that pod is still here."""
        ...


@attrs.define(eq=False, kw_only=True)
class StaticPods:
    """The static pods of one node.

    Promises:
        * a manifest that changed is a new pod, which starts when the old one has ended;
        * a mirror that is missing, outdated or being deleted is replaced within seconds, while
          there is a Node object that can own it.
    """

    loop: Loop
    client: Client
    node_name: str
    workers: Workers
    node: Callable[[], Node | None]
    status_changed: Callable[[str], None]
    _wanted: dict[str, Pod] = attrs.field(factory=dict, init=False)
    _running: dict[str, Pod] = attrs.field(factory=dict, init=False)
    _mirrors: dict[str, Pod] = attrs.field(factory=dict, init=False)
    _timer: Timer | None = attrs.field(default=None, init=False)

    def replace(self, pods: Iterable[Pod]) -> None:
        """Run exactly *pods* from now on, as the manifests have them."""
        made = (static_pod(pod, self.node_name) for pod in pods)
        self._wanted = {full_name(pod): pod for pod in made}
        self._sync()

    def stop(self) -> None:
        """Do nothing more; containers go on."""
        if self._timer is not None:
            self._timer.cancel()

    def mirror_changed(self, old: Pod | None, new: Pod | None) -> bool:
        """Take note of a pod of the API; False if it is no mirror."""
        pod = new or old
        if pod is None or MIRROR not in pod.metadata.annotations:
            return False
        if new is None:
            self._mirrors.pop(full_name(pod), None)
        else:
            self._mirrors[full_name(new)] = new
        self._soon(0.0)
        return True

    def node_changed(self, _key: str, old: Node | None, new: Node | None) -> None:
        """Show the pods of a node that the API knows from now on."""
        if old is None and new is not None and self._wanted:
            self._soon(0.0)

    def target_of(self, pod: Pod) -> Pod | None:
        """The object that takes the status of *pod*: its mirror if it is static, else itself."""
        if not is_static(pod):
            return pod
        mirror = self._mirrors.get(full_name(pod))
        if mirror is None or mirror.metadata.annotations.get(MIRROR) != pod.metadata.uid:
            return None
        return mirror

    def uid_of(self, pod: Pod) -> str:
        """Under which uid the containers of *pod* run: of the static pod that a mirror shows."""
        return pod.metadata.annotations.get(MIRROR) or pod.metadata.uid

    def _soon(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_later(seconds, self._sync)

    def _sync(self) -> None:
        is_settled = True
        for name, pod in list(self._running.items()):
            wanted = self._wanted.get(name)
            if wanted is None or wanted.metadata.uid != pod.metadata.uid:
                if self.workers.is_known(pod.metadata.uid):
                    self.workers.remove(pod)
                    is_settled = False
                else:
                    del self._running[name]
        for name, pod in self._wanted.items():
            if name not in self._running:
                self._running[name] = pod
                self.workers.update(None, pod)
        try:
            self._sync_mirrors()
        except ApiError:
            is_settled = False
        if not is_settled:
            self._soon(RETRY_SECONDS)

    def _sync_mirrors(self) -> None:
        for name, mirror in list(self._mirrors.items()):
            wanted = self._wanted.get(name)
            is_current = (
                wanted is not None
                and mirror.metadata.deletion_timestamp is None
                and mirror.metadata.annotations.get(MIRROR) == wanted.metadata.uid
            )
            if not is_current:
                meta = mirror.metadata
                try:
                    self.client.delete(
                        Pod,
                        meta.name,
                        namespace=meta.namespace,
                        grace_period_seconds=0,
                        uid=meta.uid,
                    )
                except NotFoundError:
                    self._mirrors.pop(name, None)
        node = self.node()
        if node is None or node.metadata.deletion_timestamp is not None:
            return
        for name, pod in self._wanted.items():
            if name not in self._mirrors:
                self._mirrors[name] = self.client.create(mirror_of(pod, node))
                self.status_changed(pod.metadata.uid)


def static_pod(pod: Pod, node_name: str) -> Pod:
    """*pod* of a manifest as it runs on that node: named after it, its hash as uid."""
    meta = pod.metadata
    digest = hashlib.md5(encode_json(pod) + node_name.encode(), usedforsecurity=False).hexdigest()
    annotations = meta.annotations.with_items({SOURCE: "file", HASH: digest})
    return attrs.evolve(
        pod,
        metadata=attrs.evolve(
            meta,
            name=f"{meta.name}-{node_name}",
            namespace=meta.namespace or "default",
            uid=digest,
            annotations=annotations,
        ),
        spec=attrs.evolve(pod.spec, node_name=node_name),
        status=PodStatus(),
    )


def mirror_of(pod: Pod, node: Node) -> Pod:
    """What is shown of the static *pod* in the API, owned by its *node*."""
    meta = pod.metadata
    owner = OwnerReference(
        api_version="v1",
        kind="Node",
        name=node.metadata.name,
        uid=node.metadata.uid,
        controller=True,
    )
    annotations: FrozenDict[str, str] = meta.annotations.with_items({MIRROR: meta.uid})
    shown = attrs.evolve(meta, uid="", annotations=annotations, owner_references=(owner,))
    return attrs.evolve(pod, metadata=shown)


def is_static(pod: Pod) -> bool:
    """Whether the pod comes from a manifest of its node."""
    annotations = pod.metadata.annotations
    return annotations.get(SOURCE, "api") != "api" and MIRROR not in annotations


def full_name(pod: Pod) -> str:
    """Namespace and name."""
    return f"{pod.metadata.namespace}/{pod.metadata.name}"
