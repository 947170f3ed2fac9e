"""Objects that a fuzzer takes apart: one of each family of kinds, valid as they stand."""

from typing import Any

_TEMPLATE: dict[str, Any] = {
    "metadata": {"labels": {"app": "a"}},
    "spec": {
        "containers": [
            {
                "name": "c",
                "image": "app:v1",
                "ports": [{"name": "http", "containerPort": 80, "protocol": "TCP"}],
                "env": [
                    {"name": "A", "value": "b"},
                    {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                ],
                "resources": {"requests": {"cpu": "100m"}, "limits": {"memory": "1Gi"}},
                "readinessProbe": {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 3},
                "volumeMounts": [{"name": "v", "mountPath": "/v"}],
                "securityContext": {"runAsNonRoot": True, "capabilities": {"drop": ["ALL"]}},
            }
        ],
        "volumes": [{"name": "v", "projected": {"sources": [{"configMap": {"name": "m"}}]}}],
        "tolerations": [{"key": "k", "operator": "Exists", "effect": "NoSchedule"}],
        "affinity": {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [
                        {"matchExpressions": [{"key": "k", "operator": "In", "values": ["v"]}]}
                    ]
                }
            }
        },
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "zone",
                "whenUnsatisfiable": "DoNotSchedule",
                "labelSelector": {"matchLabels": {"app": "a"}},
            }
        ],
    },
}
_SELECTOR = {"matchLabels": {"app": "a"}}
_BOUND = {"resources": {"requests": {"storage": "1Gi"}}, "accessModes": ["ReadWriteOnce"]}

SPECS: dict[str, dict[str, Any]] = {
    "v1/Pod": {"spec": _TEMPLATE["spec"]},
    "v1/Service": {
        "spec": {"selector": {"app": "a"}, "ports": [{"port": 80, "targetPort": "http"}]}
    },
    "v1/ConfigMap": {"data": {"a": "b"}, "binaryData": {"c": "AAAA"}},
    "v1/Secret": {"type": "Opaque", "data": {"a": "Yg=="}, "stringData": {"c": "d"}},
    "v1/PersistentVolumeClaim": {"spec": _BOUND},
    "v1/PersistentVolume": {
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "hostPath": {"path": "/tmp/v"},
        }
    },
    "v1/ResourceQuota": {"spec": {"hard": {"pods": "10", "requests.cpu": "4"}}},
    "v1/LimitRange": {"spec": {"limits": [{"type": "Container", "default": {"cpu": "1"}}]}},
    "v1/Node": {
        "spec": {"taints": [{"key": "k", "effect": "NoSchedule"}]},
        "status": {"capacity": {"cpu": "4"}, "conditions": [{"type": "Ready", "status": "True"}]},
    },
    "v1/Endpoints": {
        "subsets": [{"addresses": [{"ip": "10.1.2.3"}], "ports": [{"port": 80}]}],
    },
    "v1/Event": {"involvedObject": {"kind": "Pod", "name": "p", "namespace": "default"}},
    "v1/ReplicationController": {"spec": {"selector": {"app": "a"}, "template": _TEMPLATE}},
    "apps/v1/Deployment": {
        "spec": {
            "replicas": 2,
            "selector": _SELECTOR,
            "template": _TEMPLATE,
            "strategy": {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 1}},
        }
    },
    "apps/v1/StatefulSet": {
        "spec": {
            "selector": _SELECTOR,
            "template": _TEMPLATE,
            "serviceName": "s",
            "volumeClaimTemplates": [{"metadata": {"name": "d"}, "spec": _BOUND}],
        }
    },
    "apps/v1/DaemonSet": {"spec": {"selector": _SELECTOR, "template": _TEMPLATE}},
    "batch/v1/Job": {
        "spec": {
            "completions": 2,
            "template": {"spec": {**_TEMPLATE["spec"], "restartPolicy": "Never"}},
            "podFailurePolicy": {
                "rules": [{"action": "FailJob", "onExitCodes": {"operator": "In", "values": [1]}}]
            },
        }
    },
    "batch/v1/CronJob": {
        "spec": {
            "schedule": "*/5 * * * *",
            "timeZone": "Europe/Berlin",
            "jobTemplate": {
                "spec": {"template": {"spec": {**_TEMPLATE["spec"], "restartPolicy": "Never"}}}
            },
        }
    },
    "autoscaling/v2/HorizontalPodAutoscaler": {
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"},
            "maxReplicas": 3,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {
                        "name": "cpu",
                        "target": {"type": "Utilization", "averageUtilization": 50},
                    },
                }
            ],
        }
    },
    "policy/v1/PodDisruptionBudget": {"spec": {"minAvailable": "50%", "selector": _SELECTOR}},
    "networking.k8s.io/v1/Ingress": {
        "spec": {
            "rules": [
                {
                    "host": "a.example",
                    "http": {
                        "paths": [
                            {
                                "path": "/",
                                "pathType": "Prefix",
                                "backend": {"service": {"name": "s", "port": {"number": 80}}},
                            }
                        ]
                    },
                }
            ]
        }
    },
    "networking.k8s.io/v1/NetworkPolicy": {
        "spec": {
            "podSelector": _SELECTOR,
            "ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}], "ports": [{"port": 80}]}],
        }
    },
    "discovery.k8s.io/v1/EndpointSlice": {
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.1.2.3"]}],
        "ports": [{"name": "http", "port": 80}],
    },
    "coordination.k8s.io/v1/Lease": {"spec": {"renewTime": "2026-01-31T12:00:00.000000Z"}},
    "rbac.authorization.k8s.io/v1/Role": {
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
    },
    "rbac.authorization.k8s.io/v1/ClusterRoleBinding": {
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "r"},
        "subjects": [{"kind": "ServiceAccount", "name": "s", "namespace": "default"}],
    },
    "storage.k8s.io/v1/StorageClass": {"provisioner": "p.example/x", "parameters": {"a": "b"}},
    "scheduling.k8s.io/v1/PriorityClass": {"value": 100},
    "certificates.k8s.io/v1/CertificateSigningRequest": {
        "spec": {
            "request": "LS0tLS1CRUdJTg==",
            "signerName": "kubernetes.io/kube-apiserver-client",
            "usages": ["client auth"],
        }
    },
    "authorization.k8s.io/v1/SubjectAccessReview": {
        "spec": {"user": "u", "resourceAttributes": {"verb": "get", "resource": "pods"}}
    },
    "authentication.k8s.io/v1/TokenReview": {"spec": {"token": "t"}},
    "apiextensions.k8s.io/v1/CustomResourceDefinition": {
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "gadgets", "kind": "Gadget"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {
                        "openAPIV3Schema": {
                            "type": "object",
                            "properties": {
                                "spec": {
                                    "type": "object",
                                    "properties": {
                                        "size": {"type": "integer", "default": 1, "minimum": 0},
                                        "list": {
                                            "type": "array",
                                            "items": {"type": "string", "pattern": "^a+$"},
                                        },
                                    },
                                }
                            },
                        }
                    },
                    "subresources": {
                        "status": {},
                        "scale": {
                            "specReplicasPath": ".spec.size",
                            "statusReplicasPath": ".status.size",
                        },
                    },
                    "additionalPrinterColumns": [
                        {"name": "Size", "type": "integer", "jsonPath": ".spec.size"}
                    ],
                }
            ],
        }
    },
}


def sample(key: str, name: str = "a") -> dict[str, Any]:
    """The valid object of *key* (``apiVersion/Kind``)."""
    api_version, _, kind = key.rpartition("/")
    names = {"name": name}
    if kind == "CustomResourceDefinition":
        names = {"name": "gadgets.example.com"}
    return {"apiVersion": api_version, "kind": kind, "metadata": names, **SPECS[key]}
