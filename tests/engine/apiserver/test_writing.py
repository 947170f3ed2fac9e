"""What creating, updating, patching and binding promise."""

from typing import Any

import attrs
import pytest

from engine.api.codec import decode
from engine.api.core import ConfigMap, Namespace
from engine.api.frozen import FrozenDict
from engine.api.meta import ObjectMeta
from engine.api.pod import Pod
from engine.api.wire import Time
from engine.apiserver.errors import (
    AlreadyExistsError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    UnavailableError,
)
from engine.apiserver.request import PatchBody, RequestInfo, WatchEvent
from engine.apiserver.server import ApiServer
from tests.engine.apiserver.objects import make_deployment, make_pod

MERGE = "application/merge-patch+json"


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
