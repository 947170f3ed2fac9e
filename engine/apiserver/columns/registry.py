"""Which columns a resource has."""

from functools import lru_cache

from engine.api.scheme import SCHEME, Resource
from engine.apiserver.columns import (
    access,
    cluster,
    kubarium,
    metrics,
    network,
    pods,
    storage,
    workloads,
)
from engine.apiserver.columns.column import Columns
from engine.apiserver.conversion import converted

COLUMNS: dict[str, Columns] = {
    "apiservices.apiregistration.k8s.io": access.API_SERVICES,
    "certificatesigningrequests.certificates.k8s.io": access.SIGNING_REQUESTS,
    "clusterrolebindings.rbac.authorization.k8s.io": access.BINDINGS,
    "clusterroles.rbac.authorization.k8s.io": access.CREATED,
    "componentstatuses": access.COMPONENT_STATUSES,
    "configmaps": cluster.CONFIG_MAPS,
    "controllerrevisions.apps": workloads.CONTROLLER_REVISIONS,
    "cronjobs.batch": workloads.CRON_JOBS,
    "csidrivers.storage.k8s.io": storage.DRIVERS,
    "csinodes.storage.k8s.io": storage.NODES,
    "csistoragecapacities.storage.k8s.io": storage.CAPACITIES,
    "customresourcedefinitions.apiextensions.k8s.io": access.CREATED,
    "daemonsets.apps": workloads.DAEMON_SETS,
    "decisions.kubarium.dev": kubarium.DECISIONS,
    "deployments.apps": workloads.DEPLOYMENTS,
    "endpoints": network.ENDPOINTS,
    "endpointslices.discovery.k8s.io": network.ENDPOINT_SLICES,
    "events": cluster.EVENTS,
    "faults.kubarium.dev": kubarium.FAULTS,
    "flowschemas.flowcontrol.apiserver.k8s.io": access.FLOW_SCHEMAS,
    "horizontalpodautoscalers.autoscaling": workloads.AUTOSCALERS,
    "ingressclasses.networking.k8s.io": network.INGRESS_CLASSES,
    "ingresses.networking.k8s.io": network.INGRESSES,
    "invariants.kubarium.dev": kubarium.INVARIANTS,
    "ipaddresses.networking.k8s.io": network.ADDRESSES,
    "jobs.batch": workloads.JOBS,
    "leases.coordination.k8s.io": cluster.LEASES,
    "limitranges": access.CREATED,
    "loads.kubarium.dev": kubarium.LOADS,
    "metrics.kubarium.dev": metrics.METRICS,
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": access.WEBHOOKS,
    "namespaces": cluster.NAMESPACES,
    "networkpolicies.networking.k8s.io": network.POLICIES,
    "nodes": cluster.NODES,
    "nodes.metrics.k8s.io": metrics.NODE_METRICS,
    "persistentvolumeclaims": cluster.CLAIMS,
    "persistentvolumes": storage.VOLUMES,
    "poddisruptionbudgets.policy": cluster.BUDGETS,
    "pods": pods.PODS,
    "pods.metrics.k8s.io": metrics.POD_METRICS,
    "podtemplates": workloads.POD_TEMPLATES,
    "priorityclasses.scheduling.k8s.io": access.PRIORITY_CLASSES,
    "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io": access.PRIORITY_LEVELS,
    "replicasets.apps": workloads.REPLICA_SETS,
    "replicationcontrollers": workloads.REPLICATION_CONTROLLERS,
    "resourcequotas": access.QUOTAS,
    "rolebindings.rbac.authorization.k8s.io": access.BINDINGS,
    "roles.rbac.authorization.k8s.io": access.CREATED,
    "runtimeclasses.node.k8s.io": access.RUNTIME_CLASSES,
    "scales.autoscaling": workloads.SCALES,
    "secrets": cluster.SECRETS,
    "serviceaccounts": cluster.SERVICE_ACCOUNTS,
    "servicecidrs.networking.k8s.io": network.SERVICE_CIDRS,
    "services": network.SERVICES,
    "statefulsets.apps": workloads.STATEFUL_SETS,
    "storageclasses.storage.k8s.io": storage.CLASSES,
    "validatingadmissionpolicies.admissionregistration.k8s.io": access.ADMISSION_POLICIES,
    "validatingadmissionpolicybindings.admissionregistration.k8s.io": access.ADMISSION_BINDINGS,
    "validatingwebhookconfigurations.admissionregistration.k8s.io": access.WEBHOOKS,
    "volumeattachments.storage.k8s.io": storage.ATTACHMENTS,
    "volumeattributesclasses.storage.k8s.io": storage.ATTRIBUTES_CLASSES,
}


def columns_for(resource: Resource) -> Columns:
    """The columns of *resource*; name and age if it has none of its own."""
    if resource.custom is not None:
        found: Columns = resource.custom.columns
        return found
    if resource.stored_as is not None:
        return _of_view(resource)
    return COLUMNS.get(resource.qualified, cluster.PLAIN)


@lru_cache(maxsize=16)
def _of_view(resource: Resource) -> Columns:
    """The columns of the stored kind: a view of it shows the same."""
    assert resource.stored_as is not None, "a view"
    cls = SCHEME.class_for(*resource.stored_as)
    assert cls is not None, "a kind of Kubernetes"
    shown = columns_for(SCHEME.resource_of(cls))
    return Columns(shown.columns, lambda obj, now: shown.cells(converted(obj, cls), now))
