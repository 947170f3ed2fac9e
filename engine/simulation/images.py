"""Which images a simulated registry has, and how long they take to fetch. No network is asked."""

import re

import attrs

from engine.cri.image_name import fault_of, full_name

DEMO = "localhost/kubarium/demo"
DEMO_VERSIONS = ("v1", "v2", "v3")

_LATEST = r"latest|stable|alpine|slim|mainline"
_NUMBERED = r"v?\d{1,2}(\.\d{1,2}){0,2}(-[a-z0-9.]+)?"
_TAG = re.compile(rf"^({_LATEST}|{_NUMBERED})$")

# Sizes in megabytes, roughly as published.
_PUBLIC = {
    "alpine": 4,
    "busybox": 2,
    "debian": 49,
    "golang": 290,
    "haproxy": 45,
    "hello-world": 1,
    "httpd": 58,
    "mariadb": 115,
    "memcached": 32,
    "mongo": 270,
    "mysql": 170,
    "nginx": 70,
    "node": 340,
    "pause": 1,
    "perl": 330,
    "postgres": 150,
    "python": 360,
    "rabbitmq": 100,
    "redis": 45,
    "traefik": 45,
    "ubuntu": 29,
}
PRIVATE = "private.simulated"
"""A registry that wants a login; the password is its own name, whoever asks."""

_PREFIXES = ("docker.io/library/", "docker.io/", "library/", "registry.k8s.io/", "simulated/")


@attrs.frozen(kw_only=True)
class Image:
    """An image that can be had.

    Attributes:
        name: repository and tag.
        size: bytes to fetch.
        is_private: only with a login.
        is_slow: it comes at 1 MB/s.
    """

    name: str
    size: int
    is_private: bool = False
    is_slow: bool = False

    @property
    def pull_seconds(self) -> float:
        """How long fetching it takes on an undisturbed node (40 MB/s and a hello)."""
        return 0.4 + self.size / (1e6 if self.is_slow else 40e6)


@attrs.frozen(kw_only=True)
class Refusal:
    """Why an image is not to be had, as a kubelet reports it."""

    reason: str
    message: str


def split_reference(image: str) -> tuple[str, str]:
    """Repository and tag; the tag is ``latest`` if none is named."""
    name, _, digest = image.partition("@")
    repository, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        return name, digest or "latest"
    return repository, tag


def find_image(image: str) -> Image | Refusal:
    """The image of that name in the simulated registry, or why there is none.

    Known are the demo images, a few public ones with plausible tags, everything below
    ``simulated/``, ``registry.k8s.io/`` and (with a login) ``private.simulated/``; never a name
    that begins with ``fail-``. What begins with ``slow-`` comes at 1 MB/s; ``error-`` names a
    registry that answers 500.
    """
    fault = fault_of(image)
    if fault:
        return Refusal(reason="InvalidImageName", message=fault)
    repository, tag = split_reference(image)
    last = repository.rpartition("/")[2]
    if last.startswith("error-"):
        return Refusal(reason="ErrImagePull", message=_failed(image, _SERVER_ERROR))
    if repository == DEMO and tag in DEMO_VERSIONS:
        return Image(name=f"{repository}:{tag}", size=38_000_000)
    if not last.startswith("fail-"):
        if repository.startswith(f"{PRIVATE}/"):
            name = f"{repository}:{tag}"
            return Image(name=name, size=20_000_000, is_private=True, is_slow=_is_slow(last))
        for prefix in _PREFIXES:
            if repository.startswith(prefix):
                if prefix in {"simulated/", "registry.k8s.io/"}:
                    name = f"{repository}:{tag}"
                    return Image(name=name, size=20_000_000, is_slow=_is_slow(last))
                repository = repository.removeprefix(prefix)
        size = _PUBLIC.get(repository)
        if size is not None and _TAG.match(tag):
            return Image(name=f"docker.io/library/{repository}:{tag}", size=size * 1_000_000)
    name = full_name(image)
    return Refusal(reason="ErrImagePull", message=_failed(image, f"{name}: not found", "NotFound"))


def unauthorized(image: str) -> Refusal:
    """What a private registry says to who has no login, or a wrong one."""
    host = image.partition("/")[0]
    cause = (
        "pull access denied, repository does not exist or may require authorization:"
        f" authorization failed: no basic auth credentials for {host}"
    )
    return Refusal(reason="ErrImagePull", message=_failed(image, cause))


_SERVER_ERROR = "unexpected status from HEAD request: 500 Internal Server Error"


def _is_slow(last: str) -> bool:
    return last.startswith("slow-")


def _failed(image: str, cause: str, code: str = "Unknown") -> str:
    full = full_name(image)
    return (
        f'rpc error: code = {code} desc = failed to pull and unpack image "{full}":'
        f' failed to resolve reference "{full}": {cause}'
    )
