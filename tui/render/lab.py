"""Labs in lines: the course with progress, and the task pane of a lab that is being done."""

from collections.abc import Mapping

from engine.lab.course import Entry
from engine.lab.session import LabSession
from engine.lab.state import LabState, TaskState
from tui.render.text import Line, Span, between, fit, wrap

_MARKS = {
    "passed": ("✔", "ok"), "shown": ("✔", "wait"), "failed": ("✖", "bad"),
    "active": ("▶", "accent"), "waiting": ("·", "dim"),
}  # fmt: skip
LEVELS: Mapping[str, Mapping[str, str]] = {
    "en": {},
    "ko": {"beginner": "초급", "intermediate": "중급", "advanced": "고급"},
}
WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "points": "points", "min": "min", "tasks": "Tasks", "missing": "Still missing",
        "why": "What you have learnt", "solution": "Solution", "hint": "Hint", "done": "All done",
        "passed": "passed", "not_passed": "not enough points to pass", "prepare": "The cluster is"
        " being prepared …", "failed": "Failed; press R to reset", "answer": "a: answer",
        "keys": "h hint  a answer  S solution  R reset", "problem": "The lab could not be prepared",
        "scenario": "watch", "lab": "do", "time": "time", "hints_left": "hints left",
    },
    "ko": {
        "points": "점", "min": "분", "tasks": "과제", "missing": "아직 남은 것",
        "why": "배운 것", "solution": "풀이", "hint": "힌트", "done": "모두 마쳤습니다",
        "passed": "합격", "not_passed": "합격 점수에 못 미칩니다",
        "prepare": "클러스터를 준비하고 있습니다 …",
        "failed": "실패했습니다. R을 눌러 되돌리세요", "answer": "a: 답 입력",
        "keys": "h 힌트  a 답  S 풀이  R 되돌리기", "problem": "실습을 준비하지 못했습니다",
        "scenario": "보기", "lab": "하기", "time": "시간", "hints_left": "남은 힌트",
    },
}  # fmt: skip


def course_line(entry: Entry, state: LabState | None, lang: str, cells: int) -> Line:
    """One scenario or lab of the course."""
    words = WORDS[lang]
    mark, tone = " ", "dim"
    if state is not None:
        mark, tone = ("✔", "ok") if state.is_passed else ("▶", "accent")
    left: Line = [
        Span(f" {mark} ", tone, is_bold=True),
        Span(fit(words[entry.kind], 6), "info" if entry.kind == "lab" else "dim"),
        Span(entry.title),
    ]
    reached = "" if state is None else f"{state.points}/{state.total} {words['points']}  "
    right: Line = [
        Span(reached, tone),
        Span(f"{entry.minutes:>3} {words['min']}  ", "dim"),
        Span(fit(LEVELS[lang].get(entry.level, entry.level), 13), "dim"),
    ]
    return between(left, right, cells)


def entry_lines(entry: Entry, cells: int) -> list[Line]:
    """What the chosen entry of the course is about."""
    head: Line = [Span(entry.title, "title", is_bold=True)]
    command = f"kubarium {'lab start' if entry.kind == 'lab' else 'play'} {entry.id}"
    return [
        head,
        *[[Span(line)] for line in wrap(entry.summary, cells)],
        [],
        [Span("enter", "accent"), Span(f"  {command}", "dim")],
    ]


def clock(seconds: float) -> str:
    """``4:07``."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def lab_line(session: LabSession, lang: str) -> Line:
    """The lab in one line, for the head of every view."""
    state, task = session.state, session.task
    line: Line = [Span(" ✎ ", "secondary", is_bold=True), Span(session.lab.title, "", is_bold=True)]
    done = sum(found.is_over for found in state.tasks)
    line.append(Span(f"  {done}/{len(state.tasks)}  {state.points}/{state.total}  ", "info"))
    if task is None:
        if state.is_done:
            line.append(Span(f"✔ {WORDS[lang]['done']}", "ok", is_bold=True))
        return line
    line.append(Span(task.title.replace("`", "")))
    missing = _state_of(session, task.id).missing
    if missing:
        line.append(Span(f"  ○ {missing[0]}", "wait"))
    return line


def marked(text: str, tone: str = "") -> Line:
    """*text* with what stands in backticks in another tone."""
    return [
        Span(part, "info" if number % 2 else tone)
        for number, part in enumerate(text.split("`"))
        if part
    ]


def pane(session: LabSession, lang: str, cells: int, *, is_short: bool = False) -> list[Line]:
    """The task pane: score and time, tasks with ticks, the text, what is missing, hints.

    On a short screen only the task at hand is named.
    """
    words, state, lab = WORDS[lang], session.state, session.lab
    score: Line = [
        Span(f"{state.points}", "ok" if state.is_passed else "accent", is_bold=True),
        Span(f"/{state.total} {words['points']}", "dim"),
    ]
    lines: list[Line] = [
        between(score, [Span(f"{words['time']} {clock(state.seconds)}", "dim")], cells), [],
    ]  # fmt: skip
    if is_short:
        lines = lines[:1]
    for task, found in zip(lab.task, state.tasks, strict=True):
        if is_short and found.state in ("waiting", "passed", "shown"):
            continue
        mark, tone = _MARKS[found.state]
        got = found.points if found.is_over else task.points
        lines.append(
            between(
                [
                    Span(f"{mark} ", tone, is_bold=True),
                    Span(task.title.replace("`", ""), "" if found.state != "waiting" else "dim",
                         is_bold=found.state == "active"),
                ],
                [Span(f"{got}", tone)],
                cells,
            )
        )  # fmt: skip
    if not is_short:
        lines.append([])
    if session.problem:
        lines.append([Span(words["problem"], "bad", is_bold=True)])
        return lines + [[Span(line, "bad")] for line in wrap(session.problem, cells)]
    current = session.task
    if current is None:
        return lines + _after(session, words, cells)
    found = _state_of(session, current.id)
    text = [marked(line) for line in wrap(current.text, cells)]
    missing = _missing(session, found, words, cells)
    # Where there is little room, what is still to be done comes first.
    lines += [*missing[1:], [], *text] if is_short else [*text, *missing]
    for number in found.hints:
        lines += _titled(words["hint"], current.hint[number].text, "wait", cells)
    if found.is_solution_open:
        lines += _titled(words["solution"], current.solution.text, "wait", cells)
    lines += _learnt(session, words, cells)
    return lines


def _missing(
    session: LabSession, found: TaskState, words: Mapping[str, str], cells: int
) -> list[Line]:
    if found.state == "failed":
        said = " ".join(found.missing)
        return _titled(words["failed"], said, "bad", cells)
    lines: list[Line] = [[], [Span(words["missing"], "title", is_bold=True)]]
    for text in found.missing:
        first, *rest = wrap(text, cells - 2)
        lines.append([Span("○ ", "wait"), Span(first)])
        lines += [[Span("  "), Span(line)] for line in rest]
    held = sum(found.held)
    if found.held:
        lines.append([Span(f"{'●' * held}{'○' * (len(found.held) - held)}", "ok")])
    left = len(session.lab.task[session.index or 0].hint) - len(found.hints)
    lines += [[], [Span(words["keys"], "accent"), Span(f"   {words['hints_left']}: {left}", "dim")]]
    return lines


def _after(session: LabSession, words: Mapping[str, str], cells: int) -> list[Line]:
    if not session.state.is_done:
        return [[Span(words["prepare"], "wait")]]
    verdict, tone = ("passed", "ok") if session.state.is_passed else ("not_passed", "wait")
    head: Line = [
        Span(
            f"✔ {words['done']}: {session.state.points}/{session.state.total}, ", tone, is_bold=True
        ),
        Span(words[verdict], tone, is_bold=True),
    ]
    return [head, *_learnt(session, words, cells)]


def _learnt(session: LabSession, words: Mapping[str, str], cells: int) -> list[Line]:
    """Why the last passed task went as it went."""
    over = [
        task for task, found in zip(session.lab.task, session.state.tasks, strict=True)
        if found.is_over and task.why
    ]  # fmt: skip
    return (
        _titled(f"{words['why']}: {over[-1].title.replace('`', '')}", over[-1].why, "", cells)
        if over
        else []
    )


def _titled(title: str, text: str, tone: str, cells: int) -> list[Line]:
    lines: list[Line] = [[], [Span(line, "title", is_bold=True) for line in wrap(title, cells)[:1]]]
    return lines + [marked(line, tone) for line in wrap(text, cells)]


def _state_of(session: LabSession, task: str) -> TaskState:
    return next(found for found in session.state.tasks if found.id == task)
