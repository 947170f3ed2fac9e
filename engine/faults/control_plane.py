"""Faults of the control plane: the API server, links, and components that stop."""

from engine.api.kubarium import Fault
from engine.client.link import Link
from engine.faults.fault import FaultError, Levers, Recovery, Target


def stop_apiserver(_fault: Fault, _target: Target, levers: Levers) -> Recovery:
    """The API server refuses every request."""
    levers.server.set_up(is_up=False)

    def start() -> None:
        levers.server.set_up(is_up=True)

    return start


def cut_link(_fault: Fault, target: Target, levers: Levers) -> Recovery:
    """One component cannot reach the API server."""
    link = _link(target, levers)
    link.cut()
    return link.heal


def delay_link(fault: Fault, target: Target, levers: Levers) -> Recovery:
    """What one component hears arrives `params.seconds` later."""
    link = _link(target, levers)
    seconds = fault.spec.params.get("seconds")
    if not isinstance(seconds, int | float) or seconds <= 0:
        msg = f"params.seconds must be a number above 0, not {seconds!r}"
        raise FaultError(msg)
    before = link.delay
    link.delay = before + float(seconds)

    def restore() -> None:
        link.delay = before

    return restore


def stop_component(_fault: Fault, target: Target, levers: Levers) -> Recovery:
    """The scheduler, or the controller of that name, does nothing until the fault ends."""
    component = levers.components.get(target.component)
    if component is None:
        known = ", ".join(sorted(levers.components))
        msg = f'there is no component "{target.component}"; there are {known}'
        raise FaultError(msg)
    component.stop()
    return component.start


def _link(target: Target, levers: Levers) -> Link:
    link = levers.links.get(target.component)
    if link is None:
        known = ", ".join(sorted(levers.links))
        msg = f'there is no link "{target.component}"; there are {known}'
        raise FaultError(msg)
    return link
