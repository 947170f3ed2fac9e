"""Claims, volumes, snapshots and what happens to data, on real disks and containers."""

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.served import Served

pytestmark = [pytest.mark.podman, pytest.mark.kubectl, pytest.mark.timeout(300)]

IMAGE = "localhost/kubarium/demo:v1"


def claim(name: str, of: str, size: str, *modes: str, **spec: Any) -> dict[str, Any]:
    """A claim of a class."""
    body = {
        "accessModes": list(modes or ("ReadWriteOnce",)),
        "storageClassName": of,
        "resources": {"requests": {"storage": size}},
        **spec,
    }
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": body,
    }


def pod(name: str, node: str, **claims: str) -> dict[str, Any]:
    """A pod that has each claim in a folder of that name."""
    mounts = [{"name": place, "mountPath": f"/{place}"} for place in claims]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "terminationGracePeriodSeconds": 1,
            "nodeSelector": {"kubernetes.io/hostname": node},
            "containers": [{"name": "c", "image": IMAGE, "volumeMounts": mounts}],
            "volumes": [
                {"name": place, "persistentVolumeClaim": {"claimName": of}}
                for place, of in claims.items()
            ],
        },
    }


def apply(served: Served, *objects: dict[str, Any]) -> None:
    """Apply objects."""
    listed = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
    served.kubectl("apply", "-f", "-", stdin=json.dumps(listed))


def ready(served: Served, *names: str) -> None:
    """Wait until pods are ready."""
    pods = [f"pod/{name}" for name in names]
    served.kubectl("wait", "--for=condition=Ready", *pods, "--timeout=60s")


def run(served: Served, name: str, script: str) -> str:
    """What a script says in a pod."""
    return served.kubectl("exec", name, "--", "sh", "-c", script)


def traces(folder: Path) -> list[str]:
    """Mounts and loop devices whose files are in *folder*."""
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    loops = subprocess.run(
        ["losetup", "--list", "--noheadings"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return [line for line in (*mounts, *loops) if str(folder) in line]


def test_data_stays_through_moves_crashes_and_copies(tmp_path: Path) -> None:
    """All that a volume promises, in one life of a cluster, and nothing is left of it."""
    data = tmp_path / "data"
    served = Served.start(tmp_path, "--nodes", "2", "--data", str(data))
    try:
        served.kubectl("wait", "--for=condition=Ready", "node", "--all", "--timeout=30s")
        _check_disks(served)
        _check_sharing(served)
        _check_copies(served)

        served.kill()
        served = Served.start(tmp_path, "--nodes", "2", "--data", str(data))

        assert run(served, "first", "cat /disk/file").strip() == "kept"
        _check_multi_attach(served)
        served.kubectl("delete", "pod", "--all", "--timeout=60s")
        served.kubectl("delete", "volumesnapshot", "--all", "--timeout=60s")
        served.kubectl("delete", "pvc", "--all", "--timeout=60s")
        deadline = time.monotonic() + 30
        while served.get("pv")["items"] and time.monotonic() < deadline:
            time.sleep(0.2)
        assert served.get("pv")["items"] == []
        assert served.get("volumeattachment")["items"] == []
        assert traces(data / "podman" / "disks") == []
        assert list((data / "podman" / "disks").iterdir()) == []
    finally:
        errors = served.stop()
    assert "Traceback" not in errors


def _check_disks(served: Served) -> None:
    """A disk holds no more than its size, and grows when its claim does."""
    apply(
        served,
        claim("disk", "cloud", "32Mi"),
        claim("here", "local", "16Mi"),
        pod("first", "node-1", disk="disk", here="here"),
    )
    ready(served, "first")
    run(served, "first", "echo kept > /disk/file && echo here > /here/file && sync")
    full = run(served, "first", "dd if=/dev/zero of=/disk/big bs=1M count=64 2>&1 || true")
    assert "No space left on device" in full
    run(served, "first", "rm /disk/big")

    growth = {"spec": {"resources": {"requests": {"storage": "64Mi"}}}}
    served.kubectl("patch", "pvc", "disk", "-p", json.dumps(growth))
    served.kubectl("wait", "--for=condition=FileSystemResizePending", "pvc/disk", "--timeout=30s")
    served.kubectl("delete", "pod", "first")  # where a mounted file system may not grow
    apply(served, pod("first", "node-1", disk="disk", here="here"))
    ready(served, "first")
    served.kubectl(
        "wait", "--for=jsonpath={.status.capacity.storage}=64Mi", "pvc/disk", "--timeout=30s"
    )
    blocks = int(run(served, "first", "df /disk").splitlines()[1].split()[1])
    assert blocks > 48 * 1024
    assert run(served, "first", "cat /disk/file /here/file").split() == ["kept", "here"]


def _check_sharing(served: Served) -> None:
    """ReadWriteMany: what one node writes another one reads."""
    apply(
        served,
        claim("shared", "network", "1Gi", "ReadWriteMany"),
        pod("left", "node-1", all="shared"),
        pod("right", "node-2", all="shared"),
    )
    ready(served, "left", "right")

    run(served, "left", "echo together > /all/file")

    assert run(served, "right", "cat /all/file").strip() == "together"
    served.kubectl("delete", "pod", "left", "right")


def _check_copies(served: Served) -> None:
    """A snapshot holds what was there, a clone what is there."""
    snapshot = {
        "apiVersion": "snapshot.storage.k8s.io/v1",
        "kind": "VolumeSnapshot",
        "metadata": {"name": "before"},
        "spec": {"source": {"persistentVolumeClaimName": "disk"}},
    }
    apply(served, snapshot)
    served.kubectl(
        "wait", "--for=jsonpath={.status.readyToUse}=true", "volumesnapshot/before", "--timeout=30s"
    )
    run(served, "first", "echo later > /disk/more && sync")
    source = {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "before"}
    original = {"kind": "PersistentVolumeClaim", "name": "disk"}
    apply(
        served,
        claim("restored", "cloud", "64Mi", dataSource=source),
        claim("cloned", "cloud", "64Mi", dataSource=original),
        pod("copies", "node-2", restored="restored", cloned="cloned"),
    )
    ready(served, "copies")

    assert run(served, "copies", "cat /restored/file; ls /restored").split()[0] == "kept"
    assert "more" not in run(served, "copies", "ls /restored")
    assert run(served, "copies", "cat /cloned/more").strip() == "later"


def _check_multi_attach(served: Served) -> None:
    """A disk is on one node; the other one's pod is told, and gets it once it is free."""
    apply(served, pod("second", "node-2", disk="disk"))
    deadline = time.monotonic() + 20
    while "Multi-Attach error" not in served.kubectl("describe", "pod", "second"):
        assert time.monotonic() < deadline, served.kubectl("describe", "pod", "second")
        time.sleep(0.2)

    served.kubectl("delete", "pod", "first")

    ready(served, "second")
    assert run(served, "second", "cat /disk/file").strip() == "kept"


def test_nothing_is_left_of_a_cluster_that_is_not_kept(tmp_path: Path) -> None:
    """Mounts, loop devices and files go with it, also when volumes are in use."""
    served = Served.start(tmp_path, "--nodes", "1")
    apply(
        served,
        claim("disk", "cloud", "16Mi"),
        claim("shared", "network", "16Mi", "ReadWriteMany"),
        pod("user", "node-1", disk="disk", all="shared"),
    )
    ready(served, "user")
    assert traces(tmp_path) != []

    served.stop()

    assert traces(tmp_path) == []
