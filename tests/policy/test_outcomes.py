"""What follows each outcome of an attempt."""

import pytest

from dispatch.policy.outcomes import (
    IN_THE_ATTEMPT,
    LAST,
    MAX_FRESH_ATTEMPTS,
    POLICIES,
    PROVIDER_FAULTS,
    Remedy,
    Tried,
    allows,
    is_providers_fault,
    remedy,
)
from dispatch.state.enums import Action, AttemptOutcome

ACCEPT, FAIL, STOP = Action.ACCEPT, Action.FAIL, Action.STOP
FRESH, OTHER, SAME, WAIT = Action.FRESH, Action.OTHER_MODEL, Action.SAME, Action.WAIT

TABLE = {
    AttemptOutcome.OK: (ACCEPT,),
    AttemptOutcome.NO_OUTPUT: (FRESH, OTHER, FAIL),
    AttemptOutcome.INVALID_OUTPUT: (FRESH, OTHER, FAIL),
    AttemptOutcome.REFUSED_CLAIM: (FAIL,),
    AttemptOutcome.TURN_LIMIT: (FAIL,),
    AttemptOutcome.TOKEN_LIMIT: (FAIL,),
    AttemptOutcome.MONEY_LIMIT: (FAIL,),
    AttemptOutcome.TIME_LIMIT: (FAIL,),
    AttemptOutcome.SILENCE_LIMIT: (FRESH, OTHER, FAIL),
    AttemptOutcome.CONTEXT_LIMIT: (OTHER, FAIL),
    AttemptOutcome.PROVIDER_AUTH: (OTHER, STOP),
    AttemptOutcome.PROVIDER_QUOTA: (WAIT, OTHER, STOP),
    AttemptOutcome.PROVIDER_OVERLOAD: (SAME, WAIT, OTHER, FRESH, STOP),
    AttemptOutcome.PROVIDER_REFUSED: (OTHER, STOP),
    AttemptOutcome.TRANSPORT: (SAME, OTHER, FRESH, STOP),
    AttemptOutcome.CRASHED: (FRESH, FAIL),
    AttemptOutcome.TRESPASS: (FRESH, FAIL),
    AttemptOutcome.CANCELLED: (STOP,),
}


def test_every_outcome_has_its_row_in_the_table() -> None:
    assert {outcome: policy.actions for outcome, policy in POLICIES.items()} == TABLE
    assert set(TABLE) == set(AttemptOutcome)


def test_every_row_ends_with_something_that_always_fits() -> None:
    for policy in POLICIES.values():
        assert [each in LAST for each in policy.actions] == [
            *[False] * (len(policy.actions) - 1),
            True,
        ]


def test_a_provider_is_never_at_fault_for_the_work_nor_the_work_for_a_provider() -> None:
    """[W-14] What only a provider can end pauses the run and fails no task."""
    faults = {outcome for outcome in AttemptOutcome if is_providers_fault(outcome)}
    assert (
        faults
        == PROVIDER_FAULTS
        == {
            AttemptOutcome.PROVIDER_AUTH,
            AttemptOutcome.PROVIDER_QUOTA,
            AttemptOutcome.PROVIDER_OVERLOAD,
            AttemptOutcome.PROVIDER_REFUSED,
            AttemptOutcome.TRANSPORT,
        }
    )
    assert {outcome for outcome in faults if POLICIES[outcome].advice} == faults
    assert not any(FAIL in POLICIES[outcome].actions for outcome in faults)


@pytest.mark.parametrize("outcome", AttemptOutcome)
def test_what_is_tried_comes_to_an_end_in_the_order_of_the_row(outcome: AttemptOutcome) -> None:
    """Whatever happens again and again, one job makes at most a fresh attempt and the fallbacks."""
    tried, fallbacks = Tried(), 2
    seen = []
    for _ in range(MAX_FRESH_ATTEMPTS + fallbacks + 1):
        action = remedy(outcome, tried, fallbacks).action
        seen.append(action)
        if action is FRESH:
            tried = Tried(fresh=tried.fresh + 1, others=tried.others)
        elif action is OTHER:
            tried = Tried(fresh=tried.fresh, others=tried.others + 1)
        else:
            break
    times = {FRESH: MAX_FRESH_ATTEMPTS, OTHER: fallbacks}
    row = (action for action in TABLE[outcome] if action not in IN_THE_ATTEMPT)
    assert seen == [action for action in row for _ in range(times.get(action, 1))]


def test_the_reason_says_what_was_tried() -> None:
    outcome = AttemptOutcome.NO_OUTPUT
    assert remedy(outcome, Tried(), 0) == Remedy(FRESH, "the agent stopped without an answer")
    assert remedy(outcome, Tried(fresh=1, others=1), 1) == Remedy(
        FAIL,
        "the agent stopped without an answer, also with a fresh agent, also with another model",
    )


def test_what_happens_inside_the_attempt_is_asked_of_the_same_table() -> None:
    assert allows(AttemptOutcome.TRANSPORT, SAME)
    assert not allows(AttemptOutcome.TRANSPORT, WAIT)
    assert allows(AttemptOutcome.PROVIDER_QUOTA, WAIT)
    assert not allows(AttemptOutcome.PROVIDER_AUTH, SAME)
