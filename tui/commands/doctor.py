"""`kubarium doctor`: what works on this machine, and what to do about what does not."""

import argparse
import os

from engine.adapters.podman.doctor import is_usable, look
from engine.adapters.podman.finding import Verdict
from engine.hosting.options import state_folder

SIGNS = {Verdict.OK: "ok", Verdict.NOTE: "note", Verdict.NO: "NO"}


def run(options: argparse.Namespace) -> int:
    """Print the findings; 0 if containers can be run here."""
    address = getattr(options, "podman_url", "") or os.environ.get("CONTAINER_HOST", "")
    findings = look(address, state_folder())
    usable = is_usable(findings)
    blocking = next((item for item in findings if item.verdict is Verdict.NO), None)
    if blocking is None:
        print("containers: yes, real ones can be run here")
    else:
        print(f"containers: no. {blocking.text}")
        print("Kubarium runs simulated containers until that is mended.")
    width = max(len(finding.name) for finding in findings) + 1
    for finding in findings:
        print(f"  {SIGNS[finding.verdict]:<5} {finding.name + ':':<{width}} {finding.text}")
        if finding.mend:
            print(f"        {'':<{width}} -> {finding.mend}")
    return 0 if usable else 1
