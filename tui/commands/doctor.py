"""`kubarium doctor`: what works on this machine, and what to do about what does not."""

import argparse
import os

from engine.adapters.podman.preflight import inspect_host


def run(_options: argparse.Namespace) -> int:
    """Print the findings; 0 if containers can be run here."""
    found = inspect_host()
    if not found.usable:
        print(f"containers: no. {found.reason}")
        print("Kubarium runs simulated containers until that is mended.")
        return 1
    print(f"containers: yes, with podman {found.version} and {found.runtime}")
    print(f"privileges: {'root' if os.geteuid() == 0 else 'rootless'}")
    network = "routed pods, services on nftables" if found.is_routed else "a bridge per node"
    print(f"network:    {network}")
    return 0
