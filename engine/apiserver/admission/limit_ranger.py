"""LimitRanger: what pods get that ask for nothing, and how much they may ask for.

Source: plugin/pkg/admission/limitranger, kubernetes v1.34.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import attrs

from engine.api import quantity
from engine.api.container import Container
from engine.api.frozen import EMPTY
from engine.api.persistent import PersistentVolumeClaim
from engine.api.pod import Pod
from engine.api.quota import LimitRange, LimitRangeItem
from engine.api.scheme import SCHEME
from engine.api.usage import format_amount, total
from engine.apiserver.admission.attributes import Attributes, objects_in
from engine.apiserver.storage import ObjectStorage

_ANNOTATION = "kubernetes.io/limit-ranger"
_RANGES = SCHEME.resource_of(LimitRange)


class LimitRanger:
    """Applies the limit ranges of a namespace to its pods and claims."""

    kinds = (Pod, PersistentVolumeClaim)

    def admit(self, attributes: Attributes, storage: ObjectStorage) -> Any:
        """The pod with its default requests and limits."""
        pod = attributes.obj
        if not attributes.is_creation_of(Pod):
            return pod
        for item in _items(storage, pod.metadata.namespace, "Container"):
            pod = _with_defaults(pod, item)
        return pod

    def check(self, attributes: Attributes, storage: ObjectStorage) -> None:
        """Refuse what is out of bounds."""
        obj = attributes.obj
        if attributes.is_creation_of(Pod) or attributes.subresource == "resize":
            faults = _pod_faults(obj, storage)
        elif attributes.is_write_of(PersistentVolumeClaim):
            asked = obj.spec.resources.requests
            faults = [
                fault
                for item in _items(storage, obj.metadata.namespace, "PersistentVolumeClaim")
                for fault in _faults(item, _parsed(asked), {})
            ]
        else:
            return
        if faults:
            said = faults[0] if len(faults) == 1 else "[" + ", ".join(faults) + "]"
            raise attributes.forbidden(said)

    def settle(self, attributes: Attributes, storage: ObjectStorage) -> None:
        """Nothing to note."""


def _items(storage: ObjectStorage, namespace: str, type_: str) -> list[LimitRangeItem]:
    return [
        item
        for found in objects_in(storage, _RANGES, namespace)
        for item in found.spec.limits
        if item.type == type_
    ]


def _parsed(amounts: Mapping[str, str]) -> dict[str, Decimal]:
    return {name: quantity.parse(text) for name, text in amounts.items()}


# --- defaults ---


def _with_defaults(pod: Pod, item: LimitRangeItem) -> Pod:
    said: list[str] = []
    spec = attrs.evolve(
        pod.spec,
        containers=_filled(pod.spec.containers, item, "container", said),
        init_containers=_filled(pod.spec.init_containers, item, "init container", said),
    )
    if not said:
        return pod
    note = "LimitRanger plugin set: " + "; ".join(said)
    annotations = pod.metadata.annotations.with_items({_ANNOTATION: note})
    return attrs.evolve(
        pod, spec=spec, metadata=attrs.evolve(pod.metadata, annotations=annotations)
    )


def _filled(
    containers: tuple[Container, ...], item: LimitRangeItem, what: str, said: list[str]
) -> tuple[Container, ...]:
    filled = []
    for container in containers:
        resources = container.resources
        requests = _missing(item.default_request, resources.requests)
        limits = _missing(item.default, resources.limits)
        if requests:
            said.append(f"{', '.join(sorted(requests))} request for {what} {container.name}")
        if limits:
            said.append(f"{', '.join(sorted(limits))} limit for {what} {container.name}")
        if requests or limits:
            resources = attrs.evolve(
                resources,
                requests=resources.requests.with_items(requests),
                limits=resources.limits.with_items(limits),
            )
            container = attrs.evolve(container, resources=resources)  # noqa: PLW2901 - as it goes on
        filled.append(container)
    return tuple(filled)


def _missing(defaults: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in defaults.items() if name not in given}


# --- bounds ---


def _pod_faults(pod: Pod, storage: ObjectStorage) -> list[str]:
    faults: list[str] = []
    spec = pod.spec
    for found in objects_in(storage, _RANGES, pod.metadata.namespace):
        for item in found.spec.limits:
            if item.type == "Container":
                for container in (*spec.containers, *spec.init_containers):
                    resources = container.resources
                    faults += _faults(item, _parsed(resources.requests), _parsed(resources.limits))
            elif item.type == "Pod":
                requests = total(spec, lambda container: container.resources.requests, EMPTY)
                limits = total(spec, lambda container: container.resources.limits, EMPTY)
                faults += _faults(item, requests, limits)
    return faults


def _faults(
    item: LimitRangeItem, requests: Mapping[str, Decimal], limits: Mapping[str, Decimal]
) -> list[str]:
    faults: list[str] = []
    is_claim = item.type == "PersistentVolumeClaim"
    for name, text in item.min.items():
        start = f"minimum {name} usage per {item.type} is {text}"
        faults += _below(start, quantity.parse(text), requests.get(name), limits.get(name))
    for name, text in item.max.items():
        start = f"maximum {name} usage per {item.type} is {text}"
        limit = requests.get(name) if is_claim else limits.get(name)
        request = requests.get(name)
        if limit is None:
            faults.append(f"{start}.  No limit is specified")
        elif is_claim and limit > quantity.parse(text):
            faults.append(f"{start}, but request is {format_amount(name, limit)}")
        elif not is_claim and limit > quantity.parse(text):
            faults.append(f"{start}, but limit is {format_amount(name, limit)}")
        elif request is not None and request > quantity.parse(text):
            faults.append(f"{start}, but request is {format_amount(name, request)}")
    for name, text in item.max_limit_request_ratio.items():
        faults += _ratio(item, name, text, requests.get(name), limits.get(name))
    return faults


def _below(start: str, least: Decimal, request: Decimal | None, limit: Decimal | None) -> list[str]:
    name = start.split()[1]
    if request is None:
        return [f"{start}.  No request is specified"]
    if request < least:
        return [f"{start}, but request is {format_amount(name, request)}"]
    if limit is not None and limit < least:
        return [f"{start}, but limit is {format_amount(name, limit)}"]
    return []


def _ratio(
    item: LimitRangeItem, name: str, text: str, request: Decimal | None, limit: Decimal | None
) -> list[str]:
    start = f"{name} max limit to request ratio per {item.type} is {text}"
    if not request:
        return [f"{start}, but no request is specified or request is 0"]
    if not limit:
        return [f"{start}, but no limit is specified or limit is 0"]
    ratio = limit / request
    if ratio > quantity.parse(text):
        return [f"{start}, but provided ratio is {float(ratio):.6f}"]
    return []
