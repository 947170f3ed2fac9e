"""Keeps the scheme in step with the CustomResourceDefinitions in the store.

Reads the store alone, so that a server which resumes, or follows another, serves the same.
"""

from collections.abc import Callable
from typing import Any

import attrs

from engine.api.frozen import EMPTY
from engine.api.meta import ApiObject
from engine.api.scheme import Resource, Scheme, make_kind
from engine.apiserver.customresources.definition_validation import is_condition_true
from engine.apiserver.customresources.version import CustomVersion, schema_of
from engine.apiserver.keys import prefix_of
from engine.store.kv import prefix_end
from engine.store.watchable_store import Store
from engine.store.watcher import WatchBatch

GROUP, VERSION, PLURAL = "apiextensions.k8s.io", "v1", "customresourcedefinitions"

_VERBS = ("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch")


@attrs.define(eq=False)
class CustomResources:
    """The custom resources of one server.

    Promises:
        * what is established is served, in every version that says so, until its definition goes;
        * objects keep their class over a change of their definition.
    """

    store: Store[Any]
    scheme: Scheme
    on_removed: Callable[[type[ApiObject]], object] | None = None
    _served: dict[str, tuple[Resource, ...]] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        definitions = self.scheme.by_path(GROUP, VERSION, PLURAL)
        if definitions is None:
            return
        prefix = prefix_of(definitions)
        for kv in self.store.range(prefix, prefix_end(prefix)).kvs:
            self._serve(kv.value)
        self.store.watch(
            prefix, prefix_end(prefix), deliver=self._on_batch, prev_kv=True, name="apiserver"
        )

    def _on_batch(self, batch: WatchBatch[Any]) -> None:
        for change in batch.changes:
            if change.type == "put":
                self._serve(change.kv.value)
            elif change.prev_kv is not None:
                self._replace(change.prev_kv.value.metadata.name, ())

    def _serve(self, crd: Any) -> None:
        wanted = resources_of(crd) if is_condition_true(crd, "Established") else ()
        self._replace(crd.metadata.name, wanted)

    def _replace(self, name: str, wanted: tuple[Resource, ...]) -> None:
        former = self._served.pop(name, ())
        kept = {resource.cls for resource in wanted}
        for resource in former:
            if resource.cls not in kept:
                self.scheme.remove(resource)
                if self.on_removed is not None:
                    self.on_removed(resource.cls)
        for resource in wanted:
            self.scheme.add(resource)
        if wanted:
            self._served[name] = wanted


def resources_of(crd: Any) -> tuple[Resource, ...]:
    """The resources of a definition, one for each served version."""
    spec, status = crd.extra.get("spec", EMPTY), crd.extra.get("status") or EMPTY
    names = status.get("acceptedNames") or spec.get("names", EMPTY)
    group, kind = str(spec.get("group", "")), str(names.get("kind", ""))
    versions = spec.get("versions") or ()
    stored = next((one["name"] for one in versions if one.get("storage")), "")
    served = [one for one in versions if one.get("served")]
    # Whoever looks at every object once looks at it in the version in which it is stored.
    main = stored if any(one["name"] == stored for one in served) else ""
    main = main or (served[0]["name"] if served else "")
    return tuple(
        _resource(crd, group, kind, names, one, stored=stored, is_main=one["name"] == main)
        for one in served
    )


def _resource(
    crd: Any, group: str, kind: str, names: Any, entry: Any, *, stored: str, is_main: bool
) -> Resource:
    spec = crd.extra["spec"]
    api_version = f"{group}/{entry['name']}"
    subresources = entry.get("subresources") or EMPTY
    custom = CustomVersion(
        kind=kind,
        api_version=api_version,
        schema=schema_of(entry, keeps_unknown=bool(spec.get("preserveUnknownFields"))),
        entry=entry,
        stored_class=make_kind(f"{group}/{stored}", kind),
        is_terminating=crd.metadata.deletion_timestamp is not None,
    )
    return Resource(
        group=group,
        version=str(entry["name"]),
        kind=kind,
        plural=str(names.get("plural", "")),
        singular=str(names.get("singular", "")),
        short_names=tuple(names.get("shortNames") or ()),
        namespaced=spec.get("scope") == "Namespaced",
        categories=tuple(names.get("categories") or ()),
        verbs=_VERBS,
        subresources=tuple(name for name in ("status", "scale") if name in subresources),
        cls=make_kind(api_version, kind),
        stored_as=None if is_main else (f"{group}/{stored}", kind),
        custom=custom,
    )
