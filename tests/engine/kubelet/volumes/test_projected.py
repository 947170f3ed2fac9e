"""Content volumes of a pod on a node: what the runtime is asked to provide."""

import base64

from engine.api.core import ConfigMap
from engine.cri.commands import UpdateVolume, Volume
from tests.engine.kubelet.station import Station

PROJECTED = {
    "name": "all",
    "projected": {
        "defaultMode": 0o440,
        "sources": [
            {"serviceAccountToken": {"path": "token", "expirationSeconds": 600}},
            {"configMap": {"name": "settings", "items": [{"key": "a", "path": "conf/a"}]}},
            {"secret": {"name": "keys", "optional": True}},
            {
                "downwardAPI": {
                    "items": [
                        {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}},
                        {
                            "path": "cpu",
                            "resourceFieldRef": {
                                "containerName": "main",
                                "resource": "limits.cpu",
                                "divisor": "1m",
                            },
                        },
                    ]
                }
            },
        ],
    },
}


def listening(station: Station) -> list[Volume]:
    """The content volumes that the runtime is told to replace from now on."""
    heard: list[Volume] = []

    def note(command: UpdateVolume) -> None:
        heard.append(command.volume)

    station.runtime.on_volume = note
    return heard


def projected_pod(station: Station) -> None:
    """A ConfigMap, an account, and a pod that mounts all kinds of content in one volume."""
    for kind, name, data in (("ServiceAccount", "default", None), ("ConfigMap", "settings", "1")):
        body: dict[str, object] = {"apiVersion": "v1", "kind": kind}
        body["metadata"] = {"name": name, "namespace": "default"}
        station.create(
            body | ({"data": {"a": data}} if data else {"automountServiceAccountToken": False})
        )
    station.pod(
        spec={"volumes": [PROJECTED]},
        volumeMounts=[{"name": "all", "mountPath": "/all"}],
        resources={"limits": {"cpu": "250m"}},
    )


def contents(station: Station) -> dict[str, bytes]:
    """The files of the pod's volume, as the runtime was last told."""
    workers = station.kubelet.workers
    assert workers is not None
    (state,) = workers.states.values()
    return {file.path: file.data for file in state.volumes["all"].files or ()}


def test_a_projected_volume_holds_all_its_sources() -> None:
    """Token, configuration and the downward API are files of one volume in memory."""
    station = Station()
    projected_pod(station)
    station.run(5.0)

    found = contents(station)

    assert station.status().state.running is not None
    assert found["conf/a"] == b"1"
    assert found["cpu"] == b"250"
    claims = found["token"].split(b".")[1]
    assert b"system:serviceaccount:default:default" in base64.urlsafe_b64decode(claims + b"===")


def test_a_token_is_replaced_before_it_expires() -> None:
    """At 80 % of its ten minutes the running pod gets a new one."""
    station = Station()
    projected_pod(station)
    station.run(5.0)
    before = contents(station)["token"]
    heard = listening(station)

    station.run(490.0)

    assert [volume.name for volume in heard] == ["all"]
    assert contents(station)["token"] != before


def test_a_changed_config_map_replaces_the_files() -> None:
    """The runtime is given the new content soon after the change."""
    station = Station()
    projected_pod(station)
    station.run(5.0)
    heard = listening(station)

    station.client.patch(ConfigMap, "settings", {"data": {"a": "2"}}, namespace="default")
    station.run(2.0)

    assert len(heard) == 1
    assert contents(station)["conf/a"] == b"2"


def test_a_missing_key_is_told_in_the_kubelets_words() -> None:
    """FailedMount names the volume and the key; the pod starts once the key is there."""
    station = Station()
    station.create(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "settings", "namespace": "default"},
        }
    )
    source = {"name": "settings", "items": [{"key": "a", "path": "a"}]}
    station.pod(
        spec={"volumes": [{"name": "conf", "configMap": source}]},
        volumeMounts=[{"name": "conf", "mountPath": "/conf"}],
    )
    station.run(3.0)

    why = "configmap references non-existent config key: a"
    assert station.told("FailedMount") == [f'MountVolume.SetUp failed for volume "conf" : {why}']
    station.client.patch(ConfigMap, "settings", {"data": {"a": "2"}}, namespace="default")
    station.run(5.0)
    assert station.status().state.running is not None
