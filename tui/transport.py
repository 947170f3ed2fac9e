"""The controls of a playing scenario: hold, go on, one step, go to a step."""

from typing import TYPE_CHECKING

from engine.scenario.player import Player
from tui.language import say
from tui.screens.dialogs import Ask

if TYPE_CHECKING:
    from tui.app import KubariumApp


def transport(player: Player, action: str) -> None:
    """Carry out play_pause or play_step."""
    if player.is_done:
        return
    if action == "play_step":
        player.control("advance")
    elif player.is_paused:
        player.control("resume")
    else:
        player.control("pause")


async def go_to_step(app: "KubariumApp", player: Player) -> None:
    """Ask for a step and go there: back in time, or on until it comes."""
    steps = player.scenario.step

    def number_of(value: str) -> int | None:
        if value.isdigit() and 0 < int(value) <= len(steps):
            return int(value) - 1
        return next((n for n, step in enumerate(steps) if step.id and step.id == value), None)

    def check(value: str) -> str:
        if number_of(value) is not None:
            return ""
        return say("1 to {count}, or a step's id", count=len(steps))

    answer = await app.push_screen_wait(
        Ask(say("Go to step"), say("A number or an id:"), str(max(1, player.current)), check=check)
    )
    number = number_of(answer or "")
    if number is not None:
        player.go_to(number)
