"""The store as lines: keyspace, revisions, watchers, leases, compaction and size."""

from collections.abc import Iterable

import attrs

from engine.api.coordination import Lease
from engine.store.status import (
    CompactionRow,
    KeyGroup,
    LeaseRow,
    RevisionRow,
    StoreStatus,
    WatcherRow,
)
from tui.language import say
from tui.render.age import human_duration
from tui.render.nodes import size
from tui.render.text import Line, Span, State, fit, fit_line, fit_middle, plural

_VERBS = {
    "create": State("+", "create", "ok"),
    "update": State("~", "update", "info"),
    "delete": State("-", "delete", "bad"),
}
_WATCHES = {
    "synced": State("●", "synced", "ok"),
    "behind": State("◐", "catching up", "wait"),
    "paused": State("‖", "reader slow", "bad"),
}
_COUNTS = 14
"""Cells for keys and bytes at the end of a line of the keyspace."""
_NARROW = 36
"""Cells below which the keyspace shows no namespaces."""


@attrs.define
class _Branch:
    keys: int = 0
    size: int = 0
    is_estimate: bool = False
    inner: "dict[str, _Branch]" = attrs.field(factory=dict)


def keyspace(groups: Iterable[KeyGroup], cells: int) -> list[Line]:
    """The tree of keys, each branch with the keys and bytes under it."""
    root = _Branch()
    for group in groups:
        branch = root
        for part in ["", *(group.path.strip("/").split("/") if group.path else ["(top)"])]:
            if part:
                branch = branch.inner.setdefault(part, _Branch())
            branch.keys += group.keys
            branch.size += group.size
            branch.is_estimate |= group.is_estimate
    if not root.inner:
        return [[Span("no keys", "faint")]]
    lines: list[Line] = []
    for name, branch in root.inner.items():
        _grow(lines, f"/{name}" if name != "(top)" else name, branch, 0, cells)
    return lines


def _grow(lines: list[Line], name: str, branch: _Branch, depth: int, cells: int) -> None:
    tones = ("accent", "info", "", "dim")
    tone = tones[min(depth, len(tones) - 1)]
    room = max(4, cells - 2 * depth - _COUNTS)
    amount = ("~" if branch.is_estimate else "") + size(branch.size)
    lines.append(
        [
            Span("  " * depth),
            Span(fit(fit_middle(name, room), room), tone, is_bold=depth == 0),
            Span(f"{branch.keys:>6}", "" if depth < 3 else "dim"),
            Span(f"{amount:>{_COUNTS - 6}}", "dim"),
        ]
    )
    is_narrow = cells < _NARROW
    if is_narrow and depth == 2:
        return
    for inner_name, inner in branch.inner.items():
        while len(inner.inner) == 1 and not is_narrow:
            # An only child shares its parent's line: their counts are the same.
            ((only, inner),) = inner.inner.items()  # noqa: PLW2901 - walks down
            inner_name = f"{inner_name}/{only}"  # noqa: PLW2901 - walks down
        _grow(lines, inner_name, inner, depth + 1, cells)


def short_key(key: str) -> str:
    """``pods/default/web``: a key without what all keys begin with, and without its group."""
    parts = key.strip("/").split("/")
    return "/".join(parts[2:] if parts[0] == "registry" and len(parts) > 3 else parts)


def revision_line(row: RevisionRow, now: float, cells: int) -> Line:
    """One change: revision, age, what, by whom, because of what."""
    state = _VERBS[row.verb]
    is_wide = cells >= 90
    what = max(16, cells // 3 if is_wide else cells - 26)
    who = 21 if is_wide else 14
    line = [
        Span(f"{row.revision:>6} ", "", is_bold=True),
        *([Span(f"{human_duration(now - row.time):>5} ", "dim")] if is_wide else []),
        Span(f"{state.symbol} {state.word if is_wide else ''}{' ' * is_wide}", state.tone),
        Span(fit(fit_middle(short_key(row.key), what - 1), what)),
        *([Span(f"{size(row.size) if row.size else '':>6}  ", "dim")] if cells >= 120 else []),
        Span(" " * (not is_wide)),
        Span(fit(row.actor or row.user or "?", who), "info"),
    ]
    if is_wide:
        used = sum(len(span.text) for span in line)
        line += _why(row, cells - used)
    return line


def _why(row: RevisionRow, cells: int) -> Line:
    if cells < 8:
        return []
    if row.cause:
        mark = f" ← {row.cause} "
        room = cells - len(mark)
        what = fit_middle(short_key(row.cause_key), room) if row.cause_key else ""
        return [Span(mark, "accent"), Span(what, "dim")]
    if row.input:
        return [Span(" ⇐ ", "accent"), Span(fit(row.input, cells - 3), "dim")]
    return []


def watchers(rows: Iterable[WatcherRow], cells: int) -> list[Line]:
    """All watchers: those that lag first, then by name."""
    lines: list[Line] = []
    ordered = sorted(rows, key=lambda row: (-row.lag, -row.waiting, row.name, row.span))
    is_wide = cells >= 50
    name = 21 if is_wide else 14
    for row in ordered:
        state = _WATCHES[row.state]
        lag = row.lag or row.waiting
        noun = "rev" if row.lag else "waiting"
        behind = f"{lag} {noun}" if lag else "0"
        # A range's ends may be a zero byte, from the first key on: no terminal shows one.
        keys = short_key(row.span.replace("\0", ""))
        span = (say("all keys") if keys in ("", "…") else keys) + (
            f" @{row.index}" if row.index else ""
        )
        room = max(8, cells - name - (18 if is_wide else 7))
        lines.append(
            [
                Span(f"{state.symbol} ", state.tone, is_bold=True),
                Span(fit(row.name or "?", name - 1) + " ", "info"),
                Span(fit(fit_middle(span, room - 1), room)),
                Span(
                    f"{behind if is_wide else lag:>{10 if is_wide else 5}}",
                    state.tone if lag else "dim",
                ),
                *([Span(f"{row.delivered:>6}", "dim")] if is_wide else []),
            ]
        )
    return lines or [[Span(say("nobody watches"), "faint")]]


def leases(own: Iterable[LeaseRow], held: Iterable[Lease], now: float, cells: int) -> list[Line]:
    """The store's leases with their keys, then the cluster's own: who holds what for how long."""
    lines = [
        _lease_line(f"lease {row.lease_id}", plural(row.keys, "key"), row.remaining, row.ttl, cells)
        for row in own
    ]
    for lease in sorted(held, key=lambda lease: lease.key):
        spec = lease.spec
        ttl = float(spec.lease_duration_seconds or 0)
        remaining = (spec.renew_time or 0.0) + ttl - now
        # A heartbeat's holder is the node it is named after.
        holder = spec.holder_identity or ""
        shown = "" if holder == lease.metadata.name else holder
        lines.append(_lease_line(lease.metadata.name, shown, remaining, ttl, cells))
    return lines or [[Span(say("no leases"), "faint")]]


def _lease_line(name: str, note: str, remaining: float, ttl: float, cells: int) -> Line:
    filled = max(0, min(6, round(6 * remaining / ttl))) if ttl else 0
    tone = "ok" if remaining > ttl / 3 else "wait" if remaining > 0 else "bad"
    word = human_duration(remaining) if remaining > 0 else say("expired")
    room = max(8, cells - 16)
    text = f"{name}  {note}" if note else name
    return [
        Span(fit(text, room)),
        Span("━" * filled, tone),
        Span("━" * (6 - filled), "faint"),
        Span(f" {word:>8}", tone),
    ]


def summary(status: StoreStatus, cells: int) -> list[Line]:
    """Revision, what is durable, where it is kept, how large, what is compacted and when next."""
    waiting = status.revision - status.durable_revision
    count = sum(group.keys for group in status.groups)
    total = sum(group.size for group in status.groups)
    tilde = "~" if any(group.is_estimate for group in status.groups) else ""
    durable = (
        say("all durable") if waiting <= 0 else say("{count} on their way to disk", count=waiting)
    )
    on_disk = "" if status.file_size is None else f"{size(status.file_size)} "
    lines: list[Line] = [
        [_label("revision"), Span(str(status.revision), "", is_bold=True),
         Span(f"  {durable}", "ok" if waiting <= 0 else "wait")],
        [_label("size"), Span(f"{tilde}{size(total)}", "", is_bold=True),
         Span(f" in {plural(count, 'key')}", "dim")],
        [_label("kept in"), Span(on_disk),
         Span(fit_middle(status.kept_in, max(8, cells - 12 - len(on_disk))), "dim")],
        *_compaction(status.compaction, status.now),
    ]  # fmt: skip
    if status.alarm:
        lines.append([_label("alarm"), Span(f"✖ {status.alarm}", "bad", is_bold=True)])
    return [fit_line(line, cells) for line in lines]


def _compaction(row: CompactionRow, now: float) -> list[Line]:
    kept = []
    if row.age is not None:
        kept.append(human_duration(row.age))
    if row.revisions is not None:
        kept.append(f"{_short(row.revisions)} revisions")
    if row.size is not None:
        kept.append(size(row.size))
    oldest = (
        say("below {revision}", revision=row.compact_revision)
        if row.compact_revision
        else say("not yet")
    )
    if not row.next_at:
        following = say("by hand only")
    else:
        when = human_duration(max(0.0, row.next_at - now))
        goal = say("to {revision}", revision=row.target) if row.target else say("nothing due")
        following = say("in {when}, {goal}", when=when, goal=goal)
    return [
        [_label("keeps"), Span(" · ".join(kept) or say("all history"))],
        [_label("has"), Span(plural(row.changes, "change"))],
        [_label("compacted"), Span(oldest)],
        [_label("next"), Span(following)],
    ]


def _short(count: int) -> str:
    return f"{count // 1000}k" if count >= 10_000 and count % 1000 == 0 else str(count)


def _label(text: str) -> Span:
    return Span(fit(say(text), 10), "dim")
