"""Faults of the cluster's storage: a driver's API that refuses, or takes its time."""

from engine.api.kubarium import Fault
from engine.cri.storage import CLOUD, LOCAL, NETWORK
from engine.faults.fault import FaultError, Levers, Recovery, StorageApi, Target, settings

DRIVERS = {"local": LOCAL.name, "network": NETWORK.name, "cloud": CLOUD.name}
AWAY = "rpc error: code = Unavailable desc = the API of the storage does not answer"


def refuse(fault: Fault, target: Target, levers: Levers) -> Recovery:
    """Volumes can be neither made, attached, grown nor copied; those that are mounted go on."""
    del target
    given = settings(fault)
    driver, words = DRIVERS[str(given["class"])], str(given["message"]) or AWAY
    storage = _storage(levers)

    def pull() -> None:
        storage.outages[driver] = words

    def release() -> None:
        storage.outages.pop(driver, None)

    return levers.hold(f"storage {driver}", pull, release)


def slow(fault: Fault, target: Target, levers: Levers) -> Recovery:
    """Everything that is asked of the storage takes longer."""
    del target
    given = settings(fault)
    driver, key = DRIVERS[str(given["class"])], fault.metadata.uid
    storage = _storage(levers)
    storage.delays[key] = driver, float(given["seconds"])

    def mend() -> None:
        storage.delays.pop(key, None)

    return mend


def _storage(levers: Levers) -> StorageApi:
    if levers.storage is None:
        raise FaultError("this cluster has no storage that could fail")
    return levers.storage
