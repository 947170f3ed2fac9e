"""kubectl command lines in scenarios, carried out through a client: no program, no other process.

So they work without kubectl, in virtual time, and the same on every run. Wording as kubectl 1.34.
"""

from collections.abc import Callable

from engine.client.client import Client
from engine.scenario import kubectl_create as create
from engine.scenario import kubectl_verbs as verbs
from engine.scenario.kubectl_line import Command, KubectlError, split_objects, take_apart

VERBS: dict[str, Callable[[Command, Client], str]] = {
    "get": verbs.get,
    "delete": verbs.delete,
    "scale": verbs.scale,
    "patch": verbs.patch,
    "label": verbs.label,
    "annotate": verbs.annotate,
    "taint": verbs.taint,
    "cordon": verbs.cordon,
    "uncordon": verbs.cordon,
    "drain": verbs.drain,
    "set image": verbs.set_image,
    "set env": verbs.set_env,
    "rollout restart": verbs.restart,
    "rollout undo": verbs.undo,
    "rollout pause": verbs.pause,
    "rollout resume": verbs.pause,
    "create deployment": create.deployment,
    "create namespace": create.namespace,
    "create configmap": create.configmap,
    "create secret": create.secret,
    "create serviceaccount": create.service_account,
    "expose": create.expose,
    "autoscale": create.autoscale,
    "run": create.run,
}
"""What scenarios can do of kubectl."""

_NO_OBJECTS = ("create", "run")


def parse_command(text: str, *, namespace: str = "default") -> Command:
    """Take a command line apart, and see that it can be carried out.

    Raises:
        KubectlError: it cannot; the message says why.
    """
    command = take_apart(text, namespace=namespace)
    if command.verb not in VERBS:
        known = ", ".join(sorted(VERBS))
        msg = f'kubectl "{command.verb}" cannot be used in a scenario; there is {known}'
        raise KubectlError(msg)
    if command.verb.partition(" ")[0] not in _NO_OBJECTS:
        split_objects(command)
    return command


def perform(command: Command, client: Client) -> str:
    """Do it; what kubectl would print.

    Raises:
        KubectlError: an argument is missing or wrong.
        ApiError: the server refuses.
    """
    return VERBS[command.verb](command, client)
