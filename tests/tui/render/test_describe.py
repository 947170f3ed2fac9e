"""Descriptions and YAML say what is there, and nothing they should not."""

import yaml

from engine.api.core import Secret
from engine.api.frozen import FrozenDict
from engine.api.meta import ObjectMeta
from tests.tui.fixtures import NOW, demo_cluster, make_event, make_pod
from tui.render.describe import describe
from tui.render.text import plain, width
from tui.render.yaml_text import to_yaml, yaml_lines


def test_every_object_can_be_described_and_written() -> None:
    """Whatever its kind, an object has a description, and YAML that reads back."""
    for obj in demo_cluster():
        lines = [plain(line) for line in describe(obj, [], NOW, 100)]

        assert obj.metadata.name in "\n".join(lines)
        assert yaml.safe_load(to_yaml(obj))["metadata"]["name"] == obj.metadata.name


def test_toned_yaml_is_the_same_yaml() -> None:
    """Tones change no letter."""
    text = to_yaml(demo_cluster()[0])

    assert "\n".join(plain(line) for line in yaml_lines(text)) == text.rstrip("\n")


def test_a_description_ends_with_the_objects_own_events() -> None:
    """Events of others are not shown."""
    pod, other = make_pod("web-1"), make_pod("web-2")
    events = [
        make_event(1, "Started", pod, "Started container web", ago=5),
        make_event(2, "Killing", other, "Stopping container web", ago=3),
    ]

    text = "\n".join(plain(line) for line in describe(pod, events, NOW, 100))

    assert "Started" in text
    assert "Killing" not in text


def test_secrets_stay_secret() -> None:
    """A description tells how long a secret is, not what."""
    secret = Secret(metadata=ObjectMeta(name="s"), data=FrozenDict({"key": "c2VjcmV0"}))

    text = "\n".join(plain(line) for line in describe(secret, [], NOW, 100))

    assert "c2VjcmV0" not in text
    assert "6 bytes" in text


def test_event_lines_keep_to_the_room() -> None:
    """A long message does not make the page wider."""
    pod = make_pod("web-1")
    events = [make_event(1, "Failed", pod, "word " * 200, type_="Warning", ago=5)]

    assert max(width(line) for line in describe(pod, events, NOW, 100)) <= 100


def test_the_values_of_a_secret_are_shown_only_when_asked_for() -> None:
    """Neither the data nor what `kubectl apply` remembers of it."""
    applied = {"kubectl.kubernetes.io/last-applied-configuration": '{"data":{"a":"c2VjcmV0"}}'}
    secret = Secret(
        metadata=ObjectMeta(name="s", annotations=FrozenDict(applied)),
        data=FrozenDict({"a": "c2VjcmV0"}),
    )

    assert "c2VjcmV0" not in to_yaml(secret)
    assert "a: ••" in to_yaml(secret)
    assert "c2VjcmV0" in to_yaml(secret, shows_secrets=True)
