"""Completion indexes of an Indexed Job: sets written as ``0,2-5,9``. Pure.

Source: pkg/controller/job/indexed_job_utils.go, kubernetes v1.34.
"""

from collections.abc import Iterable

from engine.api.pod import Pod

INDEX = "batch.kubernetes.io/job-completion-index"
"""Annotation and label of a pod: the index it works on."""

INDEX_VARIABLE = "JOB_COMPLETION_INDEX"


def parse_indexes(text: str, completions: int) -> frozenset[int]:
    """The indexes below *completions* that *text* names; text that cannot be read names none."""
    found: set[int] = set()
    for part in text.split(",") if text else ():
        first, dash, last = part.partition("-")
        try:
            start = int(first)
            end = int(last) if dash else start
        except ValueError:
            return frozenset()
        found.update(range(start, min(end, completions - 1) + 1))
    return frozenset(found)


def format_indexes(indexes: Iterable[int]) -> str:
    """*indexes* in order, three and more in a row as a range: ``1,3-5,7``."""
    runs: list[list[int]] = []
    for index in sorted(indexes):
        if runs and runs[-1][1] == index - 1:
            runs[-1][1] = index
        else:
            runs.append([index, index])
    parts = []
    for start, end in runs:
        if start == end:
            parts.append(str(start))
        else:
            parts.append(f"{start}{',' if end == start + 1 else '-'}{end}")
    return ",".join(parts)


def index_of(pod: Pod) -> int | None:
    """The index *pod* works on, or None if it says none."""
    text = pod.metadata.annotations.get(INDEX, "")
    return int(text) if text.isdigit() else None


def pending_indexes(taken: Iterable[int], count: int, completions: int) -> tuple[int, ...]:
    """The first *count* indexes below *completions* that are not *taken*."""
    busy = set(taken)
    found: list[int] = []
    for index in range(completions):
        if len(found) >= count:
            break
        if index not in busy:
            found.append(index)
    return tuple(found)
