"""A store as a screen is told of it: one slow watcher, one lease about to end, mixed causes."""

from engine.store.status import (
    CompactionRow,
    KeyGroup,
    LeaseRow,
    RevisionRow,
    StoreStatus,
    WatcherRow,
)
from tests.tui.fixtures import NOW

_WEB = "/registry/core/pods/default/web-5b6c7d8e9f-2vbns"
_SET = "/registry/apps/replicasets/default/web-5b6c7d8e9f"
_WRITES = (
    ("update", "/registry/apps/deployments/default/web", "kubectl", 0, "", "kubectl: PATCH web"),
    ("create", _SET, "deployment-controller", 1030, "/registry/apps/deployments/default/web", ""),
    ("create", _WEB, "replicaset-controller", 1031, _SET, ""),
    ("update", _WEB, "scheduler", 1032, _WEB, ""),
    ("delete", "/registry/core/pods/default/web-7d8f9c6b5d-lk77c", "kubelet/node-1", 1029, "", ""),
    ("update", "/registry/coordination.k8s.io/leases/kube-node-lease/node-1", "kubelet/node-1",
     0, "", ""),
)  # fmt: skip

STORE = StoreStatus(
    revision=1035,
    durable_revision=1034,
    now=NOW,
    kept_in="/var/lib/kubarium/store.db",
    groups=(
        KeyGroup(path="/registry/apps/deployments/default", keys=3, size=7400),
        KeyGroup(path="/registry/apps/replicasets/default", keys=4, size=9100),
        KeyGroup(path="/registry/coordination.k8s.io/leases/kube-node-lease", keys=4, size=2048),
        KeyGroup(path="/registry/core/events/default", keys=412, size=310_000, is_estimate=True),
        KeyGroup(path="/registry/core/namespaces", keys=3, size=900),
        KeyGroup(path="/registry/core/pods/default", keys=15, size=46_000),
        KeyGroup(path="/registry/core/pods/kube-system", keys=2, size=6100),
    ),
    revisions=tuple(
        RevisionRow(
            revision=1030 + number,
            sub=0,
            verb=verb,
            key=key,
            size=0 if verb == "delete" else 2300 + 100 * number,
            time=NOW - 14 + 2 * number,
            actor=actor,
            cause=cause,
            cause_key=cause_key,
            entry=7 if words else 0,
            input=words,
        )
        for number, (verb, key, actor, cause, cause_key, words) in enumerate(_WRITES)
    ),
    watchers=(
        WatcherRow(watcher_id=1, name="scheduler", span="/registry/core/pods/*", delivered=210),
        WatcherRow(
            watcher_id=2, name="kubelet/node-1", span="/registry/core/pods/*", index="node-1",
            delivered=31,
        ),
        WatcherRow(
            watcher_id=3, name="kubectl", span="/registry/core/events/*", state="paused", lag=87,
            waiting=12, delivered=1290,
        ),
        WatcherRow(
            watcher_id=4, name="argo", span="/registry/apps/deployments/default/*",
            state="behind", lag=4, delivered=2,
        ),
    ),
    leases=(
        LeaseRow(lease_id=1, ttl=86_460.0, remaining=80_000.0, keys=201),
        LeaseRow(lease_id=2, ttl=60.0, remaining=9.0, keys=1),
    ),
    compaction=CompactionRow(
        revisions=500_000, age=86_400.0, size=256 * 2**20, compact_revision=420,
        next_at=NOW + 27, target=511, changes=615,
    ),
    file_size=4_718_592,
)  # fmt: skip
