"""ConfigMap and Secret: data, and the promise not to change it any more."""

import base64
import binascii
import json
import re
from typing import Any

import attrs

from engine.apiserver.errors import Cause
from engine.apiserver.strategy import Surroundings, WithoutStatus
from engine.apiserver.validation import forbidden, invalid, required

_KEY = re.compile(r"[-._a-zA-Z0-9]+")
_CONFIGS = {
    "kubernetes.io/dockercfg": ".dockercfg",
    "kubernetes.io/dockerconfigjson": ".dockerconfigjson",
}
_KEYS = {
    **{kind: (key,) for kind, key in _CONFIGS.items()},
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
}
_LIMIT = 1024 * 1024

_NOT_A_KEY = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. "
    "'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)


class DataStrategy(WithoutStatus):
    """ConfigMaps, and what Secrets share with them."""

    def validate(self, obj: Any) -> list[Cause]:
        """Keys must be file names, and all of it at most 1 MiB."""
        causes = []
        size = 0
        binary = getattr(obj, "binary_data", {})
        for field, data in (("data", obj.data), ("binaryData", binary)):
            for key, value in data.items():
                size += len(value)
                if not _KEY.fullmatch(key) or key in (".", ".."):
                    causes.append(invalid(f"{field}[{key}]", key, _NOT_A_KEY))
        causes += [
            invalid(f"data[{key}]", key, f"duplicate of key present in binaryData: {key}")
            for key in binary
            if key in obj.data
        ]
        if size > _LIMIT:
            message = f"Too long: may not be more than {_LIMIT} bytes"
            causes.append(Cause(field="data", message=message, reason="FieldValueTooLong"))
        return causes

    def validate_update(self, new: Any, old: Any) -> list[Cause]:
        """What says it is immutable stays as it is."""
        if not old.immutable:
            return []
        causes = []
        if not new.immutable:
            causes.append(forbidden("immutable", "field is immutable when `immutable` is set"))
        for attribute, field in (("data", "data"), ("binary_data", "binaryData")):
            if getattr(new, attribute, None) != getattr(old, attribute, None):
                causes.append(forbidden(field, "field is immutable when `immutable` is set"))
        return causes


class SecretStrategy(DataStrategy):
    """Secrets: ``stringData`` becomes data, the type is fixed."""

    def prepare_for_create(self, obj: Any, around: Surroundings) -> Any:
        """*obj* with its plain texts encoded."""
        del around
        return _encoded(obj)

    def prepare_for_update(self, new: Any, old: Any, around: Surroundings) -> Any:
        """*new* with its plain texts encoded, and the old type if it names none."""
        del around
        new = _encoded(new)
        return new if new.type else attrs.evolve(new, type=old.type)

    def default(self, obj: Any) -> Any:
        """Opaque, if no type is given."""
        return obj if obj.type else attrs.evolve(obj, type="Opaque")

    def validate(self, obj: Any) -> list[Cause]:
        """Values are base64."""
        causes = super().validate(obj)
        for key, value in obj.data.items():
            try:
                base64.b64decode(value, validate=False)
            except (binascii.Error, ValueError):
                message = "must be base64"
                causes.append(Cause(field=f"data[{key}]", message=f"Invalid value: {message}"))
        return causes + _of_type(obj)

    def validate_update(self, new: Any, old: Any) -> list[Cause]:
        """The type says what the keys are, so it stays."""
        causes = super().validate_update(new, old)
        if new.type != old.type:
            causes.append(invalid("type", new.type, "field is immutable"))
        return causes


def _of_type(secret: Any) -> list[Cause]:
    """What a secret of its type must hold.

    Source: ValidateSecret of pkg/apis/core/validation, kubernetes v1.34.
    """
    missing = [
        required(f"data[{key}]") for key in _KEYS.get(secret.type, ()) if key not in secret.data
    ]
    if secret.type == "kubernetes.io/basic-auth" and not {"username", "password"} & {*secret.data}:
        missing = [required("data[username]"), required("data[password]")]
    if secret.type == "kubernetes.io/service-account-token":
        name = "kubernetes.io/service-account.name"
        if not secret.metadata.annotations.get(name):
            missing = [required(f"metadata.annotations[{name}]")]
    for kind, key in _CONFIGS.items():
        if secret.type == kind and key in secret.data:
            try:
                json.loads(base64.b64decode(secret.data[key]))
            except ValueError as error:
                message = f'Invalid value: "<secret contents redacted>": {error}'
                missing.append(Cause(field=f"data[{key}]", message=message))
    return missing


def _encoded(secret: Any) -> Any:
    texts = secret.extra.get("stringData")
    if not texts:
        return secret
    encoded = {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()}
    return attrs.evolve(
        secret, data=secret.data.with_items(encoded), extra=secret.extra.without("stringData")
    )
