"""What each controller may do, as a table; the form is that of `default_roles`.

Each runs as the ServiceAccount of its name in kube-system, bound to ``system:controller:NAME``.

Source: plugin/pkg/auth/authorizer/rbac/bootstrappolicy/controller_policy.go, kubernetes v1.34;
fault-injector and tokens-controller are our own.
"""

_EVENTS = "create,patch,update -:events events.k8s.io:events"

CONTROLLER_ROLES = f"""
attachdetach-controller
  list,watch -:persistentvolumes,persistentvolumeclaims
  get,list,watch -:nodes
  patch,update -:nodes/status
  list,watch -:pods
  {_EVENTS}
  R,create,delete storage.k8s.io:volumeattachments
  R storage.k8s.io:csidrivers,csinodes
clusterrole-aggregation-controller
  escalate,get,list,patch,update,watch rbac.authorization.k8s.io:clusterroles
certificate-controller
  R,delete certificates.k8s.io:certificatesigningrequests
  update certificates.k8s.io:certificatesigningrequests/approval,certificatesigningrequests/status
  approve certificates.k8s.io:signers=kubernetes.io/kube-apiserver-client-kubelet
  sign certificates.k8s.io:signers=kubernetes.io/kube-apiserver-client
  sign certificates.k8s.io:signers=kubernetes.io/kube-apiserver-client-kubelet
  sign certificates.k8s.io:signers=kubernetes.io/kubelet-serving,kubernetes.io/legacy-unknown
  create authorization.k8s.io:subjectaccessreviews
  {_EVENTS}
csi-attacher
  R,update,patch storage.k8s.io:volumeattachments
  update,patch storage.k8s.io:volumeattachments/status
  R -:persistentvolumes
  R storage.k8s.io:csinodes
  {_EVENTS}
csi-modifier
  R,update -:persistentvolumes
  R -:persistentvolumeclaims
  update -:persistentvolumeclaims/status
  R storage.k8s.io:volumeattributesclasses
  {_EVENTS}
csi-provisioner
  R,create,update,delete -:persistentvolumes
  R,update -:persistentvolumeclaims
  R storage.k8s.io:storageclasses,csinodes,volumeattachments,volumeattributesclasses
  R snapshot.storage.k8s.io:volumesnapshots,volumesnapshotcontents
  R -:nodes
  {_EVENTS}
csi-snapshotter
  R -:persistentvolumes,persistentvolumeclaims
  R,create,update,delete snapshot.storage.k8s.io:volumesnapshots,volumesnapshotcontents
  update snapshot.storage.k8s.io:volumesnapshots/status,volumesnapshotcontents/status
  R snapshot.storage.k8s.io:volumesnapshotclasses
  {_EVENTS}
cronjob-controller
  R,update batch:cronjobs
  R,create,update,patch,delete batch:jobs
  update batch:cronjobs/status,cronjobs/finalizers
  list,delete -:pods
  {_EVENTS}
daemon-set-controller
  R extensions,apps:daemonsets
  update extensions,apps:daemonsets/status,daemonsets/finalizers
  list,watch -:nodes
  list,watch,create,delete,patch -:pods
  create -:pods/binding
  R,create,delete,update,patch apps:controllerrevisions
  {_EVENTS}
deployment-controller
  R,update extensions,apps:deployments
  update extensions,apps:deployments/status,deployments/finalizers
  R,create,update,patch,delete extensions,apps:replicasets
  R,update -:pods
  {_EVENTS}
disruption-controller
  R extensions,apps:deployments,replicasets
  R -:replicationcontrollers
  R apps:statefulsets
  R policy:poddisruptionbudgets
  update policy:poddisruptionbudgets/status
  R -:pods
  patch,update -:pods/status
  get *:*/scale
  {_EVENTS}
endpoint-controller
  R -:services,pods
  R,create,update,delete -:endpoints
  create -:endpoints/restricted
  update -:services/finalizers
  {_EVENTS}
endpointslice-controller
  R -:services,pods,nodes
  update -:services/finalizers
  R,create,update,delete discovery.k8s.io:endpointslices
  create discovery.k8s.io:endpointslices/restricted
  {_EVENTS}
endpointslicemirroring-controller
  R -:services,endpoints
  update -:services/finalizers
  update -:endpoints/finalizers
  R,create,update,delete discovery.k8s.io:endpointslices
  create discovery.k8s.io:endpointslices/restricted
  {_EVENTS}
ephemeral-volume-controller
  update -:pods/finalizers
  R -:pods
  R,create -:persistentvolumeclaims
  {_EVENTS}
expand-controller
  R,patch,update -:persistentvolumes
  patch,update -:persistentvolumeclaims/status
  R -:persistentvolumeclaims
  R storage.k8s.io:storageclasses
  {_EVENTS}
fault-injector
  R,create,delete kubarium.dev:faults,loads
  update,patch kubarium.dev:faults,faults/status
  R,delete -:pods
  create -:pods/eviction
  R *:*
  patch -:nodes
  {_EVENTS}
load-generator
  R kubarium.dev:loads
  update,patch kubarium.dev:loads/status
  R -:pods
generic-garbage-collector
  get,list,watch,patch,update,delete *:*
  {_EVENTS}
horizontal-pod-autoscaler
  R autoscaling:horizontalpodautoscalers
  update autoscaling:horizontalpodautoscalers/status
  get,update *:*/scale
  list -:pods
  list metrics.k8s.io:pods
  get,list custom.metrics.k8s.io,external.metrics.k8s.io:*
  R kubarium.dev:metrics
  {_EVENTS}
job-controller
  R,update,patch batch:jobs
  update batch:jobs/status,jobs/finalizers
  R,create,delete,patch,update -:pods
  {_EVENTS}
legacy-service-account-token-cleaner
  get -:configmaps=kube-apiserver-legacy-service-account-token-tracking
  R,delete,patch -:secrets
namespace-controller
  get,list,watch,delete -:namespaces
  update -:namespaces/finalize,namespaces/status
  get,list,delete,deletecollection *:*
  {_EVENTS}
node-controller
  R,update,delete,patch -:nodes
  patch,update -:nodes/status
  patch,update -:pods/status
  list,watch,delete,get -:pods
  R coordination.k8s.io:leases
  R networking.k8s.io:servicecidrs
  {_EVENTS}
node-ipam-controller
  R,patch,update -:nodes
  {_EVENTS}
persistent-volume-binder
  R,update,create,delete -:persistentvolumes
  update -:persistentvolumes/status
  R,update -:persistentvolumeclaims
  update -:persistentvolumeclaims/status
  R,create,delete -:pods
  R storage.k8s.io:storageclasses
  get,create,update,delete -:services,endpoints
  get -:secrets
  R -:nodes
  list,watch -:events
  {_EVENTS}
pod-garbage-collector
  R,delete -:pods
  get,list,watch -:nodes
  patch,update -:pods/status
  {_EVENTS}
pv-protection-controller
  R,update -:persistentvolumes
  {_EVENTS}
pvc-protection-controller
  R,update -:persistentvolumeclaims
  R -:pods
  {_EVENTS}
replicaset-controller
  R,update extensions,apps:replicasets
  update extensions,apps:replicasets/status,replicasets/finalizers
  R,create,delete,patch -:pods
  {_EVENTS}
replication-controller
  R,update -:replicationcontrollers
  update -:replicationcontrollers/status,replicationcontrollers/finalizers
  R,create,delete,patch -:pods
  {_EVENTS}
resource-claim-controller
  update -:pods/finalizers
  R -:pods
  R,create,delete,update resource.k8s.io:resourceclaims
  update,patch resource.k8s.io:resourceclaims/status
  update,patch -:pods/status
  {_EVENTS}
resourcequota-controller
  list,watch *:*
  update -:resourcequotas/status
  {_EVENTS}
root-ca-cert-publisher
  create,update -:configmaps
  {_EVENTS}
route-controller
  list,watch -:nodes
  patch -:nodes/status
  {_EVENTS}
selinux-warning-controller
  R -:persistentvolumes,persistentvolumeclaims,pods
  R storage.k8s.io:csidrivers
  {_EVENTS}
service-account-controller
  create -:serviceaccounts
  {_EVENTS}
service-cidrs-controller
  R,patch,update networking.k8s.io:servicecidrs
  patch,update networking.k8s.io:servicecidrs/finalizers,servicecidrs/status
  R networking.k8s.io:ipaddresses
  {_EVENTS}
service-controller
  R,patch,update -:services
  patch,update -:services/status
  list,watch -:nodes
  {_EVENTS}
statefulset-controller
  list,watch -:pods
  R apps:statefulsets
  update apps:statefulsets/status,statefulsets/finalizers
  get,create,delete,update,patch -:pods
  R,create,delete,update,patch apps:controllerrevisions
  get,create -:persistentvolumeclaims
  list,update,watch,delete,patch -:persistentvolumeclaims
  {_EVENTS}
storage-version-migrator-controller
  list,patch *:*
  {_EVENTS}
taint-eviction-controller
  get,list,watch -:nodes
  get,delete,list,watch -:pods
  patch,update -:pods/status
  {_EVENTS}
tokens-controller
  R,create,update,delete -:secrets
  R,update -:serviceaccounts
  create -:serviceaccounts/token
  {_EVENTS}
ttl-after-finished-controller
  R,delete batch:jobs
  {_EVENTS}
ttl-controller
  R,update,patch -:nodes
  {_EVENTS}
validatingadmissionpolicy-status-controller
  R admissionregistration.k8s.io:validatingadmissionpolicies
  get,patch,update admissionregistration.k8s.io:validatingadmissionpolicies/status
  {_EVENTS}
volumeattributesclass-protection-controller
  R,update storage.k8s.io:volumeattributesclasses
  R -:persistentvolumeclaims,persistentvolumes
  {_EVENTS}
"""
