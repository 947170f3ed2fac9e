"""A fault that is too much of a good thing: requests to a service."""

from engine.api.core import Service
from engine.api.kubarium import Fault
from engine.api.load import Load, LoadSpec
from engine.api.meta import ObjectMeta
from engine.apiserver.errors import ApiError, NotFoundError
from engine.faults.fault import FaultError, Levers, Recovery, Target, settings


def send_requests(fault: Fault, _target: Target, levers: Levers) -> Recovery:
    """Make a Load object; the load generator does the rest, until the fault ends."""
    given = settings(fault)
    namespace = fault.spec.target.namespace or "default"
    service, client = str(given["service"]), levers.client
    try:
        client.get(Service, service, namespace=namespace)
    except NotFoundError as error:
        raise FaultError(f'there is no service "{service}" in namespace {namespace}') from error
    peak = given.get("peak")
    name = f"fault-{fault.metadata.name}"
    client.create(
        Load(
            metadata=ObjectMeta(name=name, namespace=namespace),
            spec=LoadSpec(
                service=service,
                pattern=str(given["pattern"]),
                rate=float(given["rate"]),
                peak=float(peak) if peak is not None else None,
                duration_seconds=fault.spec.duration_seconds or DEFAULT_SECONDS,
            ),
        )
    )

    def stop() -> None:
        try:
            client.delete(Load, name, namespace=namespace)
        except NotFoundError:
            return
        except ApiError:
            levers.loop.call_later(1.0, stop)

    return stop


DEFAULT_SECONDS = 60.0
