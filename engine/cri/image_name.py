"""Names of images as manifests give them: what is a name at all, and what a short one stands for.

Source: distribution/reference, as kubelet and containerd read names, kubernetes v1.34.
"""

import re

_DOMAIN = r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)"
_HOST = rf"(?:{_DOMAIN}(?:\.{_DOMAIN})*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?"
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?:{_HOST}/)?{_COMPONENT}(?:/{_COMPONENT})*"
    r"(?::[\w][\w.-]{0,127})?"
    r"(?:@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?"
)
_IDENTIFIER = re.compile(r"[0-9a-f]{64}")


def full_name(image: str) -> str:
    """*image* with the registry and tag it has when it names none."""
    name = f"{repository(image)}{image[len(_without_tag(image)) :]}"
    return name if "@" in name or ":" in name.rpartition("/")[2] else f"{name}:latest"


def repository(image: str) -> str:
    """Registry and repository of *image*, without tag and digest."""
    name = _without_tag(image)
    head, slash, _ = name.partition("/")
    if not slash:
        return f"docker.io/library/{name}"
    if "." not in head and ":" not in head and head != "localhost":
        return f"docker.io/{name}"
    return name


def fault_of(image: str) -> str:
    """Why *image* is no name, as the kubelet says it; empty if it is one."""
    if _IDENTIFIER.fullmatch(image):
        cause = f"invalid repository name ({image}), cannot specify 64-byte hexadecimal strings"
    elif _REFERENCE.fullmatch(image):
        return ""
    else:
        cause = "invalid reference format"
        name = repository(image)
        remote = name.partition("/")[2]
        if _REFERENCE.fullmatch(name.lower()) and remote != remote.lower():
            cause += f": repository name ({remote}) must be lowercase"
    failed = f'Failed to apply default image tag "{image}"'
    return f'{failed}: couldn\'t parse image name "{image}": {cause}'


def _without_tag(image: str) -> str:
    name = image.partition("@")[0]
    before, colon, tag = name.rpartition(":")
    return before if colon and "/" not in tag else name
