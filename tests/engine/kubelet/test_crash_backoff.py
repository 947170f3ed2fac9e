"""How long a crashing container waits."""

from engine.kubelet.crash_backoff import format_seconds, next_delay, restart_time
from engine.kubelet.pod_state import ContainerRecord, ContainerWork


def ended_at(time: float) -> ContainerRecord:
    """A run that ended at *time*."""
    return ContainerRecord(
        attempt=0,
        container_id="c",
        image="",
        image_id="",
        started_at=0.0,
        is_running=False,
        finished_at=time,
    )


def test_waits_double_up_to_five_minutes() -> None:
    """The first restart is immediate, then 10, 20, … 300 seconds after each end."""
    work = ContainerWork(name="c", current=ended_at(100.0))
    waits = []
    for _ in range(8):
        waits.append(max(0.0, restart_time(work) - 100.0))
        work.crash_delay, work.crash_updated = next_delay(work), 100.0

    assert waits == [0, 10, 20, 40, 80, 160, 300, 300]


def test_ten_good_minutes_start_afresh() -> None:
    """A container that ran long enough is restarted at once, and waits 10 seconds after that."""
    work = ContainerWork(name="c", current=ended_at(1000.0), crash_delay=160.0, crash_updated=300.0)

    assert restart_time(work) == 0.0
    assert next_delay(work) == 10.0


def test_durations_read_as_in_kubernetes() -> None:
    """Minutes and seconds, never fractions."""
    assert [format_seconds(value) for value in (10, 80, 300)] == ["10s", "1m20s", "5m0s"]
