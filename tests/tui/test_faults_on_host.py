"""The Faults screen on a cluster: made by the form, seen with a countdown, ended by one key."""

from pathlib import Path

import pytest
from textual.widgets import Input, Select, Static

from engine.api.kubarium import Fault
from engine.api.pod import Pod
from engine.cri.runtime import LogOptions
from tests.tui.hosts import standing_host
from tui.app import KubariumApp
from tui.embedded import EmbeddedSource
from tui.screens.fault_form import FaultForm, read_params, read_seconds


@pytest.mark.asyncio
async def test_a_fault_is_made_seen_and_ended(tmp_path: Path) -> None:
    """The form says what is wrong while it is typed; the panic key works without the API too."""
    async with standing_host(tmp_path) as host:
        cluster = host.cluster
        app = KubariumApp(EmbeddedSource(host))
        async with app.run_test(size=(120, 40)) as pilot:
            await pilot.pause()
            await pilot.press("f11", "f")
            await pilot.pause(0.2)
            form = app.screen
            assert isinstance(form, FaultForm)
            form.query_one("#type", Select).value = "net.delay"
            await pilot.pause()
            form.query_one("#params", Input).value = "latency=soon"
            form.query_one("#target", Input).value = "app=hello 50%"
            await pilot.pause()
            complaint = str(form.query_one("#problem", Static).render())
            form.query_one("#params", Input).value = "latency=100ms"
            await pilot.pause()
            await pilot.click("#yes")
            await pilot.pause(0.2)
            cluster.run_for(2.0)
            await pilot.pause(0.2)
            (fault,) = cluster.list(Fault)
            cluster.server.set_up(is_up=False)
            await pilot.press("exclamation_mark")
            await pilot.pause(0.2)
            cluster.server.set_up(is_up=True)
            cluster.run_for(3.0)

        assert "a time as 250ms" in complaint
        assert (fault.spec.type, fault.status.phase) == ("net.delay", "Active")
        assert fault.status.touched
        assert cluster.injector.active == ()
        assert [one.status.phase for one in cluster.list(Fault)] == ["Recovered"]


@pytest.mark.asyncio
async def test_components_are_pods_of_a_host(tmp_path: Path) -> None:
    """All of them run from the start, with their logs."""
    async with standing_host(tmp_path) as host:
        pods = {
            pod.metadata.name: pod.status.phase
            for pod in host.cluster.list(Pod, namespace="kube-system")
        }
        log = [
            piece
            async for piece in host.logs("kube-system", "etcd-control-plane", "etcd", LogOptions())
        ]

    assert pods["kube-apiserver-control-plane"] == "Running"
    assert pods["kube-proxy-node-1"] == "Running"
    assert len(pods) == 5 + 4
    assert any(b"applied put" in piece for piece in log)


@pytest.mark.parametrize(
    ("text", "seconds"), [("", None), ("30s", 30.0), ("2m", 120.0), ("45", 45.0)]
)
def test_durations_are_read(text: str, seconds: float | None) -> None:
    """As people write them."""
    assert read_seconds(text) == seconds


@pytest.mark.parametrize("text", ["soon", "-3s", "0"])
def test_wrong_durations_are_said(text: str) -> None:
    """With what was expected."""
    with pytest.raises(ValueError, match="duration"):
        read_seconds(text)


def test_parameters_are_words() -> None:
    """name=value, with spaces between."""
    assert read_params("percent=30 direction=in") == {"percent": "30", "direction": "in"}
    with pytest.raises(ValueError, match="name=value"):
        read_params("percent 30")
