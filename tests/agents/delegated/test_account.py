"""What a delegated attempt used, and what may have been used besides."""

from attrs import evolve

from dispatch.agents.delegated.account import Account
from dispatch.agents.executors.delegation import Capabilities
from dispatch.state.config import Limits, Price
from dispatch.state.work import Usage

TOLD = Usage(turns=1, input_tokens=1_000_000, output_tokens=100_000, cost_usd=None)
PRICES = {"m": Price(input=1.0, output=10.0)}
LIMITS = Limits(usd=5.0, tokens=9_000_000)


def account(*, cumulative: bool = False, reports: bool = False, **more: object) -> Account:
    """An account that nothing was told to."""
    known = Capabilities(program="p", usage_is_cumulative=cumulative, reports_cost=reports)
    made = Account(known, "m", LIMITS, PRICES)
    for name, value in more.items():
        setattr(made, name, value)
    return made


def test_all_that_the_limits_leave_is_reserved_and_comes_back_when_all_is_told() -> None:
    made = account()
    assert made.worst() == Usage(turns=1, input_tokens=9_000_000, cost_usd=5.0)
    made.told(TOLD)
    assert made.usage == evolve(TOLD, cost_usd=2.0)
    assert made.unsettled == Usage(turns=1, input_tokens=7_900_000, cost_usd=3.0)
    made.ended(all_told=True)
    assert made.unsettled is None


def test_reports_of_a_whole_session_are_not_added_up() -> None:
    """Else each resumption would count the turns before it again."""
    made = account(cumulative=True)
    made.told(TOLD)
    made.told(evolve(TOLD, input_tokens=1_500_000))
    assert made.usage == Usage(turns=2, input_tokens=1_500_000, output_tokens=100_000, cost_usd=2.5)


def test_what_a_killed_one_lost_is_told_by_a_session_that_counts_all_of_it() -> None:
    made = account(cumulative=True)
    made.ended(all_told=False)
    assert made.unsettled == Usage(turns=1, input_tokens=9_000_000, cost_usd=5.0)
    assert made.worst() == Usage(turns=1, cost_usd=0.0)
    made.told(TOLD)
    made.ended(all_told=True)
    assert made.unsettled is None


def test_a_cost_that_is_told_is_taken_and_one_that_nobody_knows_is_never_zero() -> None:
    made = account(reports=True)
    made.told(evolve(TOLD, cost_usd=0.5))
    assert made.usage.cost_usd == 0.5
    unknown = Account(Capabilities(program="p"), "m", Limits(), {})
    unknown.told(TOLD)
    assert (unknown.usage.cost_usd, unknown.left().cost_usd) == (None, None)
