"""What a played scenario came to: step by step, as JSON and as JUnit XML."""

from typing import Any
from xml.sax.saxutils import escape, quoteattr

import attrs

from engine.scenario.hypotheses import Violation


@attrs.frozen(kw_only=True)
class StepResult:
    """One step: *state* is passed, failed or skipped; times in seconds of the cluster."""

    number: int
    id: str
    do: str
    title: str
    state: str
    message: str
    started_at: float
    ended_at: float
    revision: int
    began_revision: int = 0


@attrs.frozen(kw_only=True)
class Report:
    """The whole run."""

    scenario: str
    title: str
    seed: int
    passed: bool
    message: str
    started_at: float
    ended_at: float
    steps: tuple[StepResult, ...]
    violations: tuple[Violation, ...] = ()
    variables: dict[str, Any] = attrs.field(factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The report as plain data."""
        return attrs.asdict(self)

    def as_junit(self) -> str:
        """The report as a JUnit test suite, one case per step."""
        failed = sum(step.state == "failed" for step in self.steps)
        skipped = sum(step.state == "skipped" for step in self.steps)
        seconds = self.ended_at - self.started_at
        lines = [
            '<?xml version="1.0" encoding="UTF-8"?>',
            (
                f'<testsuite name={quoteattr(self.scenario)} tests="{len(self.steps)}"'
                f' failures="{failed}" skipped="{skipped}" time="{seconds:.3f}">'
            ),
        ]
        for step in self.steps:
            name = f"{step.number}. {step.title or step.id or step.do}"
            took = step.ended_at - step.started_at
            lines.append(
                f"  <testcase classname={quoteattr(self.scenario)} name={quoteattr(name)}"
                f' time="{took:.3f}">'
            )
            if step.state == "failed":
                lines.append(
                    f"    <failure message={quoteattr(step.message)}>"
                    f"{escape(step.message)}</failure>"
                )
            elif step.state == "skipped":
                lines.append("    <skipped/>")
            lines.append("  </testcase>")
        lines.append("</testsuite>")
        return "\n".join(lines) + "\n"
