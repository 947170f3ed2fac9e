"""A KubeletConfiguration, as its file has it, into settings: what Kubernetes calls them, checked.

Source: kubelet.config.k8s.io/v1beta1, kubernetes v1.34. Fields that mean nothing here are ignored.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from engine.api.frozen import EMPTY, FrozenDict
from engine.api.quantity import parse
from engine.errors import ConfigError
from engine.kubelet.eviction.thresholds import DEFAULT_HARD, Threshold, make_thresholds
from engine.kubelet.image_gc import ImageGCPolicy

API_VERSION = "kubelet.config.k8s.io/v1beta1"
KIND = "KubeletConfiguration"
RESERVABLE = ("cpu", "memory", "ephemeral-storage", "pid")
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+)ms)?")


@attrs.frozen(kw_only=True)
class KubeletSettings:
    """How the kubelets of a cluster go about their work.

    Attributes:
        max_pods: pods per node; 0 for what the node says.
        reserved: what is kept from pods, by resource (kubeReserved and systemReserved).
        withheld: the hard thresholds that are kept from pods too, if a file names some.
        thresholds: what a node must not run short of.
        transition: seconds a pressure condition lasts beyond its cause.
        max_eviction_grace: seconds a pod gets at a soft eviction.
        image_gc: when images are removed.
        pulls_at_once: images fetched at a time; 0 for any number.
        shutdown_grace: seconds pods get when the node is shut down.
        shutdown_grace_critical: how many of these are kept for critical pods.
        shutdown_by_priority: instead of both: priorities, ascending, and the seconds that pods from
            each of them on get, one group after the other.
    """

    max_pods: int = 0
    reserved: FrozenDict[str, str] = EMPTY
    withheld: tuple[Threshold, ...] = ()
    thresholds: tuple[Threshold, ...] = make_thresholds(DEFAULT_HARD)
    transition: float = 300.0
    max_eviction_grace: float = 0.0
    image_gc: ImageGCPolicy = ImageGCPolicy()
    pulls_at_once: int = 1
    shutdown_grace: float = 0.0
    shutdown_grace_critical: float = 0.0
    shutdown_by_priority: tuple[tuple[int, float], ...] = ()


def read_configuration(document: object, *, source: str) -> KubeletSettings:
    """The settings that *document*, read from *source*, asks for.

    Raises:
        ConfigError: it is no KubeletConfiguration, or fields are wrong: all of them, with paths.
    """
    if not isinstance(document, Mapping) or document.get("kind") != KIND:
        msg = f"{source}: this is no {KIND} ({API_VERSION})"
        raise ConfigError(msg)
    if document.get("apiVersion") != API_VERSION:
        msg = f"{source}: apiVersion is {document.get('apiVersion')!r}, not {API_VERSION}"
        raise ConfigError(msg)
    reader = _Reader(document)
    thresholds = reader.thresholds()
    by_priority = reader.shutdown_by_priority()
    settings = KubeletSettings(
        max_pods=reader.number("maxPods", 0),
        reserved=reader.reserved(),
        withheld=tuple(item for item in thresholds if item.is_hard),
        thresholds=thresholds,
        transition=reader.seconds("evictionPressureTransitionPeriod", 300.0),
        max_eviction_grace=float(reader.number("evictionMaxPodGracePeriod", 0)),
        image_gc=ImageGCPolicy(
            high=reader.number("imageGCHighThresholdPercent", 85, most=100),
            low=reader.number("imageGCLowThresholdPercent", 80, most=100),
            min_age=reader.seconds("imageMinimumGCAge", 120.0),
            max_age=reader.seconds("imageMaximumGCAge", 0.0),
        ),
        pulls_at_once=reader.pulls_at_once(),
        shutdown_grace=sum(seconds for _, seconds in by_priority)
        or reader.seconds("shutdownGracePeriod", 0.0),
        shutdown_grace_critical=reader.seconds("shutdownGracePeriodCriticalPods", 0.0),
        shutdown_by_priority=by_priority,
    )
    if settings.image_gc.low >= settings.image_gc.high:
        reader.complain("imageGCLowThresholdPercent", "must be below imageGCHighThresholdPercent")
    if settings.shutdown_grace_critical > settings.shutdown_grace:
        reader.complain(
            "shutdownGracePeriodCriticalPods", "must not be more than shutdownGracePeriod"
        )
    if reader.faults:
        raise ConfigError(f"{source}: " + "; ".join(reader.faults))
    return settings


@attrs.define(eq=False)
class _Reader:
    """Reads fields and collects what is wrong with them."""

    document: Mapping[str, Any]
    faults: list[str] = attrs.field(factory=list)

    def complain(self, path: str, fault: str) -> None:
        """That field is wrong."""
        self.faults.append(f"{path}: {fault}")

    def number(self, name: str, default: int, *, most: int = 2**31) -> int:
        """A number that is not negative."""
        value = self.document.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
            self.complain(name, f"{value!r} is no whole number from 0 to {most}")
            return default
        return value

    def seconds(self, name: str, default: float) -> float:
        """A duration as Go writes it."""
        return self._seconds(name, self.document.get(name), default)

    def pulls_at_once(self) -> int:
        """How many pulls at a time: one, unless they are not serialized."""
        is_serial = self.document.get("serializeImagePulls", True)
        most = self.number("maxParallelImagePulls", 0)
        if not isinstance(is_serial, bool):
            self.complain("serializeImagePulls", f"{is_serial!r} is neither true nor false")
        if is_serial and most > 1:
            self.complain(
                "maxParallelImagePulls", "cannot be above 1 unless serializeImagePulls is false"
            )
        return 1 if is_serial else most

    def reserved(self) -> FrozenDict[str, str]:
        """What is kept for the system and for Kubernetes, added up."""
        found: dict[str, str] = {}
        for name in ("systemReserved", "kubeReserved"):
            for resource, text in self._mapping(name).items():
                if resource not in RESERVABLE:
                    self.complain(f"{name}.{resource}", f"is not one of {', '.join(RESERVABLE)}")
                    continue
                try:
                    total = parse(found.get(resource, "0")) + parse(str(text))
                except ValueError:
                    self.complain(f"{name}.{resource}", f"{text!r} is no quantity")
                    continue
                found[resource] = str(total)
        return FrozenDict(found)

    def shutdown_by_priority(self) -> tuple[tuple[int, float], ...]:
        """Priorities, ascending, with the seconds pods get from there on."""
        name = "shutdownGracePeriodByPodPriority"
        given = self.document.get(name) or []
        if given and {"shutdownGracePeriod", "shutdownGracePeriodCriticalPods"} & set(
            self.document
        ):
            self.complain(name, "cannot be given beside shutdownGracePeriod")
        found: dict[int, float] = {}
        for index, item in enumerate(given if isinstance(given, list) else [given]):
            path = f"{name}[{index}]"
            fields = item if isinstance(item, Mapping) else {}
            priority, seconds = fields.get("priority"), fields.get("shutdownGracePeriodSeconds")
            if not isinstance(priority, int) or not isinstance(seconds, int) or seconds < 0:
                self.complain(path, "needs a priority and shutdownGracePeriodSeconds")
            elif priority in found:
                self.complain(path, f"priority {priority} is there twice")
            else:
                found[priority] = float(seconds)
        return tuple(sorted(found.items()))

    def thresholds(self) -> tuple[Threshold, ...]:
        """Hard ones (those of Kubernetes, unless others are given) and soft ones."""
        hard = self._mapping("evictionHard") if "evictionHard" in self.document else DEFAULT_HARD
        grace = {
            signal: self._seconds(f"evictionSoftGracePeriod.{signal}", text, 0.0)
            for signal, text in self._mapping("evictionSoftGracePeriod").items()
        }
        return self._try(
            "eviction",
            lambda: make_thresholds(
                {signal: str(text) for signal, text in hard.items()},
                {signal: str(text) for signal, text in self._mapping("evictionSoft").items()},
                grace,
                {key: str(text) for key, text in self._mapping("evictionMinimumReclaim").items()},
            ),
        )

    def _try(self, path: str, make: Callable[[], tuple[Threshold, ...]]) -> tuple[Threshold, ...]:
        try:
            return make()
        except ValueError as error:
            self.complain(path, str(error))
            return ()

    def _mapping(self, name: str) -> Mapping[str, Any]:
        value = self.document.get(name) or {}
        if not isinstance(value, Mapping):
            self.complain(name, "is no mapping")
            return {}
        return value

    def _seconds(self, path: str, value: object, default: float) -> float:
        if value is None:
            return default
        match = _DURATION.fullmatch(str(value)) if str(value) else None
        if match is None or str(value) in {"0", ""}:
            if str(value) == "0":
                return 0.0
            self.complain(path, f"{value!r} is no duration (30s, 5m0s)")
            return default
        hours, minutes, seconds, millis = (float(part or 0) for part in match.groups())
        return hours * 3600 + minutes * 60 + seconds + millis / 1000
