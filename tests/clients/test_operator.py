"""An operator of the kopf framework against a served cluster."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clients.crontabs import DEFINITION, NAME, cron_tab
from tests.clients.kubectl import Kubectl

pytestmark = [pytest.mark.kubectl, pytest.mark.timeout(600)]

PROGRAM = Path(__file__).with_name("operator_program.py")


def test_an_operator_runs(kubectl: Kubectl, served: Path, tmp_path: Path) -> None:
    """Its handlers, timers, daemons, events and finalizers do what they do elsewhere."""
    kubectl("apply", "-f", "-", text=json.dumps(DEFINITION))
    kubectl("wait", "--for=condition=Established", f"crd/{NAME}", "--timeout=10s")
    kubectl("create", "namespace", "operated")
    log = tmp_path / "operator.log"
    with log.open("w") as output:
        operator = subprocess.Popen(
            [Path(sys.executable).with_name("kopf"), "run", "--namespace=operated", str(PROGRAM)],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "KUBECONFIG": str(served)},
        )
    try:
        ours = ("-n", "operated")
        kubectl("apply", *ours, "-f", "-", text=json.dumps(cron_tab("one", color="red")))
        for wanted in ("{.status.phase}=Created", "{.status.created.message}=made one"):
            kubectl("wait", *ours, "ct/one", f"--for=jsonpath={wanted}", "--timeout=90s")
        kubectl("patch", "ct", "one", *ours, "--type=merge", "-p", '{"spec":{"color":"blue"}}')
        kubectl("wait", *ours, "ct/one", "--for=jsonpath={.status.color}=blue", "--timeout=90s")
        kubectl("wait", *ours, "ct/one", "--for=jsonpath={.status.ticks}=3", "--timeout=90s")
        events = kubectl("get", "events", *ours, "-o", "jsonpath={.items[*].reason}")
        kubectl("delete", "ct", "one", *ours, "--timeout=90s")
    finally:
        operator.send_signal(signal.SIGTERM)
        operator.wait(timeout=60)
        kubectl("delete", "namespace", "operated", "--wait=false")
        kubectl("delete", "crd", NAME, "--timeout=90s")

    assert "Made" in events.split()
    assert "deleted one" in log.read_text(), log.read_text()
