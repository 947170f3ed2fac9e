"""PodSecurity: namespaces say by label how much their pods may do.

Source: k8s.io/pod-security-admission admission, kubernetes v1.34.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs

from engine.api.codec import encode_part
from engine.api.core import Namespace
from engine.api.meta import ObjectMeta
from engine.api.pod import Pod, PodSpec, PodTemplateSpec
from engine.api.scheme import SCHEME
from engine.apiserver.admission.attributes import Attributes, objects_in
from engine.apiserver.admission.pod_security.baseline import PodView
from engine.apiserver.admission.pod_security.restricted import broken
from engine.apiserver.admission.pod_security.settings import (
    LEVELS,
    MODES,
    VERSION,
    PodSecuritySettings,
    Policy,
)
from engine.apiserver.errors import Cause, InvalidError
from engine.apiserver.storage import ObjectStorage

PREFIX = "pod-security.kubernetes.io/"
_NAMESPACES = SCHEME.resource_of(Namespace)
_PODS = SCHEME.resource_of(Pod)
_MOST_PODS_CHECKED = 3000


@attrs.frozen
class PodSecurity:
    """Refuses, or warns of, pods that may do more than their namespace allows."""

    kinds: ClassVar[tuple[type, ...]] = (object,)

    settings: PodSecuritySettings = PodSecuritySettings()

    def check(self, attributes: Attributes, storage: ObjectStorage) -> None:
        """Let through what the namespace allows.

        Raises:
            ForbiddenError: the pod violates what is enforced.
            InvalidError: a namespace is labelled with a level that does not exist.
        """
        if attributes.is_write_of(Namespace):
            self._check_namespace(attributes, storage)
            return
        found = _template_of(attributes)
        if found is None:
            return
        if exempt := self._exempt_by(attributes, found[1]):
            attributes.annotate(f"{PREFIX}exempt", exempt)
            return
        namespace = storage.find(_NAMESPACES, "", attributes.obj.metadata.namespace)
        if namespace is None:
            return
        labels = namespace.metadata.labels
        if self.settings.is_open and not any(key.startswith(PREFIX) for key in labels):
            if isinstance(attributes.obj, Pod):
                attributes.annotate(f"{PREFIX}enforce-policy", str(Policy()))
            return
        self._judge(attributes, found, labels)

    def _judge(
        self, attributes: Attributes, found: tuple[ObjectMeta, PodSpec], labels: Mapping[str, str]
    ) -> None:
        enforced, audited, warned = self._policies(labels)
        refusal = ""
        if isinstance(attributes.obj, Pod):
            attributes.annotate(f"{PREFIX}enforce-policy", str(enforced))
            refusal = _violations(enforced, found)
        if violations := _violations(audited, found):
            attributes.annotate(f"{PREFIX}audit-violations", f"would violate {violations}")
        if refusal:
            raise attributes.forbidden(f"violates {refusal}")
        if violations := _violations(warned, found):
            attributes.warn(f"would violate {violations}")

    def settle(self, attributes: Attributes, storage: ObjectStorage) -> None:
        """Nothing to note."""

    def _policies(self, labels: Mapping[str, str]) -> list[Policy]:
        return [policy_of(labels, mode, self.settings.default_of(mode)) for mode in MODES]

    def _exempt_by(self, attributes: Attributes, spec: PodSpec) -> str:
        """What a pod is exempt by; empty if it is not. Pods to be are by namespace and class."""
        settings = self.settings
        if attributes.obj.metadata.namespace in settings.namespaces:
            return "namespace"
        if attributes.request.user in settings.usernames:
            return "user"
        name = getattr(spec, "runtime_class_name", None) or spec.extra.get("runtimeClassName")
        if name in settings.runtime_classes:
            return "runtimeClass"
        return ""

    def _check_namespace(self, attributes: Attributes, storage: ObjectStorage) -> None:
        meta = attributes.obj.metadata
        if causes := _label_causes(meta.labels):
            raise InvalidError.of("Namespace", meta.name, causes)
        policies = self._policies(meta.labels)
        if meta.name in self.settings.namespaces:
            if policies not in ([Policy()] * len(MODES), self._policies({})) and (
                attributes.old is None or policies != self._policies(attributes.old.metadata.labels)
            ):
                said = ", ".join(f"{mode}={one}" for mode, one in zip(MODES, policies, strict=True))
                attributes.warn(
                    f'namespace "{meta.name}" is exempt from Pod Security, and the policy'
                    f" ({said}) will be ignored"
                )
            return
        if attributes.old is None:
            return
        policy, before = policies[0], self._policies(attributes.old.metadata.labels)[0]
        if policy not in (before, Policy("privileged", policy.version)):
            _warn_of_pods(attributes, storage, policy)


def policy_of(labels: Mapping[str, str], mode: str, default: Policy) -> Policy:
    """What *labels* say about *mode*; *default* has what they do not say."""
    level = labels.get(PREFIX + mode, default.level)
    version = labels.get(f"{PREFIX}{mode}-version", default.version)
    strict = "restricted" if mode == "enforce" else "privileged"
    return Policy(
        level if level in LEVELS else strict,
        version if VERSION.fullmatch(version) else "latest",
    )


def _violations(policy: Policy, found: tuple[ObjectMeta, PodSpec]) -> str:
    """What of *policy* is broken, as it is told; empty for nothing."""
    if policy.level == "privileged":
        return ""
    findings = broken(policy.level, _view(*found, policy))
    if not findings:
        return ""
    return f'PodSecurity "{policy}": ' + ", ".join(str(finding) for finding in findings)


def _view(meta: ObjectMeta, spec: PodSpec, policy: Policy) -> PodView:
    return PodView(encode_part(spec), meta.annotations, policy.minor)


def _template_of(attributes: Attributes) -> tuple[ObjectMeta, PodSpec] | None:
    """The pod, or the pod to be, that is written; None if there is none, or nothing changes."""
    obj, old = attributes.obj, attributes.old
    if attributes.operation == "DELETE" or attributes.subresource not in (
        "",
        "ephemeralcontainers",
    ):
        return None
    if isinstance(obj, Pod):
        if old is not None and old.spec == obj.spec:
            return None
        return obj.metadata, obj.spec
    spec = getattr(obj, "spec", None)
    job = getattr(spec, "job_template", None)
    template = getattr(job.spec if job else spec, "template", None) or getattr(
        obj, "template", None
    )
    if not isinstance(template, PodTemplateSpec):
        return None
    return template.metadata, template.spec


def _warn_of_pods(attributes: Attributes, storage: ObjectStorage, policy: Policy) -> None:
    """Tell who sets *policy* which pods of the namespace break it already."""
    name = attributes.obj.metadata.name
    groups: dict[str, list[str]] = {}
    for pod in objects_in(storage, _PODS, name)[:_MOST_PODS_CHECKED]:
        findings = broken(policy.level, _view(pod.metadata, pod.spec, policy))
        if findings:
            said = ", ".join(finding.reason for finding in findings)
            groups.setdefault(said, []).append(pod.metadata.name)
    if not groups:
        return
    attributes.warn(
        f'existing pods in namespace "{name}" violate the new PodSecurity enforce level "{policy}"'
    )
    for said, pods in sorted(groups.items(), key=lambda group: group[1][0]):
        others = len(pods) - 1
        more = f" (and {others} other pod{'s' if others > 1 else ''})" if others else ""
        attributes.warn(f"{pods[0]}{more}: {said}")


def _label_causes(labels: Mapping[str, Any]) -> list[Cause]:
    causes = []
    for mode in MODES:
        level, version = labels.get(PREFIX + mode), labels.get(f"{PREFIX}{mode}-version")
        if level is not None and level not in LEVELS:
            message = f'Invalid value: "{level}": must be one of {", ".join(LEVELS)}'
            causes.append(Cause(field=f"metadata.labels[{PREFIX}{mode}]", message=message))
        if version is not None and not VERSION.fullmatch(version):
            message = f'Invalid value: "{version}": must be "latest" or "v1.x"'
            causes.append(Cause(field=f"metadata.labels[{PREFIX}{mode}-version]", message=message))
    return causes
