"""What counts against a cap, and when it allows no further request."""

import math
from typing import Any

import pytest
from attrs import evolve
from fakes.small_records import a_run, a_task

from dispatch.policy.ledger import (
    Account,
    account,
    attempts_of,
    refusal,
    scopes,
    seconds_left,
)
from dispatch.state.config import Caps
from dispatch.state.enums import AttemptOutcome, Role
from dispatch.state.records import Run
from dispatch.state.refusals import Refusal
from dispatch.state.work import Attempt, Usage

PAID = Usage(turns=2, input_tokens=100, output_tokens=20, cached_tokens=50, cost_usd=0.5)
WORST = Usage(turns=1, input_tokens=200, output_tokens=300, cost_usd=0.25)
UNPRICED = evolve(PAID, cost_usd=None)


def attempt(number: int, usage: Usage = PAID, **changes: Any) -> Attempt:
    plain = Attempt(
        id=f"1a-x.implementer.{number}",
        role=Role.IMPLEMENTER,
        executor="litellm",
        model="m",
        started_at="2026-01-02T03:04:05.678Z",
        outcome=AttemptOutcome.OK,
        usage=usage,
        active_seconds=10.0,
    )
    return evolve(plain, **changes)


def run_with(*attempts: Attempt, run_limits: Caps | None = None, **task: Any) -> Run:
    """One task has all attempts but the first, which is the run's."""
    tasks = (evolve(a_task("1a-x"), attempts=attempts[1:]),)
    run = evolve(a_run(), attempts=attempts[:1], tasks=tasks, run_limits=run_limits or Caps())
    return evolve(run, **task)


def test_an_account_tells_what_is_spent_reserved_and_assumed() -> None:
    running = attempt(2, unsettled=WORST, outcome=None)
    cut = attempt(3, unsettled=WORST, outcome=AttemptOutcome.CRASHED)
    assert account([attempt(1), running, cut]) == Account(
        spent=Usage(turns=6, input_tokens=300, output_tokens=60, cached_tokens=150, cost_usd=1.5),
        reserved=WORST,
        assumed=WORST,
        seconds=30.0,
    )


def test_a_cost_that_is_not_known_is_named_and_never_zero() -> None:
    found = account([attempt(2, UNPRICED), attempt(1), attempt(3, unsettled=UNPRICED)])
    assert (found.spent.cost_usd, found.unpriced) == (
        1.0,
        ("1a-x.implementer.2", "1a-x.implementer.3"),
    )
    capped = scopes(run_with(attempt(1, UNPRICED), run_limits=Caps(usd=9.0)), None, 0.0)
    assert refusal(capped, WORST) == Refusal(
        outcome=AttemptOutcome.MONEY_LIMIT,
        cap="runLimits.usd",
        reason="what the model costs is not known, so that the cap could not be kept.",
        of_run=True,
    )


@pytest.mark.parametrize(
    ("caps", "outcome", "cap", "reason"),
    [
        (Caps(turns=4), "turn-limit", "turns", "4 of 4 turns are used."),
        (
            Caps(tokens=700),
            "token-limit",
            "tokens",
            "240 of 700 tokens are used, and the next turn may take up to 500.",
        ),
        (
            Caps(usd=1.2),
            "money-limit",
            "usd",
            "1.0000 of 1.20 USD are used, and the next turn may take up to 0.2500 USD.",
        ),
        (Caps(wall_seconds=99), "time-limit", "wallSeconds", "100 of 99 seconds are used."),
    ],
)
def test_each_cap_refuses_with_its_own_outcome_and_what_was_used(
    caps: Caps, outcome: str, cap: str, reason: str
) -> None:
    found = scopes(run_with(attempt(1), attempt(2), run_limits=caps), "1a-x", 100.0)
    assert refusal(found, WORST) == Refusal(
        outcome=AttemptOutcome(outcome), cap=f"runLimits.{cap}", reason=reason, of_run=True
    )


def test_just_within_every_cap_a_request_is_allowed() -> None:
    caps = Caps(turns=5, tokens=740, usd=1.25, wall_seconds=101)
    found = scopes(run_with(attempt(1), attempt(2), run_limits=caps), "1a-x", 100.0)
    assert refusal(found, WORST) is None
    assert seconds_left(found) == 1.0


def test_a_task_has_an_account_of_its_own() -> None:
    run = run_with(attempt(1), attempt(2), task_limits=Caps(turns=3, wall_seconds=60))
    found = scopes(run, "1a-x", 0.0, unrecorded=5.0)
    assert refusal(found, WORST) is None
    assert seconds_left(found) == 45.0
    run = evolve(run, task_limits=Caps(turns=2))
    refused = refusal(scopes(run, "1a-x", 0.0), WORST)
    assert refused is not None
    assert (refused.cap, refused.of_run) == ("taskLimits.turns", False)
    assert scopes(run, None, 0.0) == ()


def test_without_caps_nothing_is_refused_and_nothing_counted() -> None:
    found = scopes(run_with(attempt(1, UNPRICED)), "1a-x", 1e9)
    assert (found, refusal(found, WORST), seconds_left(found)) == ((), None, math.inf)


def test_what_siblings_hold_counts_only_where_it_is_asked_for() -> None:
    running = attempt(2, unsettled=WORST, outcome=None)
    found = scopes(run_with(attempt(1), running, run_limits=Caps(usd=1.3)), "1a-x", 0.0)
    assert refusal(found, WORST) is None
    assert refusal(found, WORST, reserved=True) is not None


def test_the_attempts_of_a_run_are_those_of_its_tasks_too() -> None:
    run = run_with(attempt(1), attempt(2), attempt(3))
    assert [each.id[-1] for each in attempts_of(run)] == ["1", "2", "3"]
    assert [each.id[-1] for each in attempts_of(run, "1a-x")] == ["2", "3"]
