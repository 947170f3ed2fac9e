"""Traffic in words, bars and sparklines: for the Services screen and the command line."""

from collections.abc import Mapping
from typing import Any

from tui.render.text import Line, Span, fit

_BLOCKS = "▁▂▃▄▅▆▇█"


def sparkline(values: list[float], cells: int) -> str:
    """The last *cells* of *values* as blocks, the highest one full."""
    shown = values[-cells:]
    top = max(shown, default=0.0) or 1.0
    return "".join(_BLOCKS[min(7, int(value / top * 7.999))] for value in shown)


def milliseconds(value: float) -> str:
    """``0.84 ms``, ``12 ms``, ``1.9 s``."""
    if value >= 1000:
        return f"{value / 1000:.1f} s"
    return f"{value:.2f} ms" if value < 10 else f"{value:.0f} ms"


def load_lines(name: str, spec: str, status: Mapping[str, Any], cells: int) -> list[Line]:
    """A run of traffic: how it goes, how long answers take, who gives them."""
    if status.get("phase") == "Failed":
        return [[Span(f"load {name} ", "title"), Span(str(status.get("message")), "bad")]]
    errors = int(status.get("errors", 0))
    latency = status.get("latency", {})
    history = status.get("history", ())
    head: Line = [
        Span("⇶ ", "accent"), Span(f"{name} ", "title", is_bold=True), Span(f"{spec}  ", "dim"),
        Span(f"{status.get('rate', 0):g}/s", "ok" if status.get("phase") == "Running" else "gone"),
        Span(f"  {status.get('requests', 0)} requests", ""),
        Span(f"  {errors} errors", "bad" if errors else "dim"),
        Span("" if status.get("phase") == "Running" else "  done", "dim"),
    ]  # fmt: skip
    figures = "  ".join(
        f"{key} {milliseconds(float(latency.get(key, 0)))}" for key in ("p50", "p90", "p99", "max")
    )
    room = max(10, min(60, (cells - 24) // 2))
    lines: list[Line] = [
        head,
        [Span("  latency  ", "dim"), Span(figures)],
        [
            Span("  rate ", "dim"), Span(sparkline([h["rate"] for h in history], room), "ok"),
            Span("  p99 ", "dim"), Span(sparkline([h["p99"] for h in history], room), "wait"),
        ],
    ]  # fmt: skip
    for endpoint in status.get("endpoints", ()):
        failed = int(endpoint["errors"])
        found = endpoint["latency"]
        reasons = ", ".join(f"{n} {why}" for why, n in endpoint.get("reasons", {}).items())
        lines.append(
            [
                Span(f"  {fit(endpoint['name'], 28)} "),
                Span(f"{endpoint['requests']:>8}"),
                Span(f"  p50 {milliseconds(found['p50']):>8}  p99 {milliseconds(found['p99']):>8}"),
                Span(f"  ✗ {reasons}" if failed else "  ✓", "bad" if failed else "ok"),
            ]
        )
    return lines


def histogram_lines(status: Mapping[str, Any], cells: int = 40) -> list[Line]:
    """How many answers took how long, as bars."""
    bars = status.get("histogram", ())
    top = max((bar["requests"] for bar in bars), default=0) or 1
    return [
        [
            Span(f"  ≤ {milliseconds(bar['upToMs']):>8} ", "dim"),
            Span("█" * max(1, round(bar["requests"] / top * cells)), "done"),
            Span(f" {bar['requests']}"),
        ]
        for bar in bars
    ]
