"""The classes of all kinds whose fields the engine reads."""

from engine.api.apps import Deployment, ReplicaSet
from engine.api.autoscaling_v2 import HorizontalPodAutoscaler
from engine.api.batch import CronJob, Job
from engine.api.certificates import CertificateSigningRequest
from engine.api.coordination import Lease
from engine.api.core import ConfigMap, Endpoints, Namespace, Secret, Service, ServiceAccount
from engine.api.discovery import EndpointSlice
from engine.api.events import Event
from engine.api.kubarium import Decision, Fault, Invariant, Metric, UsageSeries, WhatIf
from engine.api.load import Load
from engine.api.meta import ApiObject
from engine.api.metrics import NodeMetrics, PodMetrics
from engine.api.networking import Ingress, IngressClass, NetworkPolicy
from engine.api.node import Node
from engine.api.persistent import PersistentVolume, PersistentVolumeClaim
from engine.api.pod import Binding, Pod
from engine.api.policy import PodDisruptionBudget
from engine.api.quota import LimitRange, ResourceQuota
from engine.api.rbac import ClusterRole, ClusterRoleBinding, Role, RoleBinding
from engine.api.replication import PodTemplate, ReplicationController
from engine.api.scheduling import PriorityClass, RuntimeClass
from engine.api.stateful import ControllerRevision, DaemonSet, StatefulSet
from engine.api.storage import (
    CSIDriver,
    CSINode,
    CSIStorageCapacity,
    StorageClass,
    VolumeAttachment,
)

TYPED: tuple[type[ApiObject], ...] = (
    Binding,
    CSIDriver,
    CSINode,
    CSIStorageCapacity,
    CertificateSigningRequest,
    ClusterRole,
    ClusterRoleBinding,
    ConfigMap,
    ControllerRevision,
    CronJob,
    DaemonSet,
    Decision,
    Deployment,
    EndpointSlice,
    Endpoints,
    Event,
    Fault,
    Invariant,
    HorizontalPodAutoscaler,
    Ingress,
    IngressClass,
    Job,
    Lease,
    LimitRange,
    Load,
    Metric,
    Namespace,
    NetworkPolicy,
    Node,
    NodeMetrics,
    PersistentVolume,
    PersistentVolumeClaim,
    Pod,
    PodDisruptionBudget,
    PodMetrics,
    PodTemplate,
    PriorityClass,
    ReplicaSet,
    ReplicationController,
    ResourceQuota,
    Role,
    RoleBinding,
    RuntimeClass,
    Secret,
    Service,
    ServiceAccount,
    StatefulSet,
    StorageClass,
    UsageSeries,
    VolumeAttachment,
    WhatIf,
)
"""In the order of their names."""
