"""What the verbs promise."""

from typing import Any

import attrs
import pytest

from engine.api.codec import decode
from engine.api.container import Container
from engine.api.core import ConfigMap, Namespace
from engine.api.frozen import FrozenDict
from engine.api.meta import ObjectMeta
from engine.api.pod import Pod, PodSpec
from engine.api.wire import Time
from engine.apiserver.errors import (
    AlreadyExistsError,
    ConflictError,
    ForbiddenError,
    GoneError,
    InvalidError,
    NotFoundError,
    TooManyRequestsError,
    UnavailableError,
)
from engine.apiserver.request import DeleteOptions, PatchBody, RequestInfo, WatchEvent
from engine.apiserver.server import ApiServer

MERGE = "application/merge-patch+json"


def make_pod(name: str = "web", *, node: str = "", **labels: str) -> Pod:
    """A pod of one container."""
    return Pod(
        metadata=ObjectMeta(name=name, namespace="default", labels=FrozenDict(labels)),
        spec=PodSpec(containers=(Container(name="main", image="demo:v1"),), node_name=node),
    )


def make_deployment(**spec: Any) -> Any:
    """A deployment that lacks whatever can be lacking."""
    body = {
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "main", "image": "demo:v1"}]},
        },
        **spec,
    }
    return decode(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "default"},
            "spec": body,
        }
    )


def test_created_objects_carry_identity_and_revision(
    server: ApiServer, request_info: RequestInfo
) -> None:
    """What create returns is what is stored, with uid, time in whole seconds and revision."""
    pod = server.create(make_pod(), request=request_info)

    assert pod is server.get(Pod, "web", namespace="default", request=request_info)
    assert pod.metadata.uid
    assert pod.metadata.creation_timestamp == Time(1_700_000_000)
    assert pod.revision == server.store.revision
    assert pod.status.phase == "Pending"


def test_a_name_can_be_taken_once(server: ApiServer, request_info: RequestInfo) -> None:
    """The second create of a name is AlreadyExists and changes nothing."""
    server.create(make_pod(), request=request_info)
    revision = server.store.revision

    with pytest.raises(AlreadyExistsError):
        server.create(make_pod(), request=request_info)

    assert server.store.revision == revision


def test_generated_names_begin_with_what_was_asked(
    server: ApiServer, request_info: RequestInfo
) -> None:
    """GenerateName gets a suffix of five characters."""
    pod = make_pod("")
    pod = attrs.evolve(pod, metadata=attrs.evolve(pod.metadata, generate_name="web-"))

    name = server.create(pod, request=request_info).metadata.name

    assert name.startswith("web-")
    assert len(name) == len("web-") + 5


def test_defaults_are_those_of_kubernetes(server: ApiServer, request_info: RequestInfo) -> None:
    """A deployment that says nothing gets a rolling update by quarters and one replica."""
    stored = server.create(make_deployment(), request=request_info)

    assert stored.spec.replicas == 1
    assert stored.spec.strategy.rolling_update.max_surge == "25%"
    assert stored.spec.template.spec.restart_policy == "Always"
    assert stored.spec.template.spec.containers[0].image_pull_policy == "IfNotPresent"


def test_all_faults_of_an_object_are_told_at_once(
    server: ApiServer, request_info: RequestInfo
) -> None:
    """Validation collects its causes, each with the path of its field."""
    wrong = make_deployment(replicas=-1, selector={"matchLabels": {"app": "other"}})

    with pytest.raises(InvalidError) as refused:
        server.create(wrong, request=request_info)

    fields = [cause["field"] for cause in refused.value.status()["details"]["causes"]]
    assert fields == ["spec.replicas", "spec.template.metadata.labels"]


def test_an_update_of_something_newer_is_refused(
    server: ApiServer, request_info: RequestInfo
) -> None:
    """Whoever read an older revision loses, and is told."""
    old = server.create(make_deployment(), request=request_info)
    new = attrs.evolve(old, spec=attrs.evolve(old.spec, replicas=2))
    server.update(new, request=request_info)

    with pytest.raises(ConflictError):
        server.update(new, request=request_info)


def test_generation_counts_changes_of_the_spec_only(
    server: ApiServer, request_info: RequestInfo
) -> None:
    """The status moves without the generation, the spec moves it, nothing moves nothing."""
    old = server.create(make_deployment(), request=request_info)
    status = attrs.evolve(old, status=attrs.evolve(old.status, replicas=3))

    after_status = server.update(status, subresource="status", request=request_info)
    unchanged = server.update(after_status, request=request_info)
    scaled = server.update(
        attrs.evolve(unchanged, spec=attrs.evolve(unchanged.spec, replicas=2)),
        request=request_info,
    )

    assert after_status.metadata.generation == 1
    assert unchanged is after_status
    assert scaled.metadata.generation == 2
    assert scaled.status.replicas == 3


def test_the_selector_of_a_deployment_stays(server: ApiServer, request_info: RequestInfo) -> None:
    """Pods are found by it, so it is immutable."""
    old = server.create(make_deployment(), request=request_info)
    labels = FrozenDict({"app": "web", "tier": "a"})
    template = attrs.evolve(
        old.spec.template, metadata=attrs.evolve(old.spec.template.metadata, labels=labels)
    )
    selector = attrs.evolve(old.spec.selector, match_labels=labels)
    new = attrs.evolve(old, spec=attrs.evolve(old.spec, selector=selector, template=template))

    with pytest.raises(InvalidError, match="immutable"):
        server.update(new, request=request_info)


def test_a_running_pod_ends_gracefully(server: ApiServer, request_info: RequestInfo) -> None:
    """Deletion only marks it; the kubelet's deletion without grace takes it away."""
    server.create(make_pod(node="node-1"), request=request_info)

    marked = server.delete(Pod, "web", namespace="default", request=request_info)
    gone = server.delete(
        Pod,
        "web",
        namespace="default",
        options=DeleteOptions(grace_period_seconds=0),
        request=request_info,
    )

    assert marked is not None
    assert marked.metadata.deletion_timestamp == Time(1_700_000_030)
    assert gone is None
    with pytest.raises(NotFoundError):
        server.get(Pod, "web", namespace="default", request=request_info)


def test_a_pod_without_a_node_goes_at_once(server: ApiServer, request_info: RequestInfo) -> None:
    """Nobody has to end it."""
    server.create(make_pod(), request=request_info)

    assert server.delete(Pod, "web", namespace="default", request=request_info) is None


def test_finalizers_hold_what_is_deleted(server: ApiServer, request_info: RequestInfo) -> None:
    """The object goes when the last finalizer is taken away, and not before."""
    obj = ConfigMap(
        metadata=ObjectMeta(name="held", namespace="default", finalizers=("example.com/x",))
    )
    server.create(obj, request=request_info)

    held = server.delete(ConfigMap, "held", namespace="default", request=request_info)
    assert held is not None
    server.update(
        attrs.evolve(held, metadata=attrs.evolve(held.metadata, finalizers=())),
        request=request_info,
    )

    with pytest.raises(NotFoundError):
        server.get(ConfigMap, "held", namespace="default", request=request_info)


def test_foreground_deletion_leaves_the_object_to_the_collector(
    server: ApiServer, request_info: RequestInfo
) -> None:
    """It stays with the finalizer that the garbage collector removes."""
    server.create(make_deployment(), request=request_info)

    left = server.delete(
        type(make_deployment()),
        "web",
        namespace="default",
        options=DeleteOptions(propagation_policy="Foreground"),
        request=request_info,
    )

    assert left is not None
    assert left.metadata.finalizers == ("foregroundDeletion",)


def test_a_precondition_that_does_not_hold_refuses(
    server: ApiServer, request_info: RequestInfo
) -> None:
    """Deleting another incarnation than the one meant is a conflict."""
    server.create(make_pod(), request=request_info)

    with pytest.raises(ConflictError, match="UID in the precondition"):
        server.delete(
            Pod,
            "web",
            namespace="default",
            options=DeleteOptions(uid="other"),
            request=request_info,
        )


def test_a_dry_run_stores_nothing(server: ApiServer, request_info: RequestInfo) -> None:
    """The answer is complete, the store is as it was."""
    revision = server.store.revision

    pod = server.create(make_pod(), request=request_info, dry_run=True)

    assert pod.spec.restart_policy == "Always"
    assert server.store.revision == revision


def test_nothing_is_made_in_a_namespace_that_goes(
    server: ApiServer, request_info: RequestInfo
) -> None:
    """A terminating namespace takes no new objects; its own deletion waits for its finalizer."""
    server.create(Namespace(metadata=ObjectMeta(name="room")), request=request_info)
    ending = server.delete(Namespace, "room", request=request_info)
    obj = ConfigMap(metadata=ObjectMeta(name="late", namespace="room"))

    with pytest.raises(ForbiddenError):
        server.create(obj, request=request_info)

    assert ending is not None
    assert ending.status.phase == "Terminating"
    server.update(
        attrs.evolve(ending, spec=attrs.evolve(ending.spec, finalizers=())),
        subresource="finalize",
        request=request_info,
    )
    with pytest.raises(NotFoundError):
        server.get(Namespace, "room", request=request_info)


def test_services_get_addresses_and_ports_of_their_own(
    server: ApiServer, request_info: RequestInfo
) -> None:
    """No two services share a cluster address or a node port, and updates keep them."""
    made = [
        server.create(
            decode(
                {
                    "apiVersion": "v1",
                    "kind": "Service",
                    "metadata": {"name": name, "namespace": "default"},
                    "spec": {"type": "NodePort", "ports": [{"port": 80}]},
                }
            ),
            request=request_info,
        )
        for name in ("a", "b")
    ]
    specs: list[Any] = [getattr(service, "spec", None) for service in made]

    assert specs[0].cluster_ip != specs[1].cluster_ip
    assert specs[0].cluster_ip.startswith("10.96.")
    assert specs[0].ports[0].node_port != specs[1].ports[0].node_port
    assert 30000 <= specs[0].ports[0].node_port < 32768


def test_a_merge_patch_changes_only_what_it_names(
    server: ApiServer, request_info: RequestInfo
) -> None:
    """The rest stays as it is."""
    before = server.create(make_deployment(), request=request_info)

    after = server.patch(
        type(before),
        "web",
        namespace="default",
        patch=PatchBody(type=MERGE, data={"spec": {"replicas": 4}}),
        request=request_info,
    )

    assert after.spec.replicas == 4
    assert after.spec.template == before.spec.template


def test_a_scale_is_the_number_of_replicas(server: ApiServer, request_info: RequestInfo) -> None:
    """Writing the scale changes the object."""
    deployment = server.create(make_deployment(), request=request_info)
    cls = type(deployment)
    scale = server.get_scale(cls, "web", namespace="default", request=request_info)

    server.update_scale(
        cls, attrs.evolve(scale, spec=attrs.evolve(scale.spec, replicas=5)), request=request_info
    )

    stored = server.get(cls, "web", namespace="default", request=request_info)
    assert stored.spec.replicas == 5
    assert scale.status.selector == "app=web"


def test_a_pod_is_bound_once(server: ApiServer, request_info: RequestInfo) -> None:
    """The second binding is a conflict."""
    server.create(make_pod(), request=request_info)

    server.bind("web", namespace="default", node_name="node-1", request=request_info)

    with pytest.raises(ConflictError, match="already assigned"):
        server.bind("web", namespace="default", node_name="node-2", request=request_info)


def test_an_eviction_respects_the_budget(server: ApiServer, request_info: RequestInfo) -> None:
    """Without a disruption to spend the pod stays, and the caller is told to try again."""
    made = server.create(make_pod(node="node-1", app="web"), request=request_info)
    running = attrs.evolve(made, status=attrs.evolve(made.status, phase="Running"))
    server.update(running, subresource="status", request=request_info)
    server.create(
        decode(
            {
                "apiVersion": "policy/v1",
                "kind": "PodDisruptionBudget",
                "metadata": {"name": "web", "namespace": "default"},
                "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}},
            }
        ),
        request=request_info,
    )

    with pytest.raises(TooManyRequestsError):
        server.evict("web", namespace="default", request=request_info)

    pod = server.get(Pod, "web", namespace="default", request=request_info)
    assert pod.metadata.deletion_timestamp is None


def test_an_eviction_says_so_in_the_status_of_the_pod(
    server: ApiServer, request_info: RequestInfo
) -> None:
    """The condition is there before the pod goes; a dry run leaves none."""
    server.create(make_pod(node="node-1"), request=request_info)

    server.evict("web", namespace="default", request=request_info, dry_run=True)
    before = server.get(Pod, "web", namespace="default", request=request_info)
    server.evict("web", namespace="default", request=request_info)

    after = server.get(Pod, "web", namespace="default", request=request_info)
    assert before.status.conditions == ()
    assert after.metadata.deletion_timestamp is not None
    (condition,) = after.status.conditions
    assert (condition.type, condition.status) == ("DisruptionTarget", "True")
    assert condition.reason == "EvictionByEvictionAPI"
    assert condition.message == "Eviction API: evicting"


def test_lists_go_page_by_page_at_one_revision(
    server: ApiServer, request_info: RequestInfo
) -> None:
    """What is created between two pages is not seen on the second."""
    for name in ("a", "b", "c"):
        server.create(make_pod(name), request=request_info)

    first = server.list(Pod, namespace="default", limit=2, request=request_info)
    server.create(make_pod("d"), request=request_info)
    second = server.list(
        Pod,
        namespace="default",
        limit=2,
        continue_token=first.continue_token,
        request=request_info,
    )

    assert [pod.metadata.name for pod in (*first.items, *second.items)] == ["a", "b", "c"]
    assert first.remaining == 1
    assert second.revision == first.revision


@pytest.mark.parametrize("selector", ["", "app"])
def test_a_negative_limit_is_none(
    server: ApiServer, request_info: RequestInfo, selector: str
) -> None:
    """Also of nothing at all."""
    listed = server.list(
        Pod, namespace="default", limit=-7, label_selector=selector, request=request_info
    )

    assert (listed.items, listed.continue_token) == ((), "")


def test_the_past_can_be_listed(server: ApiServer, request_info: RequestInfo) -> None:
    """ResourceVersionMatch=Exact reads the revision asked for, until it is compacted."""
    server.create(make_pod("a"), request=request_info)
    then = str(server.store.revision)
    server.delete(Pod, "a", namespace="default", request=request_info)

    found = server.list(
        Pod, resource_version=then, resource_version_match="Exact", request=request_info
    )
    server.store.compact(server.store.revision)

    assert [pod.metadata.name for pod in found.items] == ["a"]
    with pytest.raises(GoneError):
        server.list(
            Pod, resource_version=then, resource_version_match="Exact", request=request_info
        )


def test_entering_a_selection_is_added_and_leaving_it_deleted(
    server: ApiServer, request_info: RequestInfo
) -> None:
    """A kubelet's watch sees a pod appear when it is bound, and only then."""
    events: list[WatchEvent] = []
    server.create(make_pod(), request=request_info)
    server.watch(
        Pod,
        field_selector="spec.nodeName=node-1",
        resource_version=str(server.store.revision),
        deliver=events.append,
        request=request_info,
    )

    server.bind("web", namespace="default", node_name="node-1", request=request_info)
    server.delete(Pod, "web", namespace="default", request=request_info)
    server.delete(
        Pod,
        "web",
        namespace="default",
        options=DeleteOptions(grace_period_seconds=0),
        request=request_info,
    )

    assert [event.type for event in events] == ["ADDED", "MODIFIED", "DELETED"]
    assert events[-1].obj.metadata.resource_version == str(events[-1].revision)


def test_a_streamed_list_ends_with_a_bookmark(server: ApiServer, request_info: RequestInfo) -> None:
    """With sendInitialEvents what there is comes first, then the mark, then changes."""
    events: list[WatchEvent] = []
    server.create(make_pod("a"), request=request_info)

    server.watch(
        Pod,
        send_initial_events=True,
        resource_version_match="NotOlderThan",
        bookmarks=True,
        deliver=events.append,
        request=request_info,
    )
    server.create(make_pod("b"), request=request_info)

    assert [event.type for event in events] == ["ADDED", "BOOKMARK", "ADDED"]
    assert events[1].obj.metadata.annotations == {"k8s.io/initial-events-end": "true"}


def test_watching_from_a_compacted_revision_is_gone(
    server: ApiServer, request_info: RequestInfo
) -> None:
    """The watcher must list again."""
    server.create(make_pod("a"), request=request_info)
    server.create(make_pod("b"), request=request_info)
    server.create(make_pod("c"), request=request_info)
    server.store.compact(server.store.revision)

    with pytest.raises(GoneError):
        server.watch(Pod, resource_version="2", deliver=print, request=request_info)


def test_a_server_that_is_down_refuses_everything(
    server: ApiServer, request_info: RequestInfo
) -> None:
    """Verbs raise Unavailable, watches end with an error, nothing changes."""
    events: list[WatchEvent] = []
    server.watch(
        Pod,
        resource_version=str(server.store.revision),
        deliver=events.append,
        request=request_info,
    )

    server.set_up(is_up=False)

    with pytest.raises(UnavailableError):
        server.create(make_pod(), request=request_info)
    assert [event.type for event in events] == ["ERROR"]


def test_a_list_goes_on_after_its_revision_is_compacted(
    server: ApiServer, request_info: RequestInfo
) -> None:
    """The refusal carries a token that leads to the rest as it is now."""
    for name in ("a", "b", "c"):
        made = ConfigMap(metadata=ObjectMeta(name=name, namespace="default"))
        server.create(made, request=request_info)
    first = server.list(ConfigMap, namespace="default", limit=1, request=request_info)
    server.delete(ConfigMap, "b", namespace="default", request=request_info)
    server.store.compact(server.store.revision)

    with pytest.raises(GoneError) as gone:
        server.list(
            ConfigMap,
            namespace="default",
            limit=1,
            continue_token=first.continue_token,
            request=request_info,
        )
    rest = server.list(
        ConfigMap,
        namespace="default",
        continue_token=gone.value.status()["metadata"]["continue"],
        request=request_info,
    )

    assert [one.metadata.name for one in rest.items] == ["c"]
    assert rest.revision == server.store.revision
