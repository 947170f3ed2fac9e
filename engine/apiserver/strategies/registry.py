"""Which kind is written by which strategy."""

from engine.api.scheme import Resource
from engine.apiserver.api_services import ApiServiceStrategy
from engine.apiserver.customresources.strategy import CustomStrategy, DefinitionStrategy
from engine.apiserver.strategies.autoscaling import AutoscalerStrategy
from engine.apiserver.strategies.batch import CronJobStrategy, JobStrategy
from engine.apiserver.strategies.certificates import SigningRequestStrategy
from engine.apiserver.strategies.configuration import (
    FlowSchemaStrategy,
    PriorityLevelStrategy,
    WebhookStrategy,
)
from engine.apiserver.strategies.data import DataStrategy, SecretStrategy
from engine.apiserver.strategies.discovery import EndpointSliceStrategy
from engine.apiserver.strategies.event import EventStrategy
from engine.apiserver.strategies.fault import FaultStrategy
from engine.apiserver.strategies.lease import LeaseStrategy
from engine.apiserver.strategies.namespace import NamespaceStrategy
from engine.apiserver.strategies.networking import (
    IngressClassStrategy,
    IngressStrategy,
    NetworkPolicyStrategy,
)
from engine.apiserver.strategies.node import NodeStrategy
from engine.apiserver.strategies.persistent import ClaimStrategy, VolumeStrategy
from engine.apiserver.strategies.pod_parts import ServedPodStrategy
from engine.apiserver.strategies.policy import (
    BudgetStrategy,
    LimitRangeStrategy,
    PriorityClassStrategy,
    QuotaStrategy,
    RuntimeClassStrategy,
)
from engine.apiserver.strategies.rbac import BindingStrategy, RoleStrategy
from engine.apiserver.strategies.service import ServiceStrategy
from engine.apiserver.strategies.service_cidr import IpAddressStrategy, ServiceCidrStrategy
from engine.apiserver.strategies.stateful import (
    ControllerRevisionStrategy,
    DaemonSetStrategy,
    PodTemplateStrategy,
    ReplicationControllerStrategy,
    StatefulSetStrategy,
)
from engine.apiserver.strategies.storage import (
    CSIDriverStrategy,
    StorageClassStrategy,
    VolumeAttachmentStrategy,
)
from engine.apiserver.strategies.workload import DeploymentStrategy, ReplicaSetStrategy
from engine.apiserver.strategy import StatusAlone, Strategy, WithoutGeneration, WithoutStatus

_WITHOUT_GENERATION = WithoutGeneration()
_WITHOUT_STATUS = WithoutStatus()
_DEFAULT = Strategy()

STRATEGIES: dict[str, Strategy] = {
    "certificatesigningrequests.certificates.k8s.io": SigningRequestStrategy(),
    "apiservices.apiregistration.k8s.io": ApiServiceStrategy(),
    "clusterrolebindings.rbac.authorization.k8s.io": BindingStrategy(),
    "clusterroles.rbac.authorization.k8s.io": RoleStrategy(),
    "configmaps": DataStrategy(),
    "customresourcedefinitions.apiextensions.k8s.io": DefinitionStrategy(),
    "controllerrevisions.apps": ControllerRevisionStrategy(),
    "cronjobs.batch": CronJobStrategy(),
    "csidrivers.storage.k8s.io": CSIDriverStrategy(),
    "daemonsets.apps": DaemonSetStrategy(),
    "deployments.apps": DeploymentStrategy(),
    "endpointslices.discovery.k8s.io": EndpointSliceStrategy(),
    "faults.kubarium.dev": FaultStrategy(),
    "flowschemas.flowcontrol.apiserver.k8s.io": FlowSchemaStrategy(),
    "horizontalpodautoscalers.autoscaling": AutoscalerStrategy(),
    "ingressclasses.networking.k8s.io": IngressClassStrategy(),
    "ingresses.networking.k8s.io": IngressStrategy(),
    "jobs.batch": JobStrategy(),
    "leases.coordination.k8s.io": LeaseStrategy(),
    "limitranges": LimitRangeStrategy(),
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": WebhookStrategy(),
    "namespaces": NamespaceStrategy(),
    "networkpolicies.networking.k8s.io": NetworkPolicyStrategy(),
    "nodes": NodeStrategy(),
    "persistentvolumeclaims": ClaimStrategy(),
    "persistentvolumes": VolumeStrategy(),
    "poddisruptionbudgets.policy": BudgetStrategy(),
    "pods": ServedPodStrategy(),
    "podtemplates": PodTemplateStrategy(),
    "priorityclasses.scheduling.k8s.io": PriorityClassStrategy(),
    "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io": PriorityLevelStrategy(),
    "replicasets.apps": ReplicaSetStrategy(),
    "replicationcontrollers": ReplicationControllerStrategy(),
    "resourcequotas": QuotaStrategy(),
    "resourceclaims.resource.k8s.io": StatusAlone(),
    "rolebindings.rbac.authorization.k8s.io": BindingStrategy(),
    "roles.rbac.authorization.k8s.io": RoleStrategy(),
    "runtimeclasses.node.k8s.io": RuntimeClassStrategy(),
    "secrets": SecretStrategy(),
    "events": EventStrategy(),
    "ipaddresses.networking.k8s.io": IpAddressStrategy(),
    "servicecidrs.networking.k8s.io": ServiceCidrStrategy(),
    "services": ServiceStrategy(),
    "statefulsets.apps": StatefulSetStrategy(),
    "storageclasses.storage.k8s.io": StorageClassStrategy(),
    "validatingadmissionpolicies.admissionregistration.k8s.io": StatusAlone(),
    "validatingwebhookconfigurations.admissionregistration.k8s.io": WebhookStrategy(),
    "volumeattachments.storage.k8s.io": VolumeAttachmentStrategy(),
}


def strategy_for(resource: Resource) -> Strategy:
    """The strategy that writes objects of *resource*."""
    if resource.custom is not None:
        return CustomStrategy(resource.custom)
    found = STRATEGIES.get(resource.qualified)
    if found is not None:
        return found
    return _DEFAULT if "status" in resource.subresources else _WITHOUT_STATUS
