"""Static pods as files."""

import os
from pathlib import Path
from typing import Any

import pytest

from engine.adapters.manifests import CHANNEL, Manifests
from engine.api.pod import Pod
from engine.kernel.journal import Journal
from engine.kernel.loop import Loop

POD = """\
apiVersion: v1
kind: Pod
metadata: {name: NAME}
spec: {containers: [{name: main, image: demo}]}
"""


@pytest.fixture
def posted() -> list[tuple[str, list[str]]]:
    """The node and the names of its pods, each time they are posted."""
    return []


@pytest.fixture
def manifests(tmp_path: Path, posted: list[tuple[str, list[str]]]) -> Manifests:
    """The folder of a control plane and one node."""
    journal = Journal(Loop())

    def note(found: tuple[str, tuple[Pod, ...]]) -> Any:
        posted.append((found[0], [pod.metadata.name for pod in found[1]]))

    journal.register(CHANNEL, note)
    (tmp_path / "node-1").mkdir()
    looking = Manifests(tmp_path, ("head", "node-1"), "head", journal)
    looking.journal.loop.run_for(0.0)
    return looking


def look(manifests: Manifests) -> None:
    """Look, and let what was posted arrive."""
    manifests.look()
    manifests.journal.loop.run_for(0.0)


def test_files_belong_to_the_control_plane_or_to_the_node_of_their_folder(
    manifests: Manifests, posted: list[tuple[str, list[str]]], tmp_path: Path
) -> None:
    """And are posted once, until they change."""
    (tmp_path / "a.yaml").write_text(POD.replace("NAME", "a"))
    (tmp_path / "node-1" / "b.yaml").write_text(POD.replace("NAME", "b"))
    look(manifests)
    look(manifests)

    assert posted == [("head", ["a"]), ("node-1", ["b"])]


def test_a_changed_or_removed_file_is_posted_again(
    manifests: Manifests, posted: list[tuple[str, list[str]]], tmp_path: Path
) -> None:
    """As the pods that are there now."""
    file = tmp_path / "a.yaml"
    file.write_text(POD.replace("NAME", "a"))
    look(manifests)
    file.write_text(POD.replace("NAME", "other"))
    os.utime(file, (1, 1))
    look(manifests)
    file.unlink()
    look(manifests)

    assert posted == [("head", ["a"]), ("head", ["other"]), ("head", [])]


@pytest.mark.parametrize("text", ["{", "kind: Pod", "[1, 2]", POD.replace("kind: Pod", "kind: X")])
def test_what_is_no_pod_is_passed_over(
    manifests: Manifests, posted: list[tuple[str, list[str]]], tmp_path: Path, text: str
) -> None:
    """One bad file does not keep the others from running."""
    (tmp_path / "bad.yaml").write_text(text)
    (tmp_path / "good.yaml").write_text(POD.replace("NAME", "good"))

    look(manifests)

    assert posted == [("head", ["good"])]
