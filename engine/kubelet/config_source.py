"""ConfigMaps and Secrets that this node's pods refer to, each watched by name while it is used."""

from collections.abc import Callable, Iterator

import attrs

from engine.api.core import ConfigMap, Secret
from engine.api.pod import Pod
from engine.client.client import Client
from engine.client.informer import Informer

Reference = tuple[type[ConfigMap] | type[Secret], str, str]
"""Class, namespace and name."""

Named = tuple[type[ConfigMap] | type[Secret], str]


class MissingConfigError(Exception):
    """Something a container is configured with is not there; the text is the kubelet's."""


@attrs.define(eq=False)
class ConfigSource:
    """A cache of exactly the objects that pods refer to.

    *changed* is called with the uid of each pod that refers to an object that has changed.
    """

    client: Client
    changed: Callable[[str], None]
    _informers: dict[Reference, Informer[ConfigMap] | Informer[Secret]] = attrs.field(
        factory=dict, init=False
    )
    _users: dict[Reference, dict[str, bool]] = attrs.field(factory=dict, init=False)
    _wanted: dict[str, tuple[Reference, ...]] = attrs.field(factory=dict, init=False)

    def use(self, pod: Pod) -> None:
        """Keep what *pod* refers to current, until `release`."""
        uid = pod.metadata.uid
        if uid in self._wanted:
            return
        wanted = references(pod)
        self._wanted[uid] = wanted
        for reference in wanted:
            self._users.setdefault(reference, {})[uid] = True
            if reference not in self._informers:
                self._watch(reference)

    def release(self, uid: str) -> None:
        """That pod needs nothing any more."""
        for reference in self._wanted.pop(uid, ()):
            users = self._users[reference]
            users.pop(uid, None)
            if not users:
                del self._users[reference]
                self._informers.pop(reference).stop()

    def stop(self) -> None:
        """Watch nothing any more."""
        for informer in self._informers.values():
            informer.stop()
        self._informers.clear()
        self._users.clear()
        self._wanted.clear()

    def config_map(self, namespace: str, name: str) -> ConfigMap:
        """The ConfigMap.

        Raises:
            MissingConfigError: there is none.
        """
        found = self._get((ConfigMap, namespace, name))
        if not isinstance(found, ConfigMap):
            raise MissingConfigError(f'configmap "{name}" not found')
        return found

    def secret(self, namespace: str, name: str) -> Secret:
        """The Secret.

        Raises:
            MissingConfigError: there is none.
        """
        found = self._get((Secret, namespace, name))
        if not isinstance(found, Secret):
            raise MissingConfigError(f'secret "{name}" not found')
        return found

    def _get(self, reference: Reference) -> ConfigMap | Secret | None:
        informer = self._informers.get(reference)
        if informer is None:
            return None
        return informer.lister.get(reference[2], namespace=reference[1])

    def _watch(self, reference: Reference) -> None:
        cls, namespace, name = reference
        selector = f"metadata.name={name}"
        informer: Informer[ConfigMap] | Informer[Secret]
        if cls is ConfigMap:
            informer = Informer(self.client, ConfigMap, namespace, field_selector=selector)
            informer.add_handler(lambda _key, _old, _new: self._tell(reference))
        else:
            informer = Informer(self.client, Secret, namespace, field_selector=selector)
            informer.add_handler(lambda _key, _old, _new: self._tell(reference))
        self._informers[reference] = informer
        informer.start()

    def _tell(self, reference: Reference) -> None:
        for uid in tuple(self._users.get(reference, ())):
            self.changed(uid)


def references(pod: Pod) -> tuple[Reference, ...]:
    """The ConfigMaps and Secrets that *pod* names, each once, in order."""
    namespace = pod.metadata.namespace
    named = [*_of_containers(pod), *_of_volumes(pod)]
    named += [(Secret, secret.name) for secret in pod.spec.image_pull_secrets]
    return tuple(dict.fromkeys((cls, namespace, name) for cls, name in named if name))


def _of_containers(pod: Pod) -> Iterator[Named]:
    for container in (*pod.spec.init_containers, *pod.spec.containers):
        for source in container.env_from:
            yield ConfigMap, source.config_map_ref.name if source.config_map_ref else ""
            yield Secret, source.secret_ref.name if source.secret_ref else ""
        for variable in container.env:
            origin = variable.value_from
            if origin is not None:
                wanted = origin.config_map_key_ref
                yield ConfigMap, wanted.name if wanted else ""
                yield Secret, origin.secret_key_ref.name if origin.secret_key_ref else ""


def _of_volumes(pod: Pod) -> Iterator[Named]:
    for volume in pod.spec.volumes:
        yield ConfigMap, volume.config_map.name if volume.config_map else ""
        yield Secret, volume.secret.secret_name if volume.secret else ""
        for part in (volume.projected or {}).get("sources", ()):
            yield ConfigMap, part.get("configMap", {}).get("name", "")
            yield Secret, part.get("secret", {}).get("name", "")
