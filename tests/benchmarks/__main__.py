"""`make bench`: every benchmark, one process each, so that none warms another's caches."""

import subprocess
import sys

BENCHMARKS = (
    "cluster",
    "live",
    "store",
    "pods",
    "kubelet",
    "soak",
    "proxy",
    "scheduler",
    "scale",
    "apiserver",
    "load",
)


def main() -> int:
    """Run those named on the command line, or all; 1 if a target is missed."""
    wanted = sys.argv[1:] or BENCHMARKS
    codes = [
        subprocess.run([sys.executable, "-m", f"tests.benchmarks.{name}"], check=False).returncode
        for name in wanted
    ]
    return int(any(codes))


if __name__ == "__main__":
    raise SystemExit(main())
