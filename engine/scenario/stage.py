"""What the steps of a run share: client, view, screen if there is one, and what was begun."""

from collections.abc import Callable
from typing import Protocol

import attrs

from engine.client.client import Client
from engine.kernel.loop import Loop
from engine.scenario.checks import View
from engine.scenario.duration import seconds
from engine.scenario.schema import Manifest
from engine.scenario.steps import PromptStep, SeekStep


class Screen(Protocol):
    """The terminal app, as far as a scenario uses it. Calls return at once."""

    def show(self, view: str, kind: str, filter_text: str) -> None:
        """Show a view; *kind* and *filter_text* for the resources view."""
        ...

    def press(self, keys: tuple[str, ...], every: float) -> None:
        """Press keys, one each *every* seconds."""
        ...

    def seek(self, revision: int | None) -> None:
        """Show the cluster as it was at *revision*; None for as it is."""
        ...

    def snapshot(self, name: str) -> str:
        """Keep a picture under *name*; where it is, or why there is none."""
        ...

    def ask(self, step: PromptStep, answered: Callable[[str], None]) -> None:
        """Ask the audience; call back with the answer."""
        ...


class NoScreen:
    """Nobody looks: views, keys and pictures are passed over, prompts take their default."""

    def show(self, view: str, kind: str, filter_text: str) -> None:
        """Nothing to show it on."""

    def press(self, keys: tuple[str, ...], every: float) -> None:
        """Nothing to press."""

    def seek(self, revision: int | None) -> None:
        """Nothing to show it on."""

    def snapshot(self, name: str) -> str:  # noqa: ARG002 - the contract of Screen
        """No picture."""
        return "no screen, so no picture"

    def ask(self, step: PromptStep, answered: Callable[[str], None]) -> None:
        """Answer with the default."""
        answered(step.default)


@attrs.frozen
class Moment:
    """A point of the run: the cluster's time and its revision."""

    time: float
    revision: int


@attrs.define(eq=False, repr=False)
class Stage:
    """Everything that the steps of one run share.

    Attributes:
        name: what names of faults and loads begin with.
        faults, loads: names of what was begun by step id, oldest first.
        began, ended: when each step with an id began and ended.
        timeline: where the store was when, oldest first.
    """

    name: str
    client: Client
    view: View
    manifests: tuple[Manifest, ...] = ()
    screen: Screen = attrs.field(factory=NoScreen)
    typing: float = 0.0
    faults: dict[str, str] = attrs.field(factory=dict, init=False)
    loads: dict[str, tuple[str, str]] = attrs.field(factory=dict, init=False)
    began: dict[str, Moment] = attrs.field(factory=dict, init=False)
    ended: dict[str, Moment] = attrs.field(factory=dict, init=False)
    timeline: list[Moment] = attrs.field(factory=list, init=False)
    _number: int = attrs.field(default=0, init=False)

    @property
    def loop(self) -> Loop:
        """The cluster's time."""
        return self.client.link.loop

    def now(self) -> Moment:
        """This moment; it is put down in the timeline."""
        store = getattr(self.client.server, "store", None)
        revision = int(store.revision) if store is not None else 0
        moment = Moment(self.loop.now, revision)
        if not self.timeline or self.timeline[-1].revision != revision:
            self.timeline.append(moment)
        return moment

    def unique(self, step_id: str) -> str:
        """A name for what a step makes: by its id, or by number."""
        self._number += 1
        base = f"{self.name}-{step_id or self._number}"
        taken = base in self.faults.values() or base in (name for name, _ in self.loads.values())
        return f"{base}-{self._number}" if taken else base

    def moment_of(self, step: SeekStep) -> int | None:
        """The revision that a seek step means; None for the present."""
        if step.to.live:
            return None
        if step.to.revision is not None:
            return step.to.revision
        begun = self.began.get(step.to.step)
        if begun is None:
            return None
        when = begun.time + seconds(step.to.offset)
        earlier = [moment.revision for moment in self.timeline if moment.time <= when]
        return earlier[-1] if earlier else begun.revision
