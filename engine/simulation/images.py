"""Which images a simulated registry has, and how long they take to fetch. No network is asked."""

import re

import attrs

DEMO = "localhost/kubarium/demo"
DEMO_VERSIONS = ("v1", "v2", "v3")

_LATEST = r"latest|stable|alpine|slim|mainline"
_NUMBERED = r"v?\d{1,2}(\.\d{1,2}){0,2}(-[a-z0-9.]+)?"
_TAG = re.compile(rf"^({_LATEST}|{_NUMBERED})$")
_REFERENCE = re.compile(
    r"^[a-z0-9]+([._/:-]+[a-z0-9]+)*(:[\w][\w.-]{0,127})?(@sha256:[0-9a-f]{64})?$"
)

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
    "perl": 330,
    "postgres": 150,
    "python": 360,
    "rabbitmq": 100,
    "redis": 45,
    "traefik": 45,
    "ubuntu": 29,
}
_PREFIXES = ("docker.io/library/", "docker.io/", "library/", "registry.k8s.io/", "simulated/")


@attrs.frozen(kw_only=True)
class Image:
    """An image that can be had.

    Attributes:
        name: repository and tag.
        size: bytes to fetch.
    """

    name: str
    size: int

    @property
    def pull_seconds(self) -> float:
        """How long fetching it takes on an undisturbed node (40 MB/s and a hello)."""
        return 0.4 + self.size / 40e6


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
    ``simulated/`` and ``registry.k8s.io/``; never a name that begins with ``fail-``.
    """
    if not _REFERENCE.match(image):
        what = "repository name must be lowercase" if image.lower() != image else "bad characters"
        message = (
            f'Failed to apply default image tag "{image}": couldn\'t parse image name'
            f' "{image}": invalid reference format: {what}'
        )
        return Refusal(reason="InvalidImageName", message=message)
    repository, tag = split_reference(image)
    if repository == DEMO and tag in DEMO_VERSIONS:
        return Image(name=f"{repository}:{tag}", size=38_000_000)
    if not repository.rpartition("/")[2].startswith("fail-"):
        for prefix in _PREFIXES:
            if repository.startswith(prefix):
                if prefix in {"simulated/", "registry.k8s.io/"}:
                    return Image(name=f"{repository}:{tag}", size=20_000_000)
                repository = repository.removeprefix(prefix)
        size = _PUBLIC.get(repository)
        if size is not None and _TAG.match(tag):
            return Image(name=f"docker.io/library/{repository}:{tag}", size=size * 1_000_000)
    full = f"{repository}:{tag}"
    return Refusal(
        reason="ErrImagePull",
        message=(
            f'rpc error: code = NotFound desc = failed to pull and unpack image "{full}":'
            f' failed to resolve reference "{full}": {full}: not found'
        ),
    )
