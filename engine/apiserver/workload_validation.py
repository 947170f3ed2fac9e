"""Checks what the kinds that make pods have in common: counts, selectors, rolling updates.

Source: pkg/apis/apps/validation, kubernetes v1.34.
"""

import re

import attrs

from engine.api.apps import DeploymentStrategy
from engine.api.meta import LabelSelector
from engine.api.pod import PodTemplateSpec
from engine.api.replication import ReplicationControllerSpec
from engine.api.selectors import matches
from engine.api.stateful import DaemonSetSpec, StatefulSetSpec
from engine.api.volume import PersistentVolumeClaimVolumeSource, Volume
from engine.api.wire import IntOrString
from engine.apiserver.errors import Cause
from engine.apiserver.pod_validation import validate_template
from engine.apiserver.selector_validation import validate_selector
from engine.apiserver.validation import (
    at_least_zero,
    forbidden,
    invalid,
    invalid_all,
    label_1035_faults,
    one_of,
    required,
    unsupported,
)

_PERCENT = re.compile(r"\d+%")


def validate_count(value: int, path: str) -> list[Cause]:
    """A number that cannot be negative."""
    return [] if value >= 0 else [invalid(path, value, "must be greater than or equal to 0")]


def validate_workload_selector(
    selector: LabelSelector | None,
    template: PodTemplateSpec,
    path: str,
    *,
    kind: str = "deployment",
) -> list[Cause]:
    """The selector of a *kind* that makes pods: there, not empty, and met by the template."""
    place = f"{path}.selector"
    if selector is None:
        return [required(place)]
    causes = validate_selector(selector, place)
    if not selector.match_labels and not selector.match_expressions:
        causes.append(invalid(place, selector, f"empty selector is invalid for {kind}"))
    elif not causes and not matches(selector, template.metadata.labels):
        causes.append(unmatched(template, f"{path}.template"))
    return causes


def unmatched(template: PodTemplateSpec, path: str) -> Cause:
    """The labels of *template* are not the ones that are selected."""
    message = "`selector` does not match template `labels`"
    return invalid(f"{path}.metadata.labels", template.metadata.labels, message)


def validate_long_running(template: PodTemplateSpec, path: str, *, kind: str) -> list[Cause]:
    """The template of a *kind* whose pods are to run for good."""
    causes = validate_template(template, path, restart_policies=("Always",))
    if template.spec.active_deadline_seconds is not None:
        message = f"activeDeadlineSeconds in {kind} is not Supported"
        causes.append(forbidden(f"{path}.spec.activeDeadlineSeconds", message))
    return causes


def validate_stateful_set(spec: StatefulSetSpec) -> list[Cause]:
    """All that is wrong with *spec*."""
    causes = _pod_management(spec)
    update = spec.update_strategy
    place = "spec.updateStrategy"
    if update.type == "OnDelete" and update.rolling_update is not None:
        message = "only allowed for updateStrategy 'RollingUpdate'"
        causes.append(invalid(f"{place}.rollingUpdate", update.rolling_update, message))
    elif update.type == "RollingUpdate":
        partition = update.rolling_update.partition if update.rolling_update else None
        causes += at_least_zero(f"{place}.rollingUpdate.partition", partition)
    elif update.type != "OnDelete":
        causes.append(invalid(place, update, "must be 'RollingUpdate' or 'OnDelete'"))
    retention = spec.persistent_volume_claim_retention_policy
    if retention is not None:
        place = "spec.persistentVolumeClaimRetentionPolicy"
        causes += one_of(f"{place}.whenDeleted", retention.when_deleted, ("Delete", "Retain"))
        causes += one_of(f"{place}.whenScaled", retention.when_scaled, ("Delete", "Retain"))
    causes += at_least_zero("spec.replicas", spec.replicas)
    causes += at_least_zero("spec.minReadySeconds", spec.min_ready_seconds)
    causes += at_least_zero("spec.revisionHistoryLimit", spec.revision_history_limit)
    if spec.ordinals is not None:
        causes += at_least_zero("spec.ordinals.start", spec.ordinals.start)
    if spec.service_name:
        faults = label_1035_faults(spec.service_name)
        causes += invalid_all("spec.serviceName", spec.service_name, faults)
    names = [claim.metadata.name for claim in spec.volume_claim_templates]
    return [
        *causes,
        *validate_workload_selector(spec.selector, spec.template, "spec", kind="statefulset"),
        *validate_long_running(
            _with_claims(spec.template, names), "spec.template", kind="StatefulSet"
        ),
    ]


def validate_stateful_set_update(new: StatefulSetSpec, old: StatefulSetSpec) -> list[Cause]:
    """All that *new* changes and may not."""
    kept = attrs.evolve(
        old,
        replicas=new.replicas,
        ordinals=new.ordinals,
        template=new.template,
        update_strategy=new.update_strategy,
        revision_history_limit=new.revision_history_limit,
        persistent_volume_claim_retention_policy=new.persistent_volume_claim_retention_policy,
        min_ready_seconds=new.min_ready_seconds,
    )
    if kept == new:
        return []
    message = (
        "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
        "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and "
        "'minReadySeconds' are forbidden"
    )
    return [forbidden("spec", message)]


def validate_daemon_set(spec: DaemonSetSpec) -> list[Cause]:
    """All that is wrong with *spec*."""
    causes = [
        *validate_workload_selector(spec.selector, spec.template, "spec", kind="daemonset"),
        *validate_long_running(spec.template, "spec.template", kind="DaemonSet"),
        *at_least_zero("spec.minReadySeconds", spec.min_ready_seconds),
        *at_least_zero("spec.revisionHistoryLimit", spec.revision_history_limit),
    ]
    update = spec.update_strategy
    place = "spec.updateStrategy"
    if update.type not in ("OnDelete", "RollingUpdate"):
        causes.append(unsupported(f"{place}.type", update.type, ("OnDelete", "RollingUpdate")))
        return causes
    rolling = update.rolling_update
    if update.type == "OnDelete" or rolling is None:
        return causes
    place = f"{place}.rollingUpdate"
    shares = [
        *validate_share(rolling.max_unavailable, f"{place}.maxUnavailable"),
        *validate_share(rolling.max_surge, f"{place}.maxSurge"),
    ]
    if shares:
        return causes + shares
    has_surge, has_gap = not is_zero(rolling.max_surge), not is_zero(rolling.max_unavailable)
    if has_surge and has_gap:
        message = "may not be set when maxUnavailable is non-zero"
        causes.append(invalid(f"{place}.maxSurge", rolling.max_surge, message))
    elif not has_surge and not has_gap:
        causes.append(required(f"{place}.maxUnavailable", "cannot be 0 when maxSurge is 0"))
    return causes


def validate_replication_controller(spec: ReplicationControllerSpec) -> list[Cause]:
    """All that is wrong with *spec*."""
    causes = [
        *at_least_zero("spec.minReadySeconds", spec.min_ready_seconds),
        *at_least_zero("spec.replicas", spec.replicas),
    ]
    if not spec.selector:
        causes.append(required("spec.selector"))
    template = spec.template
    if template is None:
        return [*causes, required("spec.template")]
    labels = template.metadata.labels
    if any(labels.get(key) != value for key, value in spec.selector.items()):
        causes.append(unmatched(template, "spec.template"))
    causes += validate_long_running(template, "spec.template", kind="ReplicationController")
    return causes


def _pod_management(spec: StatefulSetSpec) -> list[Cause]:
    if spec.pod_management_policy in ("OrderedReady", "Parallel"):
        return []
    message = "must be 'OrderedReady' or 'Parallel'"
    return [invalid("spec.podManagementPolicy", spec.pod_management_policy, message)]


def _with_claims(template: PodTemplateSpec, names: list[str]) -> PodTemplateSpec:
    """*template* with a volume for each claim that its pods get: they mount them by name."""
    present = {volume.name for volume in template.spec.volumes}
    added = tuple(
        Volume(
            name=name, persistent_volume_claim=PersistentVolumeClaimVolumeSource(claim_name=name)
        )
        for name in names
        if name not in present
    )
    spec = attrs.evolve(template.spec, volumes=(*template.spec.volumes, *added))
    return attrs.evolve(template, spec=spec)


def validate_rollout(strategy: DeploymentStrategy, path: str) -> list[Cause]:
    """How a deployment goes from one template to the next."""
    if strategy.type not in ("RollingUpdate", "Recreate"):
        return [unsupported(f"{path}.type", strategy.type, ("Recreate", "RollingUpdate"))]
    rolling = strategy.rolling_update
    if strategy.type == "Recreate":
        if rolling is None:
            return []
        message = "may not be specified when strategy `type` is 'Recreate'"
        return [forbidden(f"{path}.rollingUpdate", message)]
    if rolling is None:
        return [required(f"{path}.rollingUpdate")]
    surge, unavailable = rolling.max_surge, rolling.max_unavailable
    causes = [
        *validate_share(unavailable, f"{path}.rollingUpdate.maxUnavailable"),
        *validate_share(surge, f"{path}.rollingUpdate.maxSurge"),
    ]
    if not causes and is_zero(surge) and is_zero(unavailable):
        message = "may not be 0 when `maxSurge` is 0"
        causes.append(invalid(f"{path}.rollingUpdate.maxUnavailable", unavailable, message))
    if isinstance(unavailable, str) and not causes and int(unavailable[:-1]) > 100:
        field = f"{path}.rollingUpdate.maxUnavailable"
        causes.append(invalid(field, unavailable, "must not be greater than 100%"))
    return causes


def validate_share(value: IntOrString | None, path: str, *, most: int | None = None) -> list[Cause]:
    """A number that cannot be negative, or a percentage, of *most* at most."""
    if isinstance(value, str) and not _PERCENT.fullmatch(value):
        message = (
            "must be an integer or percentage (e.g '5%'): a valid percent string must be a numeric "
            "string followed by an ending '%'"
        )
        return [invalid(path, value, message)]
    if isinstance(value, int):
        return validate_count(value, path)
    if value is not None and most is not None and int(value[:-1]) > most:
        return [invalid(path, value, f"must not be greater than {most}%")]
    return []


def is_zero(value: IntOrString | None) -> bool:
    """Whether *value* is nothing, as a number or a percentage."""
    return value in (0, "0%", None)
