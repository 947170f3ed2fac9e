"""The form of a new fault: choose it, say on what, see what it would touch, then begin."""

import asyncio
from collections.abc import Callable
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Select, Static

from engine.api.fault_catalogue import CATALOGUE
from engine.api.fault_kind import FaultKind, parameter_faults
from engine.api.frozen import freeze
from engine.api.kubarium import Fault, FaultSpec, FaultTarget
from engine.api.meta import ObjectMeta
from engine.errors import EngineError
from tui.language import say
from tui.render.faults import kind_lines
from tui.render.text import Line
from tui.session import Session
from tui.widgets.painting import Paint

PREVIEW_SECONDS = 3.0
_HINTS = {
    "pods": "namespace/name, or label=value in the namespace shown (mode: one, 50%)",
    "nodes": "names of nodes, spaces between",
    "component": "scheduler, controller-manager, kube-proxy, kubelet/NODE",
    "cluster": "nothing: it hits the cluster",
}


class FaultForm(ModalScreen[Fault | None]):
    """Asks for everything a fault needs; answers with the fault, which is not created yet."""

    CSS_PATH = "faults.tcss"
    BINDINGS = [
        Binding("escape", "cancel", "Cancel", show=False),
        # Before the text fields, which would go to their end.
        Binding("ctrl+e", "preview", "Preview", show=False, priority=True),
    ]

    def __init__(self, session: Session, *, type_: str = "pod.kill", target: str = "") -> None:
        super().__init__()
        self._session = session
        self._type, self._target = type_, target

    def compose(self) -> ComposeResult:
        """Type, target, parameters, duration, preview, buttons."""
        with Vertical(id="form") as box:
            box.border_title = say("New fault")
            box.border_subtitle = say("ctrl-e preview / esc")
            options = [(f"{name}  {say(kind.summary)}", name) for name, kind in CATALOGUE.items()]
            yield Select(options, value=self._type, allow_blank=False, id="type", compact=True)
            yield Static("", id="about")
            yield Input(self._target, placeholder=say("target"), id="target", compact=True)
            yield Input("", placeholder=say("parameters: name=value …"), id="params", compact=True)
            yield Input("30s", placeholder=say("duration: 30s, 2m; empty: until ended"), id="for",
                        compact=True)  # fmt: skip
            yield Static("", id="problem", markup=False)
            with Horizontal(id="buttons"):
                yield Button(say("Preview"), id="preview", compact=True)
                yield Button(say("Cancel"), id="no", compact=True)
                yield Button(say("Begin"), id="yes", variant="error", compact=True)

    def on_mount(self) -> None:
        """Say what the chosen fault is."""
        self._describe()

    @property
    def kind(self) -> FaultKind:
        """The fault that is chosen."""
        return CATALOGUE[str(self.query_one("#type", Select).value)]

    def action_cancel(self) -> None:
        """Close without a fault."""
        self.dismiss(None)

    async def action_preview(self) -> None:
        """Ask the cluster what the fault would touch."""
        try:
            fault = self._fault(is_dry_run=True)
            self._say(await self._preview(fault))
        except (EngineError, ValueError) as error:
            self._say(str(error))

    @on(Select.Changed)
    def _on_type(self) -> None:
        self._describe()

    @on(Input.Changed)
    def _on_input(self) -> None:
        try:
            self._fault(is_dry_run=True)
        except ValueError as error:
            self._say(str(error))
        else:
            self._say("")

    @on(Input.Submitted)
    async def _on_submitted(self) -> None:
        await self.action_preview()

    @on(Button.Pressed)
    async def _on_pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "no":
            self.dismiss(None)
        elif event.button.id == "preview":
            await self.action_preview()
        else:
            try:
                self.dismiss(self._fault())
            except ValueError as error:
                self._say(str(error))

    def _describe(self) -> None:
        lines: list[Line] = kind_lines(self.kind, 60)
        self.query_one("#about", Static).update(Paint.of(self.app).text(*lines))
        target = self.query_one("#target", Input)
        target.placeholder = say("target: {hint}", hint=say(_HINTS[self.kind.hits]))
        target.disabled = self.kind.hits == "cluster"

    def _say(self, words: str) -> None:
        self.query_one("#problem", Static).update(words)

    async def _preview(self, fault: Fault) -> str:
        source = self._session.source
        made = await source.create(fault)
        try:
            deadline = asyncio.get_running_loop().time() + PREVIEW_SECONDS
            while asyncio.get_running_loop().time() < deadline:
                found = await source.get(Fault, made.metadata.name, "")
                if found.status.phase:
                    return preview_words(found)
                await asyncio.sleep(0.05)
        finally:
            await source.delete(Fault, made.metadata.name)
        return say("the cluster does not say: does its time stand still?")

    def _fault(self, *, is_dry_run: bool = False) -> Fault:
        """The fault that the form describes.

        Raises:
            ValueError: a field is not what it must be; the message says which.
        """
        kind = self.kind

        def text(name: str) -> str:
            return self.query_one(f"#{name}", Input).value.strip()

        params = read_params(text("params"))
        for name, message in parameter_faults(kind, params):
            raise ValueError(f"{name} {message}")
        spec = FaultSpec(
            type=kind.name,
            target=read_target(kind, text("target"), self._session.namespace or "default"),
            params=freeze(params),
            duration_seconds=read_seconds(text("for")),
            is_dry_run=is_dry_run,
        )
        prefix = kind.name.replace(".", "-")
        return Fault(metadata=ObjectMeta(generate_name=f"{prefix}-"), spec=spec)


def preview_words(fault: Fault) -> str:
    """The blast radius in a line or two."""
    if fault.status.phase == "Failed":
        return fault.status.message
    touched = fault.status.touched
    if not touched:
        return say("touches the cluster as a whole")
    names = ", ".join(touched[:6])
    if len(touched) > 6:
        names += " " + say("and {count} more", count=len(touched) - 6)
    return say("touches {count}: {names}", count=len(touched), names=names)


def read_params(text: str) -> dict[str, Any]:
    """``name=value`` words.

    Raises:
        ValueError: a word has no equals sign.
    """
    found = {}
    for word in text.split():
        name, sign, value = word.partition("=")
        if not sign:
            raise ValueError(
                say("parameters are name=value words, and {word} is none", word=repr(word))
            )
        found[name] = value
    return found


def read_seconds(text: str) -> float | None:
    """``30s``, ``2m``, ``45``; None for empty.

    Raises:
        ValueError: it is no time.
    """
    if not text:
        return None
    units: dict[str, float] = {"s": 1.0, "m": 60.0, "h": 3600.0}
    number, unit = (text[:-1], units[text[-1]]) if text[-1] in units else (text, 1.0)
    try:
        seconds = float(number) * unit
    except ValueError:
        raise ValueError(say("a duration is 30s or 2m, not {text}", text=repr(text))) from None
    if seconds <= 0:
        raise ValueError(say("a duration is more than nothing; leave it empty for: until ended"))
    return seconds


def read_target(kind: FaultKind, text: str, namespace: str) -> FaultTarget:
    """What the target's line names.

    Raises:
        ValueError: the fault needs a target and there is none.
    """
    if not text and kind.needs_target and kind.hits != "cluster":
        hint = say(_HINTS[kind.hits])
        raise ValueError(say("{fault} needs a target: {hint}", fault=kind.name, hint=hint))
    if kind.hits == "component":
        return FaultTarget(component=text)
    if kind.hits == "nodes":
        return FaultTarget(nodes=tuple(text.replace(",", " ").split()))
    if kind.hits == "cluster":
        return FaultTarget()
    words = text.split()
    mode, value = "", 0
    if words[-1] in ("one", "all"):
        mode = words.pop()
    elif words[-1].endswith("%") and words[-1][:-1].isdigit():
        mode, value = "fixed-percent", int(words.pop()[:-1])
    where: Callable[[str], bool] = lambda word: "=" in word  # noqa: E731
    if words and where(words[0]):
        return FaultTarget(namespace=namespace, expression=" ".join(words), mode=mode, value=value)
    names = [word.rpartition("/") for word in words]
    spaces = {space for space, _, _ in names if space}
    if len(spaces) > 1:
        raise ValueError(say("one fault hits pods of one namespace"))
    return FaultTarget(
        namespace=spaces.pop() if spaces else namespace,
        pods=tuple(name for _, _, name in names),
        mode=mode,
        value=value,
    )
