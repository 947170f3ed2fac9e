"""The line that tells where a playing scenario stands."""

from engine.scenario.player import Player
from tui.language import say
from tui.render.text import Line, Span


def story_line(player: Player) -> Line:
    """Title, step and verdict of what *player* plays."""
    total = len(player.scenario.step)
    line = [Span(" ▶ ", "secondary", is_bold=True), Span(player.scenario.title, "", is_bold=True)]
    if player.is_done:
        failed = bool(player.message)
        word = (
            f"  ✖ {say('failed: {message}', message=player.message)}"
            if failed
            else f"  ✔ {say('passed, {count} steps', count=total)}"
        )
        return [*line, Span(word, "bad" if failed else "ok", is_bold=True)]
    number = max(0, player.current) + 1
    line.append(Span(f"  {number}/{total}  ", "info"))
    step = player.step
    if step is not None:
        line.append(Span(step.title or step.id or step.do, ""))
    if player.progress:
        line.append(Span(f"  {player.progress}", "dim"))
    if player.is_paused:
        line.append(Span(f"  ‖ {say('paused')}", "wait", is_bold=True))
    return line
