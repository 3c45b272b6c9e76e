"""What follows each outcome of an attempt."""

from dispatch.policy.outcomes import (
    PROVIDER_FAULTS,
    Action,
    Remedy,
    fresh_attempt,
    is_providers_fault,
    remedy,
)
from dispatch.state.enums import AttemptOutcome

WORTH_A_FRESH_ONE = {
    AttemptOutcome.NO_OUTPUT,
    AttemptOutcome.INVALID_OUTPUT,
    AttemptOutcome.SILENCE_LIMIT,
    AttemptOutcome.PROVIDER_OVERLOAD,
    AttemptOutcome.TRANSPORT,
    AttemptOutcome.CRASHED,
}


def test_every_outcome_has_a_remedy() -> None:
    actions = {outcome: remedy(outcome, 0).action for outcome in AttemptOutcome}
    expected = {
        AttemptOutcome.OK: Action.ACCEPT,
        AttemptOutcome.CANCELLED: Action.WAIT,
        **dict.fromkeys(WORTH_A_FRESH_ONE, Action.FRESH),
    }
    assert actions == {outcome: expected.get(outcome, Action.FAIL) for outcome in AttemptOutcome}


def test_one_fresh_attempt_is_made_and_no_second() -> None:
    for outcome in WORTH_A_FRESH_ONE:
        assert fresh_attempt(outcome, 0)
        assert not fresh_attempt(outcome, 1)
    assert remedy(AttemptOutcome.NO_OUTPUT, 1) == Remedy(
        Action.FAIL, "the agent stopped without an answer, also with a fresh agent"
    )


def test_the_providers_faults_are_told_from_the_agents() -> None:
    faults = {outcome for outcome in AttemptOutcome if is_providers_fault(outcome)}
    assert faults == PROVIDER_FAULTS
    assert AttemptOutcome.PROVIDER_OVERLOAD in faults
    assert AttemptOutcome.NO_OUTPUT not in faults
