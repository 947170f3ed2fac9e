"""The cluster as a scenario's claims see it: always asked afresh, through one client."""

from collections.abc import Callable, Iterable
from typing import Any

import attrs

from engine.api.codec import encode
from engine.api.core import Service
from engine.api.events import Event
from engine.api.kubarium import Fault
from engine.apiserver.errors import ApiError, NotFoundError
from engine.client.client import Client
from engine.scenario.actions import find_resource
from engine.scenario.checks import HttpAnswer
from engine.scenario.schema import ScenarioError

Fetch = Callable[[str, Callable[[HttpAnswer], None]], None]
"""Gets ``http://host:port/path`` and calls back with the answer, in a step of the loop."""


@attrs.define(eq=False, repr=False)
class ClusterView:
    """Looks objects up, and asks services over HTTP through *fetch*."""

    client: Client
    fetch: Fetch
    _answers: dict[str, HttpAnswer | None] = attrs.field(factory=dict, init=False)

    def find(self, reference: str, namespace: str) -> dict[str, Any] | None:
        """The object ``kind/name`` in wire form, or None."""
        resource, name = find_resource(reference)
        try:
            obj = self.client.get(
                resource.cls, name, namespace=namespace if resource.namespaced else ""
            )
        except NotFoundError:
            return None
        return encode(obj)

    def events(self) -> Iterable[dict[str, Any]]:
        """All Events in wire form."""
        return [encode(event) for event in self.client.list(Event).items]

    def active_faults(self) -> int:
        """How many faults are in force."""
        faults = self.client.list(Fault).items
        return sum(fault.status.phase == "Active" for fault in faults)

    def http(self, target: str, namespace: str) -> HttpAnswer | None:
        """The answer of ``service/name:port/path``, once; None while it is under way."""
        url = self._url(target, namespace)
        if url is None:
            return HttpAnswer(status=0, body=f"there is no service for {target}")
        if url not in self._answers:
            self._answers[url] = None
            self.fetch(url, lambda found: self._answers.__setitem__(url, found))
        answer = self._answers[url]
        if answer is not None:
            del self._answers[url]
        return answer

    def _url(self, target: str, namespace: str) -> str | None:
        rest = target.removeprefix("service/")
        if rest == target:
            msg = f'http: "{target}" is not of the form service/name:port/path'
            raise ScenarioError(msg)
        authority, _, path = rest.partition("/")
        name, _, port = authority.partition(":")
        try:
            service = self.client.get(Service, name, namespace=namespace)
        except ApiError:
            return None
        return f"http://{service.spec.cluster_ip}:{port or 80}/{path}"
