"""What a Job decides from its pods: indexes, failure policy, back-off, success policy."""

import pytest

from engine.api.batch import (
    Job,
    JobSpec,
    PodFailurePolicy,
    PodFailurePolicyOnExitCodesRequirement,
    PodFailurePolicyOnPodConditionsPattern,
    PodFailurePolicyRule,
    SuccessPolicy,
    SuccessPolicyRule,
)
from engine.api.container import ContainerState, ContainerStateTerminated, ContainerStatus
from engine.api.meta import Condition, ObjectMeta
from engine.api.pod import Pod, PodStatus
from engine.api.wire import Time
from engine.controllers.job.backoff import FailureRecord, advanced, remaining
from engine.controllers.job.failure_policy import is_failed, judge
from engine.controllers.job.indexes import format_indexes, parse_indexes, pending_indexes
from engine.controllers.job.success_policy import matched_rule


def _ended(code: int, *, at: float = 0.0, conditions: tuple[Condition, ...] = ()) -> Pod:
    state = ContainerState(
        terminated=ContainerStateTerminated(exit_code=code, finished_at=Time(at))
    )
    return Pod(
        metadata=ObjectMeta(name="p", namespace="default"),
        status=PodStatus(
            phase="Failed" if code else "Succeeded",
            conditions=conditions,
            container_statuses=(ContainerStatus(name="main", state=state),),
        ),
    )


@pytest.mark.parametrize(
    ("text", "indexes"),
    [("", ()), ("3", (3,)), ("0,2-5,9", (0, 2, 3, 4, 5, 9)), ("1,2", (1, 2)), ("7-9", (7, 8, 9))],
)
def test_indexes_are_written_and_read(text: str, indexes: tuple[int, ...]) -> None:
    """Three and more in a row are a range (API reference of JobStatus.completedIndexes)."""
    assert parse_indexes(text, 100) == frozenset(indexes)
    assert format_indexes(indexes) == text


def test_indexes_beyond_the_completions_are_dropped() -> None:
    """An elastic Job that has shrunk forgets what it no longer asks for."""
    assert parse_indexes("0-5,8", 3) == frozenset((0, 1, 2))
    assert pending_indexes((0, 2), 2, 5) == (1, 3)


def _rule(
    action: str, operator: str, *values: int, container: str | None = None
) -> PodFailurePolicyRule:
    return PodFailurePolicyRule(
        action=action,
        on_exit_codes=PodFailurePolicyOnExitCodesRequirement(
            operator=operator, values=values, container_name=container
        ),
    )


@pytest.mark.parametrize(
    ("rules", "code", "action", "is_counted"),
    [
        ((_rule("FailJob", "In", 42),), 42, "FailJob", True),
        ((_rule("FailJob", "In", 42),), 1, "", True),
        ((_rule("Ignore", "NotIn", 1, 2),), 3, "Ignore", False),
        ((_rule("Ignore", "NotIn", 1, 2),), 2, "", True),
        ((_rule("FailIndex", "In", 9),), 9, "FailIndex", True),
        ((_rule("Count", "In", 5), _rule("FailJob", "In", 5)), 5, "Count", True),
        ((_rule("FailJob", "In", 42, container="other"),), 42, "", True),
    ],
)
def test_the_first_matching_rule_decides(
    rules: tuple[PodFailurePolicyRule, ...], code: int, action: str, is_counted: bool
) -> None:
    """Exit codes by container, In and NotIn; success never matches."""
    verdict = judge(PodFailurePolicy(rules=rules), _ended(code))

    assert (verdict.action, verdict.is_counted) == (action, is_counted)


def test_messages_name_pod_container_code_and_rule() -> None:
    """As kube-controller-manager words them."""
    failing = PodFailurePolicy(rules=(_rule("Ignore", "In", 7), _rule("FailJob", "In", 42)))
    pattern = PodFailurePolicyOnPodConditionsPattern(type="ConfigIssue", status="True")
    by_condition = PodFailurePolicy(
        rules=(PodFailurePolicyRule(action="FailJob", on_pod_conditions=(pattern,)),)
    )
    sick = _ended(1, conditions=(Condition(type="ConfigIssue", status="True"),))

    assert judge(failing, _ended(42)).message == (
        "Container main for pod default/p failed with exit code 42 matching FailJob rule at index 1"
    )
    assert judge(by_condition, sick).message == (
        "Pod default/p has condition ConfigIssue matching FailJob rule at index 0"
    )


def test_a_pod_that_is_going_counts_as_failed_unless_its_end_is_waited_for() -> None:
    """TerminatingOrFailed replaces at once; Failed, and any failure policy, waits."""
    going = Pod(
        metadata=ObjectMeta(name="p", deletion_timestamp=Time(1.0)),
        status=PodStatus(phase="Running"),
    )

    assert is_failed(going, Job())
    assert not is_failed(going, Job(spec=JobSpec(pod_replacement_policy="Failed")))
    assert not is_failed(going, Job(spec=JobSpec(pod_failure_policy=PodFailurePolicy())))


@pytest.mark.parametrize(
    ("failures", "expected"), [(0, 0), (1, 10), (2, 20), (3, 40), (6, 320), (7, 600), (50, 600)]
)
def test_the_wait_doubles_up_to_ten_minutes(failures: int, expected: float) -> None:
    """10 s, 20 s, 40 s and so on after the last failure."""
    assert remaining(FailureRecord(failures, 100.0), now=100.0) == expected


def test_a_success_starts_the_wait_afresh() -> None:
    """Only failures after the last success count."""
    record = FailureRecord(4, 50.0)

    after = advanced(
        record, [_ended(0, at=60.0)], [_ended(1, at=55.0), _ended(1, at=70.0)], now=80.0
    )

    assert after == FailureRecord(1, 70.0)
    assert advanced(record, [], [_ended(1, at=70.0)], now=80.0) == FailureRecord(5, 70.0)


@pytest.mark.parametrize(
    ("rule", "succeeded", "is_met"),
    [
        (SuccessPolicyRule(succeeded_indexes="0,2-3"), (0, 2, 3), True),
        (SuccessPolicyRule(succeeded_indexes="0,2-3"), (0, 2), False),
        (SuccessPolicyRule(succeeded_count=2), (4, 5), True),
        (SuccessPolicyRule(succeeded_indexes="0,2-3", succeeded_count=1), (2, 9), True),
        (SuccessPolicyRule(succeeded_indexes="0,2-3", succeeded_count=2), (2, 9), False),
    ],
)
def test_success_policies(
    rule: SuccessPolicyRule, succeeded: tuple[int, ...], is_met: bool
) -> None:
    """All of the named indexes, or that many, or that many of the named."""
    message = matched_rule(SuccessPolicy(rules=(rule,)), 10, frozenset(succeeded))

    assert message == ("Matched rules at index 0" if is_met else None)
