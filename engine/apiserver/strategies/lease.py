"""Lease: a heartbeat, or a claim to leadership.

Source: pkg/apis/coordination/validation, kubernetes v1.34.
"""

from typing import Any

from engine.apiserver.errors import Cause
from engine.apiserver.strategy import WithoutStatus
from engine.apiserver.validation import at_least_zero, invalid


class LeaseStrategy(WithoutStatus):
    """Leases."""

    def validate(self, obj: Any) -> list[Cause]:
        """A time that passes, and transitions that have been."""
        spec = obj.spec
        causes: list[Cause] = []
        seconds = spec.lease_duration_seconds
        if seconds is not None and seconds <= 0:
            message = "must be greater than 0"
            causes.append(invalid("spec.leaseDurationSeconds", seconds, message))
        return causes + at_least_zero("spec.leaseTransitions", spec.lease_transitions)
