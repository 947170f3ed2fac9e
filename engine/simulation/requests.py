"""Commands that ask a web server again and again: what a load generator in a pod is made of.

``while sleep 0.01; do wget -q -O- http://php-apache; done``, as Kubernetes' walkthrough has it.
"""

import re
from collections.abc import Sequence

import attrs

_LOOP = re.compile(r"\b(while|until|for)\b")
_SLEEP = re.compile(r"\bsleep\s+([0-9]*\.?[0-9]+)")
_REQUEST = re.compile(
    r"\b(?:wget|curl)\b[^;|&]*?\s(?:https?://)?([a-z0-9][-a-z0-9.]*)(?::(\d+))?(/\S*)?(?=[\s;|&\"']|$)"
)
ROUND_TRIP_SECONDS = 0.01
"""What starting the program and waiting for the answer takes, beside sleeping."""


@attrs.frozen
class Requests:
    """So many requests a second to *host* (a service, maybe with its namespace) at *port*."""

    host: str
    port: int
    path: str
    rate: float

    def service(self, namespace: str) -> tuple[str, str]:
        """Namespace and name of the service as seen from a pod in *namespace*."""
        name, _, rest = self.host.partition(".")
        return rest.partition(".")[0] or namespace, name


def requests_of(argv: Sequence[str]) -> Requests | None:
    """The requests that a command makes for as long as it runs, or None."""
    text = " ".join(argv)
    if not _LOOP.search(text):
        return None
    found = _REQUEST.search(text)
    if found is None:
        return None
    pause = sum(float(seconds) for seconds in _SLEEP.findall(text))
    host, port, path = found.groups()
    return Requests(host, int(port or 80), path or "/", 1.0 / (pause + ROUND_TRIP_SECONDS))
