"""Screenshots: a simulated cluster at a seed and a virtual time, screen by screen, as SVG files.

``python -m tui.capture [FOLDER]``; the same seed and time give the same pictures.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

import attrs

from engine.api.apps import Deployment
from engine.host import Host
from engine.hosting.options import HostOptions
from tui import operations
from tui.app import KubariumApp
from tui.embedded import EmbeddedSource

SIZES = ((160, 50), (80, 24))
THEMES = ("kubarium-dark", "kubarium-light")
SETTLE_SECONDS = 20.0
"""Virtual seconds until the demo application runs."""


@attrs.frozen
class Shot:
    """One picture: its name, the keys that lead there, and virtual seconds after the start."""

    name: str
    keys: tuple[str, ...]
    after: float


SHOTS = (
    Shot("overview", (), 3.0),
    Shot("rollouts", ("f4",), 3.0),
    Shot("resources", ("f3", "down", "down"), 3.0),
    Shot("describe", ("f3", "d"), 3.0),
    Shot("yaml", ("f3", "y"), 3.0),
    Shot("services", ("f5",), 12.0),
    Shot("logs", ("f6",), 12.0),
    Shot("events", ("f7",), 12.0),
    Shot("store", ("f8",), 13.0),
    Shot("scheduling", ("f9",), 13.0),
    Shot("metrics", ("f10", "m", "m"), 30.0),
    Shot("node-down", (), 70.0),
    Shot("help", ("question_mark",), 70.0),
)
"""In order of time: a rollout under way, then done, then a node that lost its power."""


async def capture(folder: Path, *, seed: int = 1) -> list[Path]:
    """Take all pictures into *folder*, which is there; where they are."""
    taken = []
    with tempfile.TemporaryDirectory() as scratch:
        for theme in THEMES:
            for size in SIZES:
                options = HostOptions(
                    runtime="simulated",
                    listen=("127.0.0.1", 0),
                    kubeconfig=Path(scratch) / "kubeconfig",
                    seed=seed,
                    demo=True,
                )
                taken += await _session(Host(options), folder, theme, size)
    return taken


async def _session(host: Host, folder: Path, theme: str, size: tuple[int, int]) -> list[Path]:
    taken = []
    try:
        await host.start(is_driven=False)
        loop = host.cluster.loop
        loop.run_for(SETTLE_SECONDS)
        source = EmbeddedSource(host)
        await _begin_rollout(source)
        app = KubariumApp(source, theme=theme)
        app.animation_level = "none"
        began = loop.now
        is_broken = False
        async with app.run_test(size=size) as pilot:
            for shot in SHOTS:
                if shot.after > 60.0 and not is_broken:
                    is_broken = True
                    await operations.break_node(source, "node-2", operations.CRASH)
                loop.run_until(began + shot.after)
                await pilot.press("f2", *shot.keys)
                await pilot.pause(1.5 if shot.keys == () else 0.8)
                name = f"{shot.name}-{size[0]}x{size[1]}-{theme.removeprefix('kubarium-')}.svg"
                path = folder / name
                path.write_text(app.export_screenshot(title="Kubarium"), encoding="utf-8")
                taken.append(path)
                await pilot.press("escape")
    finally:
        await host.stop()
    return taken


async def _begin_rollout(source: EmbeddedSource) -> None:
    deployment = source.client.list(Deployment).items[0]
    container = deployment.spec.template.spec.containers[0]
    await operations.scale(source, deployment, 6)
    image = operations.next_image(container.image)
    await operations.set_image(source, deployment, container.name, image)


def main() -> int:
    """Take the pictures and say how many there are."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    taken = asyncio.run(capture(folder))
    sys.stdout.write(f"{len(taken)} pictures in {folder}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
