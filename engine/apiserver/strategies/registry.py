"""Which kind is written by which strategy."""

from engine.api.scheme import Resource
from engine.apiserver.strategies import carried
from engine.apiserver.strategies.carried import CarriedStrategy
from engine.apiserver.strategies.data import DataStrategy, SecretStrategy
from engine.apiserver.strategies.namespace import NamespaceStrategy
from engine.apiserver.strategies.node import NodeStrategy
from engine.apiserver.strategies.pod import PodStrategy
from engine.apiserver.strategies.service import ServiceStrategy
from engine.apiserver.strategies.workload import DeploymentStrategy, ReplicaSetStrategy
from engine.apiserver.strategy import GenerationOnly, Strategy, WithoutGeneration, WithoutStatus

_GENERATION_ONLY = GenerationOnly()
_WITHOUT_GENERATION = WithoutGeneration()
_WITHOUT_STATUS = WithoutStatus()
_DEFAULT = Strategy()

STRATEGIES: dict[str, Strategy] = {
    "configmaps": DataStrategy(),
    "deployments.apps": DeploymentStrategy(),
    "endpointslices.discovery.k8s.io": _GENERATION_ONLY,
    "ingresses.networking.k8s.io": _DEFAULT,
    "namespaces": NamespaceStrategy(),
    "networkpolicies.networking.k8s.io": _GENERATION_ONLY,
    "nodes": NodeStrategy(),
    "jobs.batch": CarriedStrategy(carried.JOB),
    "cronjobs.batch": CarriedStrategy(carried.CRON_JOB),
    "daemonsets.apps": CarriedStrategy(carried.DAEMON_SET),
    "persistentvolumeclaims": CarriedStrategy(
        carried.CLAIM, first_status={"phase": "Pending"}, has_generation=False
    ),
    "persistentvolumes": CarriedStrategy(
        carried.VOLUME, first_status={"phase": "Pending"}, has_generation=False
    ),
    "replicationcontrollers": CarriedStrategy({"replicas": 1}),
    "statefulsets.apps": CarriedStrategy(carried.STATEFUL_SET),
    "pods": PodStrategy(),
    "replicasets.apps": ReplicaSetStrategy(),
    "resourcequotas": _WITHOUT_GENERATION,
    "secrets": SecretStrategy(),
    "services": ServiceStrategy(),
    "volumeattachments.storage.k8s.io": _WITHOUT_GENERATION,
}


def strategy_for(resource: Resource) -> Strategy:
    """The strategy that writes objects of *resource*."""
    found = STRATEGIES.get(resource.qualified)
    if found is not None:
        return found
    return _DEFAULT if "status" in resource.subresources else _WITHOUT_STATUS
