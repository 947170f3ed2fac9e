"""Numbers given as a count or as a percentage of another (maxSurge, minAvailable)."""

from engine.api.wire import IntOrString


def scaled(amount: IntOrString | None, total: int, *, round_up: bool, default: int = 0) -> int:
    """*amount* as a count: itself, or its percentage of *total*, rounded as asked.

    Raises:
        ValueError: a text that is not a percentage.

    Source: intstr.GetScaledValueFromIntOrPercent, kubernetes v1.34.
    """
    if amount is None:
        return default
    if isinstance(amount, int):
        return amount
    if not amount.endswith("%"):
        msg = f"a number or a percentage was expected, not {amount!r}"
        raise ValueError(msg)
    product = int(amount[:-1]) * total
    return -(-product // 100) if round_up else product // 100
