"""Which columns a resource has."""

from engine.api.scheme import Resource
from engine.apiserver.columns import cluster, network, pods, workloads
from engine.apiserver.columns.column import Columns

COLUMNS: dict[str, Columns] = {
    "configmaps": cluster.CONFIG_MAPS,
    "customresourcedefinitions.apiextensions.k8s.io": cluster.DEFINITIONS,
    "daemonsets.apps": workloads.DAEMON_SETS,
    "deployments.apps": workloads.DEPLOYMENTS,
    "endpoints": network.ENDPOINTS,
    "endpointslices.discovery.k8s.io": network.ENDPOINT_SLICES,
    "events": cluster.EVENTS,
    "ingresses.networking.k8s.io": network.INGRESSES,
    "jobs.batch": workloads.JOBS,
    "leases.coordination.k8s.io": cluster.LEASES,
    "namespaces": cluster.NAMESPACES,
    "nodes": cluster.NODES,
    "persistentvolumeclaims": cluster.CLAIMS,
    "poddisruptionbudgets.policy": cluster.BUDGETS,
    "pods": pods.PODS,
    "replicasets.apps": workloads.REPLICA_SETS,
    "secrets": cluster.SECRETS,
    "serviceaccounts": cluster.SERVICE_ACCOUNTS,
    "services": network.SERVICES,
    "statefulsets.apps": workloads.STATEFUL_SETS,
}


def columns_for(resource: Resource) -> Columns:
    """The columns of *resource*; name and age if it has none of its own."""
    if resource.custom is not None:
        found: Columns = resource.custom.columns
        return found
    return COLUMNS.get(resource.qualified, cluster.PLAIN)
