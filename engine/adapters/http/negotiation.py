"""Which form of an answer a client wants: the object, a table or metadata only; JSON or YAML."""

from functools import lru_cache
from typing import Literal

import attrs

from engine.apiserver.errors import NotAcceptableError

Shape = Literal["", "Table", "PartialObjectMetadata", "PartialObjectMetadataList"]

_SHAPES: tuple[Shape, ...] = ("Table", "PartialObjectMetadata", "PartialObjectMetadataList")
_JSON = ("application/json", "*/*", "application/*", "")
_YAML = ("application/yaml",)


@attrs.frozen(cache_hash=True)
class Form:
    """The form of an answer."""

    shape: Shape = ""
    version: str = "v1"
    is_yaml: bool = False

    @property
    def content_type(self) -> str:
        """The answer's Content-Type."""
        return "application/yaml" if self.is_yaml else "application/json"


@lru_cache(maxsize=256)
def negotiate(accept: str) -> Form:
    """The first form in an Accept header that can be had.

    Raises:
        NotAcceptableError: none can.
    """
    for offer in accept.split(","):
        media_type, *rest = [part.strip() for part in offer.split(";")]
        parameters = dict(part.partition("=")[::2] for part in rest)
        is_yaml = media_type in _YAML
        if not is_yaml and media_type not in _JSON:
            continue
        wanted = parameters.get("as", "")
        if not wanted:
            return Form("", "v1", is_yaml)
        if wanted in _SHAPES and parameters.get("g", "meta.k8s.io") == "meta.k8s.io":
            version = parameters.get("v", "v1")
            if version in ("v1", "v1beta1"):
                return Form(wanted, version, is_yaml)
    raise NotAcceptableError(
        "only the following media types are accepted: application/json, application/yaml"
    )
