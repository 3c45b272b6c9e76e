"""Sums of usage."""

from dispatch.policy.usage import add, by_role, total
from dispatch.state.enums import Role
from dispatch.state.work import Attempt, Usage


def used(turns: int, cost: float | None) -> Usage:
    return Usage(turns=turns, input_tokens=10, output_tokens=2, cached_tokens=1, cost_usd=cost)


def attempt(role: Role, usage: Usage) -> Attempt:
    return Attempt(id="x", role=role, executor="e", model="m", started_at="t", usage=usage)


def test_everything_is_added() -> None:
    assert add(used(1, 0.5), used(2, 0.25)) == Usage(
        turns=3, input_tokens=20, output_tokens=4, cached_tokens=2, cost_usd=0.75
    )
    assert total([]) == Usage()


def test_an_unknown_cost_stays_unknown() -> None:
    for one, other in ((None, 0.5), (0.5, None), (None, None)):
        assert add(used(1, one), used(1, other)).cost_usd is None


def test_roles_are_summed_apart_in_their_own_order() -> None:
    attempts = [
        attempt(Role.CRITIC, used(1, 1.0)),
        attempt(Role.PLANNER, used(2, None)),
        attempt(Role.CRITIC, used(3, 1.0)),
    ]
    sums = by_role(iter(attempts))
    assert list(sums.items()) == [
        (Role.PLANNER, used(2, None)),
        (Role.CRITIC, add(used(1, 1.0), used(3, 1.0))),
    ]
