"""Writes the audit log: one line of JSON for each event, appended to a file."""

import gzip
import logging
import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import attrs
import orjson
import yaml
from aiohttp import web

from engine.adapters.http.own_requests import OwnTrail, sent_form, uri_of
from engine.adapters.http.request import ApiRequest
from engine.adapters.http.routes import Target
from engine.apiserver.audit import DEFAULT_POLICY, AuditRecord, Policy, read_policy
from engine.apiserver.authentication.user import UserInfo
from engine.apiserver.authorization.access import Access, Decision
from engine.errors import ConfigError
from engine.kernel.clock import Clock

log = logging.getLogger(__name__)

_RECORD = "kubarium.audit"
_ALLOWED = Decision(is_allowed=True)


@attrs.define(eq=False, repr=False)
class AuditLog:
    """Follows requests through the server and says of each what *policy* asks for.

    A disk that takes no more lines loses lines, never requests.
    """

    policy: Policy
    file: BinaryIO
    clock: Clock
    explain: Callable[[Access], Decision] | None = None
    """Says whether something is allowed, and by what; None where everything is."""
    # The request that is carried out now: what is annotated is about it.
    _current: AuditRecord | None = attrs.field(default=None, init=False)

    def begin(self, http: web.BaseRequest) -> None:
        """A request has come."""
        http[_RECORD] = AuditRecord(
            audit_id=http.headers.get("Audit-ID", "") or str(uuid.uuid4()),
            uri=http.path_qs,
            agent=http.headers.get("User-Agent", ""),
            sources=(http.remote,) if http.remote else (),
            received=self.clock.now,
        )

    def identified(
        self,
        http: web.BaseRequest,
        target: Target | None,
        user: UserInfo,
        access: Access,
    ) -> None:
        """It is known who asks for what; *access* is in the name of whom it is done."""
        record = http[_RECORD]
        record.access = access
        record.user = user
        record.version = target.resource.version if target is not None else ""
        if access.user != user.name:
            record.impersonated = UserInfo(name=access.user, groups=access.groups)
        record.level, record.omitted = self.policy.of(access)
        self._tell(record, "RequestReceived")
        self._decide(record)

    def read(self, http: web.BaseRequest, request: ApiRequest) -> None:
        """Its body has come."""
        record = self._current = http[_RECORD]
        if record.level in ("Request", "RequestResponse"):
            record.sent = _json(request.body, request.content_type)

    def answered(self, http: web.BaseRequest, response: web.StreamResponse | None) -> None:
        """It has its answer; None if the client went away before."""
        record = http[_RECORD]
        if record.access is None or record.level == "None":
            return
        record.code = 0 if response is None else response.status
        is_wanted = record.level == "RequestResponse" or record.code >= 400
        if is_wanted and isinstance(response, web.Response) and isinstance(response.body, bytes):
            body = response.body
            if response.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            record.answered = _json(body, response.content_type)
        self._tell(record, "ResponseComplete")

    def started(self, http: web.BaseRequest) -> None:
        """It is answered by a stream, whose end may be far."""
        record = http[_RECORD]
        record.code = 200
        self._tell(record, "ResponseStarted")

    def begin_own(self, access: Access, *, version: str, actor: str, sent: Any) -> OwnTrail | None:
        """A part of the cluster asks for *access*; None if the policy is not interested."""
        level, omitted = self.policy.of(access)
        if level == "None":
            return None
        record = AuditRecord(
            audit_id=str(uuid.uuid4()),
            uri=uri_of(access, version),
            agent=actor,
            sources=("127.0.0.1",),
            received=self.clock.now,
            access=access,
            version=version,
            user=UserInfo(name=access.user, groups=access.groups),
            level=level,
            omitted=omitted,
            sent=sent_form(sent, level),
        )
        self._tell(record, "RequestReceived")
        self._decide(record)
        return OwnTrail(record, self._tell, self._enter)

    def annotate(self, key: str, value: str) -> None:
        """Say *value* with the request that is carried out now."""
        if self._current is not None:
            self._current.annotations[key] = value

    def _enter(self, record: AuditRecord | None) -> AuditRecord | None:
        """Carry out *record* from now on; the answer is what was before."""
        earlier, self._current = self._current, record
        return earlier

    def _decide(self, record: AuditRecord) -> None:
        """Note what is decided about *record*, which is about to be."""
        if record.level == "None" or record.access is None:
            return
        decision = _ALLOWED if self.explain is None else self.explain(record.access)
        record.decision = "allow" if decision.is_allowed else "forbid"
        record.reason = decision.reason

    def close(self) -> None:
        """Write nothing more."""
        self.file.close()

    def _tell(self, record: AuditRecord, stage: str) -> None:
        if record.level == "None" or stage in record.omitted:
            return
        try:
            self.file.write(orjson.dumps(record.event(stage, self.clock.now)) + b"\n")
            self.file.flush()
        except OSError as error:
            log.warning("audit event lost id=%s reason=%s", record.audit_id, error)


def open_audit_log(path: Path, policy_file: Path | None, clock: Clock) -> AuditLog:
    """The log at *path*, which only its owner reads, by the policy in *policy_file* or our own.

    Raises:
        ConfigError: the policy is wrong, or the log cannot be written.
    """
    policy = DEFAULT_POLICY
    if policy_file is not None:
        policy = _load_policy(policy_file)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError as error:
        raise ConfigError(f"the audit log {path} cannot be written: {error.strerror}") from error
    return AuditLog(policy, os.fdopen(descriptor, "ab"), clock)


def _load_policy(path: Path) -> Policy:
    try:
        return read_policy(yaml.safe_load(path.read_text(encoding="utf-8")), str(path))
    except OSError as error:
        raise ConfigError(f"the audit policy {path} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"the audit policy {path} is no YAML: {error}") from error


def _json(body: bytes, content_type: str) -> Any:
    """A body as JSON; a mark for what is none, None for nothing."""
    if not body:
        return None
    try:
        if "yaml" in content_type:
            return yaml.safe_load(body)
        return orjson.loads(body)
    except (ValueError, yaml.YAMLError):
        return {"kind": "Unknown", "apiVersion": "v1", "contentType": content_type}
