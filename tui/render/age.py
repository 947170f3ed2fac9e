"""Spans of time as kubectl writes them."""


def human_duration(seconds: float) -> str:  # noqa: C901 - a table of limits
    """``5s``, ``2m30s``, ``17m``, ``3h4m``, ``2d5h``, ``12d``, ``2y40d``.

    Source: duration.HumanDuration of k8s.io/apimachinery, kubernetes v1.34.
    """
    total = int(seconds)
    if total < -1:
        return "<invalid>"
    if total < 0:
        return "0s"
    minutes, hours, days = total // 60, total // 3600, total // 86400
    if total < 120:
        return f"{total}s"
    if minutes < 10:
        return _two(minutes, "m", total % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if hours < 192:
        return _two(days, "d", hours % 24, "h")
    if days < 730:
        return f"{days}d"
    if days < 2920:
        return _two(days // 365, "y", days % 365, "d")
    return f"{days // 365}y"


def age(created: float | None, now: float) -> str:
    """How long ago *created* was, or ``<unknown>``."""
    return "<unknown>" if created is None else human_duration(now - created)


def _two(first: int, first_unit: str, second: int, second_unit: str) -> str:
    return f"{first}{first_unit}{second}{second_unit}" if second else f"{first}{first_unit}"
