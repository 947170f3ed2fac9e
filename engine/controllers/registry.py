"""All controllers by name, in the order in which they start."""

from functools import partial

from engine.apiserver.authentication.certificates import Authority
from engine.config import ControllerSettings
from engine.controllers.autoscaling.controller import HorizontalController
from engine.controllers.certificates.controller import CertificateController
from engine.controllers.cluster_role_aggregation import ClusterRoleAggregationController
from engine.controllers.controller import ControllerFactory
from engine.controllers.cronjob.controller import CronJobController
from engine.controllers.daemonset.controller import DaemonSetController
from engine.controllers.deployment.controller import DeploymentController
from engine.controllers.disruption import DisruptionController
from engine.controllers.endpoints import EndpointsController
from engine.controllers.endpointslice import EndpointSliceController
from engine.controllers.endpointslice_mirroring import EndpointSliceMirroringController
from engine.controllers.garbage_collector import GarbageCollector
from engine.controllers.job.controller import JobController
from engine.controllers.namespace import NamespaceController
from engine.controllers.node_ipam import NodeIpamController
from engine.controllers.node_lifecycle import NodeLifecycleController
from engine.controllers.pod_gc import PodGarbageCollector
from engine.controllers.replicaset import ReplicaSetController, ReplicationManager
from engine.controllers.resource_quota import ResourceQuotaController
from engine.controllers.root_ca_publisher import RootCaPublisher
from engine.controllers.service_account import ServiceAccountController
from engine.controllers.service_cidr import ServiceCidrController
from engine.controllers.service_load_balancer import ServiceLoadBalancerController
from engine.controllers.statefulset.controller import StatefulSetController
from engine.controllers.storage.attach_detach import AttachDetachController
from engine.controllers.storage.attacher import CsiAttacher
from engine.controllers.storage.binder import PersistentVolumeBinder
from engine.controllers.storage.ephemeral import EphemeralVolumeController
from engine.controllers.storage.expansion import ExpandController
from engine.controllers.storage.modification import CsiModifier
from engine.controllers.storage.operations import StorageOperations
from engine.controllers.storage.provisioner import CsiProvisioner
from engine.controllers.storage.snapshotter import CsiSnapshotter
from engine.controllers.storage_protection import (
    ClaimProtectionController,
    VolumeProtectionController,
)
from engine.controllers.taint_eviction import TaintEvictionController
from engine.controllers.tokens import TokensController
from engine.controllers.ttl_after_finished import TtlAfterFinishedController

CONTROLLERS: dict[str, ControllerFactory] = {
    "service-account-controller": ServiceAccountController,
    "clusterrole-aggregation-controller": ClusterRoleAggregationController,
    "root-ca-cert-publisher": RootCaPublisher,
    "tokens-controller": TokensController,
    "namespace-controller": NamespaceController,
    "deployment-controller": DeploymentController,
    "replicaset-controller": ReplicaSetController,
    "replication-controller": ReplicationManager,
    "statefulset-controller": StatefulSetController,
    "daemon-set-controller": DaemonSetController,
    "job-controller": JobController,
    "cronjob-controller": CronJobController,
    "ttl-after-finished-controller": TtlAfterFinishedController,
    "endpoint-controller": EndpointsController,
    "endpointslice-controller": EndpointSliceController,
    "endpointslicemirroring-controller": EndpointSliceMirroringController,
    "service-cidrs-controller": ServiceCidrController,
    "service-controller": ServiceLoadBalancerController,
    "node-ipam-controller": NodeIpamController,
    "node-controller": NodeLifecycleController,
    "taint-eviction-controller": TaintEvictionController,
    "pod-garbage-collector": PodGarbageCollector,
    "resourcequota-controller": ResourceQuotaController,
    "persistent-volume-binder": PersistentVolumeBinder,
    "ephemeral-volume-controller": EphemeralVolumeController,
    "attachdetach-controller": AttachDetachController,
    "csi-provisioner": CsiProvisioner,
    "csi-attacher": CsiAttacher,
    "csi-snapshotter": CsiSnapshotter,
    "csi-modifier": CsiModifier,
    "expand-controller": ExpandController,
    "pvc-protection-controller": ClaimProtectionController,
    "pv-protection-controller": VolumeProtectionController,
    "disruption-controller": DisruptionController,
    "horizontal-pod-autoscaler": HorizontalController,
    "generic-garbage-collector": GarbageCollector,
    "certificate-controller": CertificateController,
}
"""The name is the actor: writes are made as ``system:serviceaccount:kube-system:NAME``."""

EVENT_SOURCES: dict[str, str] = {
    "daemon-set-controller": "daemonset-controller",
    "disruption-controller": "controllermanager",
    "endpointslice-controller": "endpoint-slice-controller",
    "endpointslicemirroring-controller": "endpoint-slice-mirroring-controller",
    "ephemeral-volume-controller": "ephemeral_volume",
    "generic-garbage-collector": "garbage-collector-controller",
    "node-ipam-controller": "cidrAllocator",
    "persistent-volume-binder": "persistentvolume-controller",
}
"""What controllers call themselves in Events, where that is not the name of their account."""


def controllers_with(
    authority: Authority,
    storage: StorageOperations,
    settings: ControllerSettings = ControllerSettings(),  # noqa: B008 - frozen
) -> dict[str, ControllerFactory]:
    """All controllers; certificates are signed by *authority*, volumes made by *storage*."""
    return {
        **CONTROLLERS,
        "node-controller": partial(NodeLifecycleController, settings=settings),
        "pod-garbage-collector": partial(
            PodGarbageCollector, threshold=settings.terminated_pod_gc_threshold
        ),
        "horizontal-pod-autoscaler": partial(
            HorizontalController,
            period=settings.horizontal_pod_autoscaler_sync_period,
            tolerance=settings.horizontal_pod_autoscaler_tolerance,
        ),
        "csi-provisioner": partial(CsiProvisioner, operations=storage),
        "csi-attacher": partial(CsiAttacher, operations=storage),
        "csi-snapshotter": partial(CsiSnapshotter, operations=storage),
        "csi-modifier": partial(CsiModifier, operations=storage),
        "expand-controller": partial(ExpandController, operations=storage),
        "certificate-controller": partial(CertificateController, authority=authority),
    }
