"""Requests of the cluster's own parts, which come over no connection, as the audit log has them."""

from collections.abc import Callable
from typing import Any, TypeVar

import attrs

from engine.api.codec import encode
from engine.api.meta import ApiObject
from engine.apiserver.audit import AuditRecord
from engine.apiserver.authorization.access import Access
from engine.apiserver.errors import ApiError
from engine.apiserver.request import ObjectList

R = TypeVar("R")

Tell = Callable[[AuditRecord, str], None]
_BODIES = ("Request", "RequestResponse")


@attrs.define(eq=False, repr=False)
class OwnTrail:
    """Follows one such request; *tell* writes down what is known at a stage."""

    record: AuditRecord
    tell: Tell
    enter: Callable[[AuditRecord | None], AuditRecord | None]

    def run(self, call: Callable[[], R]) -> R:
        """Carry it out under its record."""
        record = self.record
        earlier = self.enter(record)
        try:
            result = call()
        except ApiError as error:
            self.refused(error)
            raise
        finally:
            self.enter(earlier)
        assert record.access is not None
        if record.access.verb == "watch":
            record.code = 200
            self.tell(record, "ResponseStarted")
            return result
        record.code = 201 if record.access.verb == "create" else 200
        if record.level == "RequestResponse":
            record.answered = wire_form(result)
        self.tell(record, "ResponseComplete")
        return result

    def refused(self, error: ApiError) -> None:
        """Note the refusal."""
        self.record.code = error.code
        self.record.answered = error.status()
        self.tell(self.record, "ResponseComplete")


def uri_of(access: Access, version: str) -> str:
    """The path that the same request would have over HTTP."""
    root = f"/apis/{access.group}/{version}" if access.group else f"/api/{version}"
    parts = [root]
    if access.namespace and access.resource != "namespaces":
        parts += ["namespaces", access.namespace]
    is_one = access.verb not in ("list", "watch", "deletecollection")
    parts += [access.resource]
    if access.name and is_one and (access.verb != "create" or access.subresource):
        parts += [access.name]
    if access.subresource:
        parts += [access.subresource]
    query = [f"fieldSelector={access.fields}"] if access.fields else []
    if access.verb == "watch":
        query.append("watch=true")
    return "/".join(parts) + ("?" + "&".join(query) if query else "")


def sent_form(value: Any, level: str) -> Any:
    """What was sent, if *level* asks for bodies."""
    return wire_form(value) if level in _BODIES else None


def wire_form(value: Any) -> Any:
    """*value* as JSON would have it; None for what no client sees."""
    if isinstance(value, ApiObject):
        return encode(value)
    if isinstance(value, ObjectList):
        return {
            "kind": "List",
            "apiVersion": "v1",
            "metadata": {"resourceVersion": str(value.revision)},
            "items": [encode(item) for item in value.items],
        }
    return value if isinstance(value, dict | list) else None
