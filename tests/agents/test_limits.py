"""Budgets against what was used."""

import pytest

from dispatch.agents.limits import Spent, Stop, exhausted, nearly_spent, overdue, patience
from dispatch.state.config import Limits
from dispatch.state.enums import AttemptOutcome
from dispatch.state.work import Usage

LIMITS = Limits(turns=12, tokens=1000, usd=1.0, wall_seconds=60.0, silence_seconds=10.0)


def _spent(
    turns: int = 0, tokens: int = 0, usd: float | None = 0.0, wall: float = 0, silent: float = 0
) -> Spent:
    usage = Usage(turns=turns, input_tokens=tokens, cost_usd=usd)
    return Spent(usage=usage, wall_seconds=wall, silent_seconds=silent)


@pytest.mark.parametrize(
    ("spent", "outcome"),
    [
        (_spent(turns=12), AttemptOutcome.TURN_LIMIT),
        (_spent(tokens=1000), AttemptOutcome.TOKEN_LIMIT),
        (_spent(usd=1.0), AttemptOutcome.MONEY_LIMIT),
        (_spent(turns=1, usd=None), AttemptOutcome.MONEY_LIMIT),
        (_spent(wall=60), AttemptOutcome.TIME_LIMIT),
        (_spent(silent=10), AttemptOutcome.SILENCE_LIMIT),
    ],
)
def test_each_budget_ends_the_attempt_with_its_own_outcome(
    spent: Spent, outcome: AttemptOutcome
) -> None:
    stop = exhausted(spent, LIMITS)
    assert stop is not None
    assert stop.outcome is outcome


def test_just_below_every_limit_another_turn_may_be_asked_for() -> None:
    assert exhausted(_spent(11, 999, 0.99, 59.9, 9.9), LIMITS) is None


def test_an_unknown_cost_stops_nothing_without_a_cap_on_money() -> None:
    assert exhausted(_spent(usd=None), Limits()) is None


def test_a_cap_on_money_that_cannot_be_held_says_where_to_set_a_price() -> None:
    assert exhausted(_spent(usd=None), Limits(usd=2.0)) == Stop(
        AttemptOutcome.MONEY_LIMIT,
        "The limit is 2.00 USD, but the price of this model is not known; "
        "set it under `prices` in dispatch-config.yaml.",
    )


def test_a_turn_under_way_is_bounded_by_time_only() -> None:
    assert overdue(_spent(turns=99, tokens=9999), LIMITS) is None
    assert patience(_spent(wall=55, silent=1), LIMITS) == 5.0
    assert patience(_spent(wall=5, silent=1), LIMITS) == 9.0


@pytest.mark.parametrize(
    ("spent", "words"),
    [
        (_spent(turns=7, tokens=600, usd=0.6, wall=39), ""),
        (_spent(turns=8), "8 of 12 turns"),
        (_spent(tokens=700), "700 of 1000 tokens"),
        (_spent(usd=0.7), "0.70 of 1.00 USD"),
        (_spent(wall=41), "41 of 60 seconds"),
    ],
)
def test_two_thirds_of_any_budget_are_put_into_words(spent: Spent, words: str) -> None:
    assert nearly_spent(spent, LIMITS) == words
