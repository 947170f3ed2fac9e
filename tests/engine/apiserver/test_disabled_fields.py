"""What new pods lose because its feature is off."""

from engine.api.codec import decode, encode
from engine.api.pod import Pod
from engine.apiserver.disabled_fields import without_disabled
from engine.apiserver.pod_validation import validate_pod_spec

CONTAINER = {"name": "c", "image": "i"}


def test_a_projection_of_trust_bundles_is_dropped() -> None:
    """Its source stays and gives nothing; the other sources are as they were."""
    sources = [
        {"clusterTrustBundle": {"name": "roots", "path": "ca.pem"}},
        {"configMap": {"name": "c"}},
    ]
    pod = decode(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "p"},
            "spec": {
                "containers": [CONTAINER],
                "volumes": [{"name": "v", "projected": {"sources": sources}}],
            },
        }
    )

    assert isinstance(pod, Pod)

    (volume,) = encode(without_disabled(pod))["spec"]["volumes"]

    assert list(volume["projected"]["sources"]) == [{}, {"configMap": {"name": "c"}}]


def test_a_variable_from_a_file_has_no_source() -> None:
    """It is refused instead of never being set."""
    variable = {"name": "X", "valueFrom": {"fileKeyRef": {"volumeName": "v", "path": "e"}}}
    pod = decode(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "p"},
            "spec": {"containers": [{**CONTAINER, "env": [variable]}]},
        }
    )

    assert isinstance(pod, Pod)

    causes = validate_pod_spec(pod.spec, "spec")

    assert [cause.field for cause in causes if "must specify one of" in cause.message] == [
        "spec.containers[0].env[0].valueFrom"
    ]
