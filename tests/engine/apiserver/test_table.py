"""Ages, and the words of the STATUS column."""

import pytest

from engine.api.codec import decode
from engine.api.pod import Pod
from engine.apiserver.columns.column import duration
from engine.apiserver.columns.pods import PODS, pod_status


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0s"), (119, "119s"), (120, "2m"), (125, "2m5s"), (3599, "59m"), (10800, "3h"),
        (11100, "3h5m"), (172799, "47h"), (172800, "2d"), (176400, "2d1h"), (691200, "8d"),
        (63072000, "2y"), (-1, "0s"), (-5, "<invalid>"),
    ],
)  # fmt: skip
def test_ages_have_at_most_two_units(seconds: int, shown: str) -> None:
    """As kubectl writes them."""
    assert duration(seconds) == shown


def status(**given: object) -> str:
    """STATUS of a pod with that status."""
    pod = decode(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "a"},
            "spec": {"containers": [{"name": "main", "image": "x"}]},
            "status": given,
        }
    )
    assert isinstance(pod, Pod)
    return pod_status(pod)[0]


def test_a_waiting_container_says_why() -> None:
    """CrashLoopBackOff and its like stand in for the phase."""
    waiting = {"name": "main", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}

    assert status(phase="Running", containerStatuses=[waiting]) == "CrashLoopBackOff"


def test_an_exit_without_a_reason_shows_its_code() -> None:
    """So that one sees it at a glance."""
    ended = {"name": "main", "state": {"terminated": {"exitCode": 3}}}

    assert status(phase="Failed", containerStatuses=[ended]) == "ExitCode:3"


def test_an_init_container_that_waits_shows_its_place() -> None:
    """Init:0/1 until it is done."""
    init = {"name": "first", "state": {"running": {}}}

    assert status(phase="Pending", initContainerStatuses=[init]) == "Init:0/0"


def test_side_cars_count_like_the_others() -> None:
    """A crashed one holds back its own readiness, and the restarts of all are shown."""
    pod = decode(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "a"},
            "spec": {
                "initContainers": [{"name": "side", "image": "x", "restartPolicy": "Always"}],
                "containers": [{"name": "main", "image": "x"}],
            },
            "status": {
                "phase": "Running",
                "conditions": [{"type": "Initialized", "status": "True"}],
                "initContainerStatuses": [
                    {
                        "name": "side",
                        "restartCount": 4,
                        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                    }
                ],
                "containerStatuses": [{"name": "main", "ready": True, "state": {"running": {}}}],
            },
        }
    )
    assert isinstance(pod, Pod)

    assert pod_status(pod)[:3] == ("Init:CrashLoopBackOff", 1, 4)
    assert PODS.cells(pod, 0.0)[1] == "1/2"


def test_gates_say_why_a_pod_waits() -> None:
    """Before anything else."""
    gated = {"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}

    assert status(phase="Pending", conditions=[gated]) == "SchedulingGated"
