"""The admission plugins, in the order they run.

First those that change objects, then, on what is valid and complete, those that only refuse.
Webhooks and policies of users belong at the end of the first and before the quota of the second.
"""

from typing import Any

import attrs

from engine.api.evolution import evolve
from engine.apiserver.admission.attributes import Attributes, Check, Plugin
from engine.apiserver.admission.certificate_requester import CertificateRequester
from engine.apiserver.admission.certificate_subject import CertificateSubjectRestriction
from engine.apiserver.admission.default_ingress_class import DefaultIngressClass
from engine.apiserver.admission.default_toleration_seconds import DefaultTolerationSeconds
from engine.apiserver.admission.limit_ranger import LimitRanger
from engine.apiserver.admission.namespace_lifecycle import NamespaceLifecycle
from engine.apiserver.admission.node_restriction import NodeRestriction
from engine.apiserver.admission.pod_security.plugin import PodSecurity
from engine.apiserver.admission.pod_security.settings import PodSecuritySettings
from engine.apiserver.admission.priority import Priority
from engine.apiserver.admission.resource_quota import ResourceQuotaCheck
from engine.apiserver.admission.runtime_class import RuntimeClassAdmission
from engine.apiserver.admission.service_account import ServiceAccountAdmission
from engine.apiserver.admission.storage import (
    DefaultStorageClass,
    PersistentVolumeClaimResize,
    StorageObjectInUseProtection,
)
from engine.apiserver.admission.taint_nodes_by_condition import TaintNodesByCondition
from engine.apiserver.storage import ObjectStorage

ADMISSION: dict[str, Plugin] = {
    "NamespaceLifecycle": NamespaceLifecycle(),
    "LimitRanger": LimitRanger(),
    "ServiceAccount": ServiceAccountAdmission(),
    "TaintNodesByCondition": TaintNodesByCondition(),
    "NodeRestriction": NodeRestriction(),
    "Priority": Priority(),
    "DefaultTolerationSeconds": DefaultTolerationSeconds(),
    "DefaultStorageClass": DefaultStorageClass(),
    "StorageObjectInUseProtection": StorageObjectInUseProtection(),
    "RuntimeClass": RuntimeClassAdmission(),
    "DefaultIngressClass": DefaultIngressClass(),
    "CertificateRequester": CertificateRequester(),
}


def checks_with(pod_security: PodSecuritySettings) -> tuple[Check, ...]:
    """The plugins that only refuse, set to what they were told."""
    return (
        LimitRanger(),
        PodSecurity(pod_security),
        CertificateSubjectRestriction(),
        PersistentVolumeClaimResize(),
        ResourceQuotaCheck(),
    )


@attrs.frozen
class Admission:
    """Runs the plugins that look at the kind of object, one after the other."""

    plugins: tuple[Plugin, ...] = tuple(ADMISSION.values())
    checks: tuple[Check, ...] = checks_with(PodSecuritySettings())
    _by_class: dict[type, tuple[tuple[Plugin, ...], tuple[Check, ...]]] = attrs.field(
        factory=dict, init=False, eq=False, repr=False
    )

    def admit(self, attributes: Attributes, storage: ObjectStorage) -> Any:
        """The object after all plugins.

        Raises:
            ApiError: one of them refuses the write.
        """
        for plugin in self._looking_at(attributes.obj)[0]:
            obj = plugin.admit(attributes, storage)
            if obj is not attributes.obj:
                attributes = evolve(attributes, obj=obj)
        return attributes.obj

    def check(self, attributes: Attributes, storage: ObjectStorage) -> None:
        """Let a valid, complete write pass.

        Raises:
            ApiError: it is refused.
        """
        for check in self._looking_at(attributes.obj)[1]:
            check.check(attributes, storage)

    def settle(self, attributes: Attributes, storage: ObjectStorage) -> None:
        """Take note of a write that has been made."""
        if not attributes.dry_run:
            for check in self._looking_at(attributes.obj)[1]:
                check.settle(attributes, storage)

    def _looking_at(self, obj: Any) -> tuple[tuple[Plugin, ...], tuple[Check, ...]]:
        cls = type(obj)
        found = self._by_class.get(cls)
        if found is None:
            found = self._by_class[cls] = (
                tuple(plugin for plugin in self.plugins if issubclass(cls, plugin.kinds)),
                tuple(check for check in self.checks if issubclass(cls, check.kinds)),
            )
        return found
