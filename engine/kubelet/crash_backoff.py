"""How long a container that ended waits before it is started again. Pure arithmetic.

Source: kubelet doBackOff, kuberuntime_manager.go, and client-go flowcontrol.Backoff, v1.34.
"""

from engine.kubelet.pod_state import ContainerWork

BASE_SECONDS = 10.0
CAP_SECONDS = 300.0
RESET_SECONDS = 600.0


def restart_time(work: ContainerWork) -> float:
    """When the container that ended may be started again; 0 for at once.

    The first restart is immediate; then the wait after the end doubles from 10 s to 300 s. A
    container that ran for ten minutes starts afresh.
    """
    record = work.current
    if record is None or work.crash_delay == 0.0:
        return 0.0
    if record.finished_at - work.crash_updated > RESET_SECONDS:
        return 0.0
    return record.finished_at + work.crash_delay


def next_delay(work: ContainerWork) -> float:
    """The back-off that holds after the container that ended is started again."""
    record = work.current
    if record is None or work.crash_delay == 0.0:
        return BASE_SECONDS
    if record.finished_at - work.crash_updated > RESET_SECONDS:
        return BASE_SECONDS
    return min(CAP_SECONDS, work.crash_delay * 2)


def format_seconds(seconds: float) -> str:
    """A duration as the kubelet writes it: ``10s``, ``1m20s``, ``5m0s``."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
