"""The restricted level of the Pod Security Standards: the baseline, and these rules.

Source: k8s.io/pod-security-admission policy, kubernetes v1.34; kubernetes.io, Pod Security
Standards.
"""

from engine.apiserver.admission.pod_security.baseline import (
    BASELINE,
    SINCE,
    Finding,
    PodView,
    Rule,
    added,
    capabilities_baseline,
    context_of,
    host_path_volumes,
    named,
    quoted,
    seccomp_baseline,
    seccomp_of,
    unique,
    where,
)

_VOLUMES = frozenset(
    {
        "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim",
        "projected", "secret", "image",
    }
)  # fmt: skip


def allow_privilege_escalation(view: PodView) -> Finding | None:
    """No process gains more rights than its parent."""
    names = where(view, lambda item: context_of(item).get("allowPrivilegeEscalation") is not False)
    if not names:
        return None
    detail = f"{named(names)} must set securityContext.allowPrivilegeEscalation=false"
    return Finding("allowPrivilegeEscalation != false", detail)


def capabilities_restricted(view: PodView) -> Finding | None:
    """All capabilities are dropped, one may come back."""
    keeping = where(
        view,
        lambda item: "ALL" not in ((context_of(item).get("capabilities") or {}).get("drop") or ()),
    )
    adding = where(view, lambda item: any(c != "NET_BIND_SERVICE" for c in added(item)))
    details = []
    if keeping:
        details.append(f'{named(keeping)} must set securityContext.capabilities.drop=["ALL"]')
    if adding:
        bad = unique(
            c for item in view.containers() for c in added(item) if c != "NET_BIND_SERVICE"
        )
        details.append(
            f"{named(adding)} must not include {quoted(bad)} in securityContext.capabilities.add"
        )
    return Finding("unrestricted capabilities", "; ".join(details)) if details else None


def restricted_volumes(view: PodView) -> Finding | None:
    """Only volumes that belong to the pod or the cluster."""
    names, kinds = [], []
    for volume in view.spec.get("volumes") or ():
        bad = [key for key in volume if key != "name" and key not in _VOLUMES]
        if bad:
            names.append(volume["name"])
            kinds += bad
    if not names:
        return None
    found = unique(kinds)
    detail = (
        f"volume{'s' if len(names) > 1 else ''} {quoted(names)} "
        f"{'use' if len(names) > 1 else 'uses'} restricted volume "
        f"type{'s' if len(found) > 1 else ''} {quoted(found)}"
    )
    return Finding("restricted volume types", detail)


def run_as_non_root(view: PodView) -> Finding | None:
    """Containers say that they do not run as root."""
    of_pod = view.context.get("runAsNonRoot")
    details = []
    bad, silent = [], []
    for item in view.containers():
        said = context_of(item).get("runAsNonRoot")
        if said is False:
            bad.append(str(item.get("name", "")))
        elif said is None and not of_pod:
            silent.append(str(item.get("name", "")))
    if of_pod is False:
        details.append("pod must not set securityContext.runAsNonRoot=false")
    if bad:
        details.append(f"{named(bad)} must not set securityContext.runAsNonRoot=false")
    if details:
        return Finding("runAsNonRoot != true", " and ".join(details))
    if silent:
        detail = f"pod or {named(silent)} must set securityContext.runAsNonRoot=true"
        return Finding("runAsNonRoot != true", detail)
    return None


def run_as_user(view: PodView) -> Finding | None:
    """Nobody asks to run as user 0."""
    setters = ["pod"] if view.context.get("runAsUser") == 0 else []
    names = where(view, lambda item: context_of(item).get("runAsUser") == 0)
    if names:
        setters.append(named(names))
    if not setters:
        return None
    return Finding("runAsUser=0", f"{' and '.join(setters)} must not set runAsUser=0")


def seccomp_restricted(view: PodView) -> Finding | None:
    """Containers say which seccomp profile they run under."""
    allowed = ("RuntimeDefault", "Localhost")
    of_pod = seccomp_of(view.context)
    bad, silent = [], []
    for item in view.containers():
        kind = seccomp_of(context_of(item))
        if kind and kind not in allowed:
            bad.append((str(item.get("name", "")), kind))
        elif not kind and of_pod not in allowed:
            silent.append(str(item.get("name", "")))
    details = []
    if of_pod and of_pod not in allowed:
        details.append(f'pod must not set securityContext.seccompProfile.type to "{of_pod}"')
    if bad:
        kinds = unique(kind for _, kind in bad)
        names = named([name for name, _ in bad])
        details.append(
            f"{names} must not set securityContext.seccompProfile.type to {quoted(kinds)}"
        )
    if details:
        return Finding("seccompProfile", " and ".join(details))
    if silent:
        detail = (
            f"pod or {named(silent)} must set securityContext.seccompProfile.type to "
            '"RuntimeDefault" or "Localhost"'
        )
        return Finding("seccompProfile", detail)
    return None


_OVERRIDES: dict[Rule, Rule] = {
    capabilities_restricted: capabilities_baseline,
    restricted_volumes: host_path_volumes,
    seccomp_restricted: seccomp_baseline,
}
_SINCE: dict[Rule, int] = {
    **SINCE,
    allow_privilege_escalation: 8,
    capabilities_restricted: 22,
    run_as_user: 23,
    seccomp_restricted: 19,
}
# From this version on, these rules say nothing of pods for Windows.
_NOT_ON_WINDOWS = (allow_privilege_escalation, capabilities_restricted, seccomp_restricted)
_KNOWS_WINDOWS = 25
RESTRICTED: tuple[Rule, ...] = (
    *BASELINE,
    allow_privilege_escalation,
    capabilities_restricted,
    restricted_volumes,
    run_as_non_root,
    run_as_user,
    seccomp_restricted,
)


def broken(level: str, view: PodView) -> list[Finding]:
    """The rules of *level* (privileged, baseline or restricted) that *view* breaks."""
    rules = {"baseline": BASELINE, "restricted": RESTRICTED}.get(level, ())
    in_force = [rule for rule in rules if _SINCE.get(rule, 0) <= view.minor]
    skipped = [_OVERRIDES[rule] for rule in in_force if rule in _OVERRIDES]
    if view.is_windows and view.minor >= _KNOWS_WINDOWS:
        skipped += _NOT_ON_WINDOWS
    return [
        finding for rule in in_force if rule not in skipped and (finding := rule(view)) is not None
    ]
