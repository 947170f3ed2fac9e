"""A KubeSchedulerConfiguration makes profiles, and says everything that is wrong with it."""

from typing import Any

import pytest

from engine.errors import ConfigError
from engine.scheduler.configuration import read_configuration
from engine.scheduler.plugins.node_resources_fit import NodeResourcesFit
from engine.scheduler.volume_view import VolumeView

HEAD = {"apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "KubeSchedulerConfiguration"}


def _read(**fields: Any) -> Any:
    return read_configuration({**HEAD, **fields}, source="conf.yaml")


def test_without_profiles_there_is_the_default_one() -> None:
    """With the plugins and weights of Kubernetes 1.34."""
    (profile,) = _read().profiles

    assert profile.name == "default-scheduler"
    assert dict(profile.scores) == {
        "TaintToleration": 3,
        "NodeAffinity": 2,
        "NodeResourcesFit": 1,
        "PodTopologySpread": 2,
        "InterPodAffinity": 2,
        "NodeResourcesBalancedAllocation": 1,
        "ImageLocality": 1,
    }
    assert profile.filters == (
        "NodeUnschedulable", "NodeName", "TaintToleration", "NodeAffinity", "NodePorts",
        "NodeResourcesFit", "VolumeRestrictions", "NodeVolumeLimits", "VolumeBinding",
        "VolumeZone", "PodTopologySpread", "InterPodAffinity",
    )  # fmt: skip


def test_plugins_are_switched_off_and_weighed_anew() -> None:
    """At one point or at all of them; the star means all."""
    settings = _read(
        podInitialBackoffSeconds=2,
        podMaxBackoffSeconds=20,
        profiles=[
            {
                "schedulerName": "packer",
                "plugins": {
                    "score": {
                        "disabled": [{"name": "*"}],
                        "enabled": [{"name": "NodeResourcesFit", "weight": 5}],
                    },
                    "multiPoint": {"disabled": [{"name": "DefaultPreemption"}]},
                },
                "pluginConfig": [
                    {
                        "name": "NodeResourcesFit",
                        "args": {
                            "scoringStrategy": {
                                "type": "MostAllocated",
                                "resources": [{"name": "cpu", "weight": 3}],
                            }
                        },
                    }
                ],
            }
        ],
    )
    (given,) = settings.profiles
    profile = given.make(VolumeView())

    assert (settings.initial_backoff, settings.max_backoff) == (2.0, 20.0)
    assert given.scores == (("NodeResourcesFit", 5),)
    assert not profile.can_preempt
    fit = profile.scores[0].plugin
    assert isinstance(fit, NodeResourcesFit)
    assert (fit.strategy, dict(fit.weights)) == ("MostAllocated", {"cpu": 3})


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"profile": []}, "profile: unknown field"),
        ({"profiles": [{"plugins": {"score": {"enabled": [{"name": "Nope"}]}}}]},
         r"profiles\[0\].plugins.score.enabled\[0\].name: 'Nope' is not a plugin"),
        ({"profiles": [{"schedulerName": "a"}, {"schedulerName": "a"}]},
         r"profiles\[1\].schedulerName: Duplicate value"),
        ({"podInitialBackoffSeconds": 0}, "podInitialBackoffSeconds: a number from 1"),
        ({"profiles": [{"pluginConfig": [{"name": "NodeResourcesFit",
          "args": {"scoringStrategy": {"type": "Best"}}}]}]}, "Unsupported value: \"Best\""),
        ({"profiles": [{"pluginConfig": [{"name": "InterPodAffinity",
          "args": {"hardPodAffinityWeight": 101}}]}]}, "hardPodAffinityWeight: a number from 0"),
        ({"kind": "Pod"}, "KubeSchedulerConfiguration was expected"),
        ({"extenders": [{}]}, "extenders"),
        ({"percentageOfNodesToScore": 101}, "percentageOfNodesToScore: a number from 0 to 100"),
        ({"profiles": [{"percentageOfNodesToScore": -1}]},
         r"profiles\[0\].percentageOfNodesToScore: a number from 0 to 100"),
        ({"profiles": [{"pluginConfig": [{"name": "VolumeBinding",
          "args": {"shape": [{"utilization": 0, "score": 0}]}}]}]},
         "shape: the feature StorageCapacityScoring is off"),
    ],
)  # fmt: skip
def test_faults_name_their_path(fields: dict[str, Any], words: str) -> None:
    """And the file."""
    with pytest.raises(ConfigError, match=words) as caught:
        _read(**fields)
    assert str(caught.value).startswith("conf.yaml: ")
