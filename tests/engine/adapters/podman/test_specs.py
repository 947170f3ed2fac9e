"""Commands as container specifications."""

from pathlib import Path
from typing import Any

import attrs
import pytest

from engine.adapters.podman import specs
from engine.adapters.podman.records import Owner, Sandbox
from engine.cri.commands import (
    CreateSandbox,
    HostsEntry,
    Mount,
    PodIdentity,
    Resources,
    Security,
    StartContainer,
)

POD = PodIdentity(namespace="default", name="web-0", uid="0123456789ab")
OWNER = Owner(instance="kubarium-x", node="node-1", state=Path("/state"))
SANDBOX = Sandbox(id="s1", pod=POD, attempt=0, ip="10.244.1.2", folder=Path("/state/pods/u"))
START = StartContainer(pod=POD, sandbox_id="s1", name="web", attempt=2, image="demo:v1")


def spec_of(**settings: Any) -> dict[str, Any]:
    """The specification of a container started with *settings*."""
    command = attrs.evolve(START, **settings)
    return specs.container_spec(command, SANDBOX, OWNER, mounts=[], namespaces={})


def test_name_says_which_container_of_which_pod() -> None:
    """`podman ps` can be read by a human; another boot of the node gives another name."""
    first = specs.container_name(START, OWNER)
    rebooted = specs.container_name(START, attrs.evolve(OWNER, boot=1))

    assert first == "kubarium-x.web.2.web-0.default.01234567"
    assert rebooted == "kubarium-x.boot1.web.2.web-0.default.01234567"


def test_labels_of_ours_win_over_those_of_the_pod() -> None:
    """A manifest cannot make its containers look like somebody else's."""
    spec = spec_of(labels={"kubarium.dev/instance": "other", "app": "web"})

    assert spec["labels"]["kubarium.dev/instance"] == "kubarium-x"
    assert spec["labels"]["app"] == "web"


def test_huge_pages_are_limited_to_none_unless_asked_for() -> None:
    """Of each size that the host has, by the kernel's name of it."""
    limits = specs.huge_page_limits(Resources(huge_pages=(("2Mi", 4 << 20),)), ("1Gi", "2Mi"))

    assert limits["hugepageLimits"] == [
        {"pageSize": "1GB", "limit": 0},
        {"pageSize": "2MB", "limit": 4 << 20},
    ]
    assert specs.huge_page_limits(Resources(), ()) == {}


def test_containers_of_a_limited_pod_are_ranked_by_its_resources() -> None:
    """A guaranteed pod is one whoever sets the limits: it goes last when the host has no memory."""
    whole = Resources(cpu_request=300, cpu_limit=300, memory_request=1 << 26, memory_limit=1 << 26)
    sandbox = attrs.evolve(SANDBOX, resources=whole)

    alone = specs.container_spec(START, SANDBOX, OWNER, mounts=[], namespaces={})
    limited = specs.container_spec(START, sandbox, OWNER, mounts=[], namespaces={})

    assert limited["oom_score_adj"] < alone["oom_score_adj"]
    assert limited["cgroup_parent"] == "/libpod_parent/s1"


def test_a_systemd_names_the_cgroups_of_pods_itself() -> None:
    """It refuses every parent that is no slice; the pod's own slice is found by its number."""
    sandbox = attrs.evolve(SANDBOX, resources=Resources(cpu_limit=300))

    spec = specs.container_spec(START, sandbox, OWNER, mounts=[], namespaces={}, has_slices=True)

    assert "cgroup_parent" not in spec


def test_command_replaces_the_entrypoint_and_args_only_the_arguments() -> None:
    """As Kubernetes defines command and args against the image's own."""
    both = spec_of(command=("sh",), args=("-c", "true"))
    only_args = spec_of(args=("--verbose",))
    neither = spec_of()

    assert (both["entrypoint"], both["command"]) == (["sh"], ["-c", "true"])
    assert "entrypoint" not in only_args
    assert only_args["command"] == ["--verbose"]
    assert "entrypoint" not in neither
    assert "command" not in neither


@pytest.mark.parametrize(
    ("resources", "limits"),
    [
        pytest.param(Resources(), {"cpu": {"shares": 2}}, id="best effort"),
        pytest.param(Resources(cpu_request=500), {"cpu": {"shares": 512}}, id="request"),
        pytest.param(
            Resources(cpu_limit=250),
            {"cpu": {"shares": 256, "period": 100_000, "quota": 25_000}},
            id="limit counts as request",
        ),
        pytest.param(
            Resources(cpu_limit=1),
            {"cpu": {"shares": 2, "period": 100_000, "quota": 1_000}},
            id="smallest quota",
        ),
        pytest.param(
            Resources(memory_limit=64 << 20),
            {"cpu": {"shares": 2}, "memory": {"limit": 64 << 20, "swap": 64 << 20}},
            id="memory without swap",
        ),
        pytest.param(
            Resources(memory_limit=1),
            {"cpu": {"shares": 2}, "memory": {"limit": 6 << 20, "swap": 6 << 20}},
            id="smallest memory",
        ),
    ],
)
def test_resources_become_shares_quota_and_limit(
    resources: Resources, limits: dict[str, Any]
) -> None:
    """The kubelet's formulas, with the floors below which nothing starts."""
    assert specs.resource_limits(resources) == limits


def test_security_context_is_enforced() -> None:
    """User, groups, capabilities and the rest reach Podman under its names."""
    security = Security(
        run_as_user=1000,
        run_as_group=2000,
        fs_group=3000,
        supplemental_groups=(4000,),
        read_only_root=True,
        allow_privilege_escalation=False,
        capabilities_add=("NET_ADMIN",),
        capabilities_drop=("all",),
    )

    settings = specs.security_settings(security)

    assert settings == {
        "privileged": False,
        "read_only_filesystem": True,
        "no_new_privileges": True,
        "seccomp_profile_path": "unconfined",
        "user": "1000:2000",
        "groups": ["4000", "3000"],
        "cap_add": ["CAP_NET_ADMIN"],
        "cap_drop": ["ALL"],
    }


def test_a_volume_over_a_file_of_the_pod_replaces_it() -> None:
    """A pod that mounts its own /etc/hosts gets it, and the kubelet's not."""
    mount = Mount(volume="hosts", container_path="/etc/hosts")

    destinations = [item["destination"] for item in spec_of(mounts=(mount,))["mounts"]]

    assert "/etc/hosts" not in destinations
    assert "/etc/resolv.conf" in destinations


def test_pod_without_dns_servers_gets_the_hosts_resolver() -> None:
    """The DNS policy Default means the node's own resolv.conf."""
    command = CreateSandbox(pod=POD, hostname="web-0")

    files = specs.etc_files(command, ip="10.244.1.2", host_resolv="nameserver 192.0.2.1\n")

    assert files["resolv.conf"] == "nameserver 192.0.2.1\n"
    assert "10.244.1.2\tweb-0\n" in files["hosts"]


def test_host_aliases_are_lines_of_the_hosts_file() -> None:
    """Each alias keeps its names together."""
    entry = HostsEntry(ip="192.0.2.9", hostnames=("db", "database"))
    command = CreateSandbox(pod=POD, hostname="web-0", hosts=(entry,))

    files = specs.etc_files(command, ip="", host_resolv="")

    assert files["hosts"].endswith("192.0.2.9\tdb\tdatabase\n")
