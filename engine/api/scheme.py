"""The scheme: which kind is which class is which resource.

Kinds the engine acts on have a class of their own in this package. All others get one here that
types their metadata and carries the rest, so that they too can be stored and served faithfully.
"""

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import attrs

from engine.api.kinds import TYPED
from engine.api.meta import ApiObject
from engine.api.resources import rows

_VERBS = (
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "update",
    "watch",
)


@attrs.frozen(kw_only=True, cache_hash=True)
class Resource:
    """One resource as discovery shows it, and the class of its objects.

    Attributes:
        stored_as: apiVersion and kind in which the objects are stored, if that is another one:
            then this is a view of those. None for most resources.
        custom: what the API server knows of a custom resource (its schema and so on); None for the
            resources of Kubernetes itself.
    """

    group: str
    version: str
    kind: str
    plural: str
    singular: str
    short_names: tuple[str, ...] = ()
    namespaced: bool = False
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = _VERBS
    subresources: tuple[str, ...] = ()
    cls: type[ApiObject] = ApiObject
    stored_as: tuple[str, str] | None = None
    custom: Any = attrs.field(default=None, eq=False, repr=False)

    @property
    def api_version(self) -> str:
        """``apps/v1``, or ``v1`` for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """``deployments.apps``, or ``pods`` for the core group."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


@functools.cache
def make_kind(api_version: str, kind: str) -> type[ApiObject]:
    """The class of a kind whose fields are only carried (in `extra`); the same for each call."""
    namespace: dict[str, Any] = {
        "__doc__": f"{kind} of {api_version}: stored and served, not read by the engine.",
        "__module__": __name__,
        "__qualname__": kind,
        "API_VERSION": api_version,
        "KIND": kind,
    }
    return attrs.frozen(kw_only=True)(type(kind, (ApiObject,), namespace))


@attrs.define(eq=False)
class Scheme:
    """All resources, looked up by class, kind, or any name kubectl users type."""

    _by_class: dict[type[ApiObject], Resource] = attrs.field(factory=dict, init=False)
    _by_kind: dict[tuple[str, str], Resource] = attrs.field(factory=dict, init=False)
    _by_path: dict[tuple[str, str, str], Resource] = attrs.field(factory=dict, init=False)
    generation: int = attrs.field(default=0, init=False)
    """How often it has changed: what is made from a scheme is good for one generation."""
    _followers: list[Callable[[], object]] = attrs.field(factory=list, init=False)

    def add(self, resource: Resource) -> None:
        """Serve *resource* from now on; one of the same kind is replaced."""
        self._by_class[resource.cls] = resource
        self._by_kind[resource.api_version, resource.kind] = resource
        self._by_path[resource.group, resource.version, resource.plural] = resource
        self._changed()

    def remove(self, resource: Resource) -> None:
        """Serve *resource* no longer."""
        self._by_class.pop(resource.cls, None)
        self._by_kind.pop((resource.api_version, resource.kind), None)
        self._by_path.pop((resource.group, resource.version, resource.plural), None)
        self._changed()

    def follow(self, follower: Callable[[], object]) -> None:
        """Have *follower* called after every change."""
        self._followers.append(follower)

    def _changed(self) -> None:
        self.generation += 1
        for follower in self._followers:
            follower()

    def resource_of(self, cls: type[ApiObject]) -> Resource:
        """The resource whose objects are instances of *cls*.

        Raises:
            KeyError: *cls* is not registered.
        """
        return self._by_class[cls]

    def class_for(self, api_version: str, kind: str) -> type[ApiObject] | None:
        """The class of a kind, or None if it is not known."""
        resource = self._by_kind.get((api_version, kind))
        return resource.cls if resource else None

    def by_path(self, group: str, version: str, plural: str) -> Resource | None:
        """The resource served under that group, version and plural name, or None."""
        return self._by_path.get((group, version, plural))

    def find(self, name: str) -> Resource | None:
        """The resource a user means by *name*: plural, singular, short name or kind, any case.

        A group may follow after a dot (``deployments.apps``). The core group wins a tie.
        """
        wanted = name.lower()
        word, _, group = wanted.partition(".")
        for resource in self:
            names = (resource.plural, resource.singular, *resource.short_names)
            if word in names and (not group or resource.group.startswith(group)):
                return resource
        return None

    def copy(self) -> "Scheme":
        """A scheme of its own with the same resources and classes."""
        other = Scheme()
        for resource in self:
            other.add(resource)
        return other

    def __iter__(self) -> Iterator[Resource]:
        return iter(tuple(self._by_kind.values()))


def _subresources(kind: str, flags: str) -> tuple[str, ...]:
    found = (("status",) if "s" in flags else ()) + (("scale",) if "c" in flags else ())
    return found + _OTHER_SUBRESOURCES.get(kind, ())


_FEWER_VERBS = {
    "ComponentStatus": ("get", "list"),
    "Decision": ("get", "list"),
    "Invariant": ("get", "list"),
    "NodeMetrics": ("get", "list"),
    "PodMetrics": ("get", "list"),
    "UsageSeries": ("get", "list"),
    "Namespace": tuple(verb for verb in _VERBS if verb != "deletecollection"),
}

_STORED_AS = {
    ("autoscaling/v1", "HorizontalPodAutoscaler"): ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("events.k8s.io/v1", "Event"): ("v1", "Event"),
}

_OTHER_SUBRESOURCES = {
    "Pod": (
        "attach",
        "binding",
        "ephemeralcontainers",
        "eviction",
        "exec",
        "log",
        "portforward",
        "proxy",
        "resize",
    ),
    "Service": ("proxy",),
    "Node": ("proxy",),
    "Namespace": ("finalize",),
    "ServiceAccount": ("token",),
    "CertificateSigningRequest": ("approval",),
}


def make_scheme(typed: Iterable[type[ApiObject]] = TYPED) -> Scheme:
    """A scheme with every resource of Kubernetes, using the classes *typed* where there is one."""
    classes = {(cls.API_VERSION, cls.KIND): cls for cls in typed}
    scheme = Scheme()
    for api_version, kind, plural, short_names, flags in rows():
        group, _, version = api_version.rpartition("/")
        is_review = "r" in flags
        scheme.add(
            Resource(
                group=group,
                version=version,
                kind=kind,
                plural=plural,
                singular=kind.lower(),
                short_names=short_names,
                namespaced="n" in flags,
                categories=("all",)
                if "a" in flags
                else ("api-extensions",)
                if "x" in flags
                else (),
                verbs=("create",) if is_review else _FEWER_VERBS.get(kind, _VERBS),
                subresources=() if is_review else _subresources(kind, flags),
                cls=classes.get((api_version, kind)) or make_kind(api_version, kind),
                stored_as=_STORED_AS.get((api_version, kind)),
            )
        )
    return scheme


SCHEME = make_scheme()
"""The resources of Kubernetes itself. A cluster with kinds of its own makes its own scheme."""
