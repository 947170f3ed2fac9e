"""A kubectl command line taken apart: verb, words, options, and the objects it is about."""

import shlex

import attrs

from engine.api.scheme import SCHEME, Resource
from engine.client.client import Client
from engine.scenario.schema import ScenarioError


class KubectlError(ScenarioError):
    """A command line that kubectl would refuse, or that scenarios cannot carry out."""


_SHORT = {"n": "namespace", "l": "selector", "p": "patch", "f": "filename", "o": "output"}
_FLAGS = frozenset(
    (
        "all",
        "now",
        "force",
        "overwrite",
        "ignore-daemonsets",
        "delete-emptydir-data",
        "all-namespaces",
    )
)
_VALUES = frozenset(
    (
        "namespace", "selector", "patch", "filename", "output", "type", "replicas", "image", "port",
        "target-port", "name", "min", "max", "cpu", "cpu-percent", "from-literal", "grace-period",
        "to-revision", "timeout", "cascade", "labels", "env", "restart", "field-selector",
    )
)  # fmt: skip


@attrs.frozen(kw_only=True)
class Command:
    """One command line, taken apart.

    Attributes:
        verb: ``scale`` or, with a second word, ``set image``.
        words: what stands there besides options.
        options: by long name; a repeated option has all its values.
    """

    verb: str
    words: tuple[str, ...]
    options: dict[str, tuple[str, ...]]
    namespace: str
    rest: tuple[str, ...] = ()

    def option(self, name: str, default: str = "") -> str:
        """The (last) value of an option."""
        return self.options.get(name, (default,))[-1]

    def has(self, name: str) -> bool:
        """Whether a flag was given, and not as ``=false``."""
        return self.option(name, "false") != "false"


@attrs.frozen
class Target:
    """One object that a command is about."""

    resource: Resource
    name: str
    namespace: str

    @property
    def shown(self) -> str:
        """As kubectl names it: ``deployment.apps/web``."""
        group = f".{self.resource.group}" if self.resource.group else ""
        return f"{self.resource.singular}{group}/{self.name}"


_TWO_WORDS = ("set", "rollout", "create")


def take_apart(  # noqa: C901, PLR0912 - the forms an option can have
    text: str, *, namespace: str = "default"
) -> Command:
    """Take a command line apart; the word ``kubectl`` may lead it.

    Raises:
        KubectlError: it is not one that scenarios can carry out; the message says why.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise KubectlError(f"{text!r}: {error}".replace("No closing", "no closing")) from error
    if words[:1] == ["kubectl"]:
        del words[0]
    rest: list[str] = []
    if "--" in words:
        at = words.index("--")
        words, rest = words[:at], words[at + 1 :]
    plain: list[str] = []
    options: dict[str, tuple[str, ...]] = {}
    while words:
        word = words.pop(0)
        if not word.startswith("-") or word == "-":
            plain.append(word)
            continue
        name, equals, value = word.lstrip("-").partition("=")
        if not word.startswith("--"):
            short, more = name[:1], name[1:]
            if short == "A":
                name = "all-namespaces"
            else:
                name = _SHORT.get(short, short)
                if more:
                    words.insert(0, more)
        if name in _FLAGS:
            value = value if equals else "true"
        elif name in _VALUES:
            if not equals:
                if not words:
                    raise KubectlError(f"flag needs an argument: --{name}")
                value = words.pop(0)
        else:
            raise KubectlError(f"unknown flag: --{name}")
        options[name] = (*options.get(name, ()), value)
    if not plain:
        raise KubectlError(
            "a kubectl command was expected, such as: scale deployment/web --replicas=3"
        )
    verb = plain.pop(0)
    if verb in _TWO_WORDS and plain:
        verb = f"{verb} {plain.pop(0)}"
    return Command(
        verb=verb,
        words=tuple(plain),
        options=options,
        namespace=options.get("namespace", (namespace,))[-1],
        rest=tuple(rest),
    )


def split_objects(command: Command) -> tuple[list[tuple[Resource, str]], tuple[str, ...]]:
    """The objects named, with name "" for all of a kind, and the words after them."""
    found: list[tuple[Resource, str]] = []
    words = list(command.words)
    if not words:
        raise KubectlError(f"kubectl {command.verb}: required resource not specified")
    if command.verb in ("cordon", "uncordon", "drain"):
        return [(_kind("node"), word.removeprefix("node/")) for word in words], ()
    while words and "/" in words[0] and "=" not in words[0]:
        kind, _, name = words.pop(0).partition("/")
        found.append((_kind(kind), name))
    if found:
        return found, tuple(words)
    kinds = [_kind(word) for word in words.pop(0).split(",")]
    names: list[str] = []
    while words and not _is_setting(words[0]):
        names.append(words.pop(0))
    return [(kind, name) for kind in kinds for name in (names or [""])], tuple(words)


def _is_setting(word: str) -> bool:
    return "=" in word or word.endswith("-") or ":" in word


def _kind(word: str) -> Resource:
    resource = SCHEME.find(word)
    if resource is None:
        raise KubectlError(f'the server doesn\'t have a resource type "{word}"')
    return resource


def targets(command: Command, client: Client) -> tuple[list[Target], tuple[str, ...]]:
    """The objects the command is about, selectors worked out, and the words after them."""
    objects, rest = split_objects(command)
    found: list[Target] = []
    for resource, name in objects:
        namespace = command.namespace if resource.namespaced else ""
        if name:
            found.append(Target(resource, name, namespace))
            continue
        selector = command.option("selector")
        if not selector and not command.has("all") and command.verb != "get":
            raise KubectlError("resource(s) were provided, but no name was specified")
        everywhere = command.has("all-namespaces") or not resource.namespaced
        listed = client.list(
            resource.cls,
            namespace=None if everywhere else namespace,
            label_selector=selector,
        )
        found += [
            Target(resource, obj.metadata.name, obj.metadata.namespace) for obj in listed.items
        ]
    return found, rest
