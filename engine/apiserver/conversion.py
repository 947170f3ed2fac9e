"""One object in several versions: how it is stored, and how a resource shows it.

Source: pkg/apis/autoscaling/v1 and pkg/apis/core conversions, kubernetes v1.34; custom resources
have the strategy None, which changes the version alone.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from engine.api.codec import decode_as, encode_thawed
from engine.api.meta import ApiObject
from engine.api.scheme import SCHEME, Resource, Scheme
from engine.apiserver import autoscaling_conversion, event_conversion

View = Callable[[Any], Any]

_CONVERSIONS: dict[tuple[str, str], Callable[[dict[str, Any]], dict[str, Any]]] = {
    ("v1/Event", "events.k8s.io/v1/Event"): event_conversion.to_events,
    ("events.k8s.io/v1/Event", "v1/Event"): event_conversion.to_core,
    (
        "autoscaling/v2/HorizontalPodAutoscaler",
        "autoscaling/v1/HorizontalPodAutoscaler",
    ): autoscaling_conversion.to_v1,
    (
        "autoscaling/v1/HorizontalPodAutoscaler",
        "autoscaling/v2/HorizontalPodAutoscaler",
    ): autoscaling_conversion.to_v2,
}


def view_of(resource: Resource) -> View | None:
    """What makes a stored object one of *resource*; None if it is one already."""
    if resource.custom is not None:
        view: View = resource.custom.view
        return view
    return _viewer(resource) if resource.stored_as is not None else None


def stored(resource: Resource, obj: Any) -> Any:
    """*obj* of *resource* as it is stored."""
    if resource.custom is not None:
        cls = resource.custom.stored_class
        return obj if type(obj) is cls else cls(metadata=obj.metadata, extra=obj.extra)
    if resource.stored_as is None:
        return obj
    return converted(obj, _stored_class(resource.stored_as))


def converted(obj: ApiObject, cls: type[ApiObject]) -> Any:
    """*obj* as an object of another version, the class *cls*."""
    if type(obj) is cls:
        return obj
    name = (_name(type(obj)), _name(cls))
    value = _CONVERSIONS[name](encode_thawed(obj))
    value |= {"apiVersion": cls.API_VERSION, "kind": cls.KIND}
    return decode_as(cls, value)


def written_as(resource: Resource, scheme: Scheme) -> Resource:
    """The resource whose rules hold for a write of *resource*: that of the stored version.

    A custom resource is written by the rules of the version in which it comes.
    """
    if resource.stored_as is None or resource.custom is not None:
        return resource
    return scheme.resource_of(_stored_class(resource.stored_as))


def as_written(resource: Resource, written: Resource, obj: Any) -> Any:
    """*obj* of *resource* as the resource *written* has it."""
    return obj if written is resource else converted(obj, written.cls)


def as_view(resource: Resource, written: Resource, obj: Any) -> Any:
    """*obj* of the resource *written* as *resource* shows it; None stays None."""
    return obj if written is resource or obj is None else converted(obj, resource.cls)


@lru_cache(maxsize=64)
def _viewer(resource: Resource) -> View:
    return lambda obj: converted(obj, resource.cls)


@lru_cache(maxsize=64)
def _stored_class(stored_as: tuple[str, str]) -> type[ApiObject]:
    cls = SCHEME.class_for(*stored_as)
    assert cls is not None, f"{stored_as} is a kind of Kubernetes"
    return cls


def _name(cls: type[ApiObject]) -> str:
    return f"{cls.API_VERSION}/{cls.KIND}"
