"""The cluster as a scenario's claims see it: always asked afresh, through one client."""

from collections.abc import Callable, Iterable
from typing import Any

import attrs

from engine.api.codec import decode, encode
from engine.api.core import Service
from engine.api.events import Event
from engine.api.kubarium import Fault
from engine.api.metrics import NodeMetrics, PodMetrics
from engine.api.pod import Pod
from engine.api.quantity import parse_int, parse_millis
from engine.apiserver.errors import ApiError, NotFoundError
from engine.client.client import Client
from engine.scenario.actions import find_resource
from engine.scenario.checks import HttpAnswer, look_up
from engine.scenario.schema import ScenarioError

ReadLog = Callable[[str, str, str, Callable[[str], None]], None]
"""Reads the log of a container (namespace, pod, container) and calls back with its text."""

Resolve = Callable[[str], tuple[str, ...]]
"""The addresses of a name in the cluster's DNS."""

Violations = Callable[[str], tuple[str, ...]]
"""How an invariant was broken so far, each in words."""

Fetch = Callable[[str, Callable[[HttpAnswer], None]], None]
"""Gets ``http://host:port/path`` and calls back with the answer, in a step of the loop."""


@attrs.define
class _Reading:
    """Logs that are being read: of how many pods, and what has come."""

    count: int
    texts: list[str] = attrs.field(factory=list)


@attrs.define(eq=False, repr=False)
class ClusterView:
    """Looks objects up, asks services over HTTP through *fetch*, and the host for the rest."""

    client: Client
    fetch: Fetch
    read_log: ReadLog = lambda _namespace, _pod, _container, done: done("")
    resolve: Resolve = lambda _name: ()
    broken: Violations = lambda _invariant: ()
    _logs: dict[tuple[str, str], "_Reading"] = attrs.field(factory=dict, init=False)
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

    def dns(self, name: str) -> tuple[str, ...]:
        """The addresses of a name; none if it does not resolve."""
        return self.resolve(name)

    def log(self, reference: str, container: str, namespace: str) -> str | None:
        """The log of a pod or of a workload's pods, once; None while it is read."""
        reading = self._logs.get((reference, container))
        if reading is None:
            pods = self._pods_of(reference, namespace)
            reading = self._logs[(reference, container)] = _Reading(len(pods))
            for pod in pods:
                self.read_log(namespace, pod, container, reading.texts.append)
        if len(reading.texts) < reading.count:
            return None
        del self._logs[(reference, container)]
        return "\n".join(reading.texts)

    def _pods_of(self, reference: str, namespace: str) -> list[str]:
        resource, name = find_resource(reference)
        if resource.cls is Pod:
            return [name] if self.find(reference, namespace) is not None else []
        found = self.find(reference, namespace)
        labels = look_up(found, "spec.selector.matchLabels") or {}
        selector = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
        if not selector:
            return []
        pods = self.client.list(Pod, namespace=namespace, label_selector=selector).items
        return [pod.metadata.name for pod in pods if pod.status.phase in ("Running", "Succeeded")]

    def usage(self, reference: str, resource: str, namespace: str) -> str | None:
        """The cpu or memory that a pod or node uses, as a quantity; None if not measured."""
        kind, _, name = reference.partition("/")
        cls = NodeMetrics if kind.startswith("node") else PodMetrics
        try:
            found = encode(
                self.client.get(cls, name, namespace="" if cls is NodeMetrics else namespace)
            )
        except ApiError:
            return None
        if cls is NodeMetrics:
            used = look_up(found, f"usage.{resource}")
            return None if used is None else str(used)
        parts = [look_up(item, f"usage.{resource}") for item in found.get("containers", ())]
        if not parts:
            return None
        if resource == "cpu":
            return f"{sum(parse_millis(str(part)) for part in parts)}m"
        return str(sum(parse_int(str(part)) for part in parts))

    def violations(self, invariant: str) -> tuple[str, ...]:
        """How the invariant was broken so far, each in words."""
        return self.broken(invariant)

    def may(self, user: str, access: str, namespace: str) -> bool:
        """Whether *user* may do *access* (``list pods``), as the API server's authorizer says."""
        verb, _, what = access.partition(" ")
        plural, _, sub = what.partition("/")
        name, _, group = plural.partition(".")
        resource = self.client.server.scheme.find(plural) or self.client.server.scheme.find(name)
        if resource is not None:
            name, group = resource.plural, group or resource.group
            namespace = namespace if resource.namespaced else ""
        asked = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {
                "user": user,
                "groups": ["system:authenticated", *_account_groups(user)],
                "resourceAttributes": {
                    "verb": verb,
                    "group": group,
                    "resource": name,
                    "subresource": sub,
                    "namespace": namespace,
                },
            },
        }
        return bool(look_up(encode(self.client.create(decode(asked))), "status.allowed"))

    def _url(self, target: str, namespace: str) -> str | None:
        if target.startswith(("http://", "https://")):
            return target
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


def _account_groups(user: str) -> tuple[str, ...]:
    """The groups that a service account is in by its name."""
    words = user.split(":")
    if words[:2] != ["system", "serviceaccount"] or len(words) != 4:
        return ()
    return ("system:serviceaccounts", f"system:serviceaccounts:{words[2]}")
