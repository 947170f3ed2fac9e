"""Every resource of Kubernetes that is served, as a table.

A row: group/version, kind, plural, short names, flags. Flags: ``n`` namespaced, ``s`` has a status
subresource, ``c`` has a scale subresource, ``a`` in category "all", ``x`` in category
"api-extensions", ``r`` create only (reviews).

Source: `kubectl api-resources` of Kubernetes v1.34.
"""

_TABLE = """
v1 Binding bindings - nr
v1 ComponentStatus componentstatuses cs -
v1 ConfigMap configmaps cm n
v1 Endpoints endpoints ep n
v1 Event events ev n
v1 LimitRange limitranges limits n
v1 Namespace namespaces ns s
v1 Node nodes no s
v1 PersistentVolumeClaim persistentvolumeclaims pvc ns
v1 PersistentVolume persistentvolumes pv s
v1 Pod pods po nsa
v1 PodTemplate podtemplates - n
v1 ReplicationController replicationcontrollers rc nsca
v1 ResourceQuota resourcequotas quota ns
v1 Secret secrets - n
v1 ServiceAccount serviceaccounts sa n
v1 Service services svc nsa
admissionregistration.k8s.io/v1 MutatingWebhookConfiguration mutatingwebhookconfigurations - x
admissionregistration.k8s.io/v1 ValidatingAdmissionPolicy validatingadmissionpolicies - sx
admissionregistration.k8s.io/v1 ValidatingAdmissionPolicyBinding validatingadmissionpolicybindings - x
admissionregistration.k8s.io/v1 ValidatingWebhookConfiguration validatingwebhookconfigurations - x
apiextensions.k8s.io/v1 CustomResourceDefinition customresourcedefinitions crd,crds sx
apiregistration.k8s.io/v1 APIService apiservices - sx
apps/v1 ControllerRevision controllerrevisions - n
apps/v1 DaemonSet daemonsets ds nsa
apps/v1 Deployment deployments deploy nsca
apps/v1 ReplicaSet replicasets rs nsca
apps/v1 StatefulSet statefulsets sts nsca
authentication.k8s.io/v1 SelfSubjectReview selfsubjectreviews - r
authentication.k8s.io/v1 TokenReview tokenreviews - r
authorization.k8s.io/v1 LocalSubjectAccessReview localsubjectaccessreviews - nr
authorization.k8s.io/v1 SelfSubjectAccessReview selfsubjectaccessreviews - r
authorization.k8s.io/v1 SelfSubjectRulesReview selfsubjectrulesreviews - r
authorization.k8s.io/v1 SubjectAccessReview subjectaccessreviews - r
autoscaling/v2 HorizontalPodAutoscaler horizontalpodautoscalers hpa nsa
autoscaling/v1 HorizontalPodAutoscaler horizontalpodautoscalers hpa nsa
batch/v1 CronJob cronjobs cj nsa
batch/v1 Job jobs - nsa
certificates.k8s.io/v1 CertificateSigningRequest certificatesigningrequests csr s
coordination.k8s.io/v1 Lease leases - n
discovery.k8s.io/v1 EndpointSlice endpointslices - n
events.k8s.io/v1 Event events ev n
flowcontrol.apiserver.k8s.io/v1 FlowSchema flowschemas - s
flowcontrol.apiserver.k8s.io/v1 PriorityLevelConfiguration prioritylevelconfigurations - s
kubarium.dev/v1 Decision decisions dec n
kubarium.dev/v1 Fault faults - s
kubarium.dev/v1 Invariant invariants inv -
kubarium.dev/v1 Load loads - ns
kubarium.dev/v1 Metric metrics - n
kubarium.dev/v1 UsageSeries usageseries - n
kubarium.dev/v1 WhatIf whatifs - nr
metrics.k8s.io/v1beta1 NodeMetrics nodes - -
metrics.k8s.io/v1beta1 PodMetrics pods - n
networking.k8s.io/v1 IngressClass ingressclasses - -
networking.k8s.io/v1 Ingress ingresses ing ns
networking.k8s.io/v1 IPAddress ipaddresses ip -
networking.k8s.io/v1 NetworkPolicy networkpolicies netpol n
networking.k8s.io/v1 ServiceCIDR servicecidrs - s
node.k8s.io/v1 RuntimeClass runtimeclasses - -
policy/v1 PodDisruptionBudget poddisruptionbudgets pdb ns
resource.k8s.io/v1 DeviceClass deviceclasses - -
resource.k8s.io/v1 ResourceClaim resourceclaims - ns
resource.k8s.io/v1 ResourceClaimTemplate resourceclaimtemplates - n
resource.k8s.io/v1 ResourceSlice resourceslices - -
rbac.authorization.k8s.io/v1 ClusterRoleBinding clusterrolebindings - -
rbac.authorization.k8s.io/v1 ClusterRole clusterroles - -
rbac.authorization.k8s.io/v1 RoleBinding rolebindings - n
rbac.authorization.k8s.io/v1 Role roles - n
scheduling.k8s.io/v1 PriorityClass priorityclasses pc -
storage.k8s.io/v1 CSIDriver csidrivers - -
storage.k8s.io/v1 CSINode csinodes - -
storage.k8s.io/v1 CSIStorageCapacity csistoragecapacities - n
storage.k8s.io/v1 StorageClass storageclasses sc -
storage.k8s.io/v1 VolumeAttachment volumeattachments - s
storage.k8s.io/v1 VolumeAttributesClass volumeattributesclasses vac -
"""


def rows() -> list[tuple[str, str, str, tuple[str, ...], str]]:
    """(apiVersion, kind, plural, short names, flags) of every resource, in the table's order."""
    found = []
    for line in _TABLE.strip().splitlines():
        api_version, kind, plural, shorts, flags = line.split()
        names = () if shorts == "-" else tuple(shorts.split(","))
        found.append((api_version, kind, plural, names, flags))
    return found
