"""Environment, command and arguments of a container."""

import pytest

from engine.api.codec import decode
from engine.api.container import Container
from engine.api.core import ConfigMap, Secret, Service
from engine.api.frozen import FrozenDict
from engine.api.meta import ObjectMeta
from engine.api.pod import Pod
from engine.kubelet.config_source import MissingConfigError
from engine.kubelet.downward import PodFacts
from engine.kubelet.environment import build_process, expand


class Shelf:
    """ConfigMaps and Secrets without an API server."""

    def config_map(self, namespace: str, name: str) -> ConfigMap:
        """One ConfigMap named settings."""
        if name != "settings":
            raise MissingConfigError(f'configmap "{name}" not found')
        return ConfigMap(data=FrozenDict({"colour": "red", "size": "big"}))

    def secret(self, namespace: str, name: str) -> Secret:
        """One Secret named login."""
        if name != "login":
            raise MissingConfigError(f'secret "{name}" not found')
        return Secret(data=FrozenDict({"password": "c2VzYW1l"}))


def environment(services: tuple[Service, ...] = (), **container: object) -> dict[str, str]:
    """The environment of a pod's only container."""
    manifest = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}},
        "spec": {"nodeName": "node-1", "containers": [{"name": "main", **container}]},
    }
    pod = decode(manifest)
    assert isinstance(pod, Pod)
    main: Container = pod.spec.containers[0]
    facts = PodFacts(
        pod_ip="10.244.1.2",
        host_ip="10.64.0.11",
        allocatable={"cpu": "4", "ephemeral-storage": "3Gi"},
    )
    built = build_process(pod, main, services=services, configs=Shelf(), facts=facts)
    return dict(built.env)


def test_later_variables_win_and_see_earlier_ones() -> None:
    """Env overrides envFrom, and $(NAME) refers to what came before."""
    env = environment(
        envFrom=[{"configMapRef": {"name": "settings"}, "prefix": "P_"}],
        env=[
            {"name": "P_size", "value": "small"},
            {"name": "BOTH", "value": "$(P_colour)-$(P_size)-$(UNKNOWN)"},
        ],
    )

    assert env == {"P_colour": "red", "P_size": "small", "BOTH": "red-small-$(UNKNOWN)"}


def test_fields_of_the_pod() -> None:
    """The downward API in variables."""
    paths = {
        "NAME": "metadata.name",
        "APP": "metadata.labels['app']",
        "IP": "status.podIP",
        "NODE": "spec.nodeName",
    }
    env = environment(
        env=[{"name": k, "valueFrom": {"fieldRef": {"fieldPath": v}}} for k, v in paths.items()]
    )

    assert env == {"NAME": "web", "APP": "web", "IP": "10.244.1.2", "NODE": "node-1"}


def test_limits_fall_back_to_the_node() -> None:
    """A container without a limit of CPU or disk sees what the node can give."""
    cpu = {"resource": "limits.cpu", "divisor": "1m"}
    disk = {"resource": "limits.ephemeral-storage", "divisor": "1Gi"}
    env = environment(
        env=[
            {"name": "CPU", "valueFrom": {"resourceFieldRef": cpu}},
            {"name": "DISK", "valueFrom": {"resourceFieldRef": disk}},
        ]
    )

    assert env == {"CPU": "4000", "DISK": "3"}


def test_secret_values_are_decoded() -> None:
    """A Secret's base64 is not what the container sees."""
    env = environment(
        env=[
            {"name": "PW", "valueFrom": {"secretKeyRef": {"name": "login", "key": "password"}}},
        ]
    )

    assert env == {"PW": "sesame"}


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ({"name": "nope", "key": "x"}, 'configmap "nope" not found'),
        ({"name": "settings", "key": "x"}, "couldn't find key x in ConfigMap shop/settings"),
    ],
)
def test_missing_references_are_errors(reference: dict[str, str], message: str) -> None:
    """What is not optional must be there, and the message is the kubelet's."""
    with pytest.raises(MissingConfigError, match=message):
        environment(env=[{"name": "X", "valueFrom": {"configMapKeyRef": reference}}])


def test_optional_references_are_left_out() -> None:
    """An optional key that is missing sets no variable."""
    reference = {"name": "nope", "key": "x", "optional": True}

    assert environment(env=[{"name": "X", "valueFrom": {"configMapKeyRef": reference}}]) == {}


def test_services_of_the_namespace_become_variables() -> None:
    """A container finds the services of its namespace in its environment."""
    service = decode(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "my-db", "namespace": "shop"},
            "spec": {"clusterIP": "10.96.0.7", "ports": [{"name": "sql", "port": 5432}]},
        }
    )
    assert isinstance(service, Service)
    other = Service(metadata=ObjectMeta(name="other", namespace="elsewhere"), spec=service.spec)

    env = environment(services=(service, other))

    assert env["MY_DB_SERVICE_HOST"] == "10.96.0.7"
    assert env["MY_DB_SERVICE_PORT_SQL"] == "5432"
    assert env["MY_DB_PORT_5432_TCP"] == "tcp://10.96.0.7:5432"
    assert not any(name.startswith("OTHER") for name in env)


def test_double_dollar_is_a_dollar() -> None:
    """$$ escapes a reference."""
    assert expand("$$(A) $(A) $A", {"A": "1"}) == "$(A) 1 $A"
