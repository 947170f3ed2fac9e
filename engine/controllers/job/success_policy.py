"""Whether a Job's success policy is met before all its indexes have succeeded. Pure.

Source: pkg/controller/job/success_policy.go, kubernetes v1.34.
"""

from engine.api.batch import SuccessPolicy
from engine.controllers.job.indexes import parse_indexes


def matched_rule(
    policy: SuccessPolicy | None, completions: int, succeeded: frozenset[int]
) -> str | None:
    """What to say of the first rule that *succeeded* indexes meet; None if they meet none."""
    for number, rule in enumerate(policy.rules if policy is not None else ()):
        counted = succeeded
        needed = rule.succeeded_count
        if rule.succeeded_indexes is not None:
            required = parse_indexes(rule.succeeded_indexes, completions)
            counted = succeeded & required
            needed = len(required) if needed is None else needed
        if needed is not None and len(counted) >= needed:
            return f"Matched rules at index {number}"
    return None
