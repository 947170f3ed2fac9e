"""Faults of the control plane: API server, links, leaders, components that stop, the store."""

from engine.api.kubarium import Fault
from engine.apiserver.errors import ApiError
from engine.client.link import Link
from engine.faults.fault import (
    FaultError,
    Levers,
    Recovery,
    Startable,
    Target,
    settings,
)
from engine.faults.target import chance_of

FAULTS_USER = "system:serviceaccount:kube-system:fault-injector"
MANAGER = "kube-controller-manager"
SCHEDULER = "kube-scheduler"


def stop_apiserver(_fault: Fault, _target: Target, levers: Levers) -> Recovery:
    """The API server refuses every request."""
    return hold_apiserver(levers)


def hold_apiserver(levers: Levers) -> Recovery:
    """Keep the API server down until the inverse is called."""
    server = levers.server
    return levers.hold(
        "apiserver", lambda: server.set_up(is_up=False), lambda: server.set_up(is_up=True)
    )


def slow_apiserver(fault: Fault, _target: Target, levers: Levers) -> Recovery:
    """Answers and watch events come late, to everybody."""
    seconds = float(settings(fault)["latency"])
    links = list(levers.links.values())
    levers.server.latency += seconds
    for link in links:
        link.delay += seconds

    def quicken() -> None:
        levers.server.latency = max(0.0, levers.server.latency - seconds)
        for link in links:
            link.delay = max(0.0, link.delay - seconds)

    return quicken


def refuse_requests(fault: Fault, _target: Target, levers: Levers) -> Recovery:
    """Some requests are answered with an error of the server."""
    given = settings(fault)
    code, percent = int(given["code"]), float(given["percent"])
    chance = chance_of(fault, levers)
    key = fault.metadata.uid

    def refuse(user: str) -> ApiError | None:
        if user == FAULTS_USER or (percent < 100 and chance.random() * 100 >= percent):
            return None
        return InjectedError(code, f"a fault answers with {code} on purpose")

    levers.server.refusals[key] = refuse

    def stop_refusing() -> None:
        levers.server.refusals.pop(key, None)

    return stop_refusing


class InjectedError(ApiError):
    """An error that a fault answers with."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code  # type: ignore[misc]  # a constant of its class elsewhere
        self.reason = _REASONS.get(code, "InternalError")  # type: ignore[misc]


_REASONS = {
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


def cut_link(_fault: Fault, target: Target, levers: Levers) -> Recovery:
    """One component cannot reach the API server."""
    link = _link(target, levers)
    return levers.hold(f"link/{link.name}", link.cut, link.heal)


def delay_link(fault: Fault, target: Target, levers: Levers) -> Recovery:
    """What one component hears arrives `params.seconds` later."""
    link = _link(target, levers)
    seconds = float(settings(fault)["seconds"])
    link.delay += seconds

    def restore() -> None:
        link.delay = max(0.0, link.delay - seconds)

    return restore


def drop_on_link(fault: Fault, target: Target, levers: Levers) -> Recovery:
    """Requests are lost and watches break by chance."""
    link = _link(target, levers)
    percent = float(settings(fault)["percent"])
    chance = chance_of(fault, levers)
    key = fault.metadata.uid
    link.losses[key] = lambda: chance.random() * 100 < percent

    def restore() -> None:
        link.losses.pop(key, None)

    return restore


def stop_component(_fault: Fault, target: Target, levers: Levers) -> Recovery:
    """The scheduler, or the controller of that name, does nothing until the fault ends."""
    return _stop(target.component, levers)


def stop_scheduler(_fault: Fault, _target: Target, levers: Levers) -> Recovery:
    """The scheduler's process is gone: nothing is scheduled, its Lease runs out."""
    return _stop_leader(SCHEDULER, levers)


def stop_controller(fault: Fault, _target: Target, levers: Levers) -> Recovery:
    """One controller does nothing, or the whole manager's process is gone."""
    name = str(settings(fault)["name"])
    return _stop(name, levers) if name else _stop_leader(MANAGER, levers)


def lose_leader(_fault: Fault, target: Target, levers: Levers) -> Recovery:
    """The leader cannot hold its Lease: it stops working until it leads again."""
    return _stop_leader(target.component, levers)


def drop_watches(_fault: Fault, target: Target, levers: Levers) -> None:
    """Break the watches of one component, or of all; they resume where they were."""
    name, known = target.component, levers.server.watching
    if not name:
        levers.server.drop_watches()
        return
    found = next((one for one in (name, f"kube-{name}") if one in known), None)
    if found is None:
        raise FaultError(
            f'nobody named "{name}" watches anything; there are {", ".join(known) or "none"}'
        )
    levers.server.drop_watches(found)


def _stop(name: str, levers: Levers) -> Recovery:
    component: Startable | None = levers.components.get(name)
    if component is None:
        known = ", ".join(sorted(levers.components))
        msg = f'there is no component "{name}"; there are {known}'
        raise FaultError(msg)
    return levers.hold(f"component/{name}", component.stop, component.start)


def _stop_leader(name: str, levers: Levers) -> Recovery:
    leader = levers.leaders.get(name) or levers.leaders.get(f"kube-{name}")
    if leader is None:
        known = ", ".join(sorted(levers.leaders))
        raise FaultError(f'"{name}" has no Lease to lose; there are {known}')
    return levers.hold(f"leader/{name}", leader.stop, leader.start)


def _link(target: Target, levers: Levers) -> Link:
    link = levers.links.get(target.component)
    if link is None:
        known = ", ".join(sorted(levers.links))
        msg = f'there is no link "{target.component}"; there are {known}'
        raise FaultError(msg)
    return link
