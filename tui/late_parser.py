"""Command lines whose commands are read only when they are asked for."""

import argparse
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any


def late(path: str) -> Callable[..., Any]:
    """The function ``module:name``, imported when it is called."""
    module, _, name = path.partition(":")

    def call(*arguments: Any) -> Any:
        return getattr(import_module(module), name)(*arguments)

    return call


class LateParser(argparse.ArgumentParser):
    """A parser of one command that learns its options when the command is given.

    So no command waits for what the options of another one need to be imported.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._fillers: list[Callable[[argparse.ArgumentParser], object]] = []

    def later(self, fill: Callable[[argparse.ArgumentParser], object]) -> None:
        """Have *fill* add options before anything is parsed."""
        self._fillers.append(fill)

    def parse_known_args(  # type: ignore[override]  # argparse says it in overloads
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        """As ever, with all options."""
        fillers, self._fillers = self._fillers, []
        for fill in fillers:
            fill(self)
        return super().parse_known_args(args, namespace)
