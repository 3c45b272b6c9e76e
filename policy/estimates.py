"""How much a role is likely to use for one piece of work: from past runs, else stated priors.

A piece is a task (implementer, critic, greybeard, fix agent), a level (gate critic) or a run
(planner, attribution), with everything that is tried again.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from attrs import frozen

from ..state.enums import Role
from ..state.routes import Spent
from ..state.work import Usage

ENOUGH: Final = 5  # pieces of work in the past; with fewer, priors are nearer
LOW: Final = 0.25
HIGH: Final = 0.9


@frozen
class Range:
    """Three values: a quarter of the pieces is below ``low``, half below ``middle``, and nine in
    ten below ``high``.
    """

    low: float
    middle: float
    high: float


@frozen(kw_only=True)
class Estimate:
    """``usd`` is null where no price is known; ``pieces`` of the past, 0: a prior."""

    seconds: Range
    usd: Range | None
    pieces: int


@frozen
class _Prior:
    """Seconds, and thousands of tokens that are read (nine in ten of them cached) and written."""

    seconds: tuple[float, float, float]
    read: tuple[float, float, float]
    written: tuple[float, float, float]


# Assumed, not measured: an agent that reads its part of a middling repository with a turn each
# ten seconds, and the same with many tries.  Five pieces of your own past replace each row.
PRIORS: Final[Mapping[Role, _Prior]] = {
    Role.PLANNER: _Prior((120, 300, 900), (150, 400, 1500), (5, 12, 30)),
    Role.IMPLEMENTER: _Prior((180, 480, 1800), (200, 700, 4000), (5, 15, 60)),
    Role.CRITIC: _Prior((60, 150, 480), (80, 200, 900), (2, 5, 15)),
    Role.GATE_CRITIC: _Prior((60, 150, 480), (60, 200, 800), (2, 4, 12)),
    Role.GREYBEARD: _Prior((0, 0, 60), (0, 0, 60), (0, 0, 2)),
    Role.ATTRIBUTION: _Prior((0, 0, 180), (0, 0, 200), (0, 0, 5)),
    Role.FIX_AGENT: _Prior((0, 0, 900), (0, 0, 1500), (0, 0, 25)),
}
_CACHED: Final = 0.9

# What a usage of a role costs; null: no price is known.
Price = Callable[[Role, Usage], float | None]


def estimates(
    past: Iterable[Spent], models: Mapping[Role, str], price: Price
) -> Mapping[Role, Estimate]:
    """For each role; the past counts only with the model that the role has now."""
    same: dict[Role, list[Spent]] = {role: [] for role in Role}
    for each in past:
        if {models[each.role]}.issuperset(each.models):
            same[each.role].append(each)
    return {role: _estimate(role, same[role], price) for role in Role}


def _estimate(role: Role, same: Sequence[Spent], price: Price) -> Estimate:
    if len(same) < ENOUGH or not any(each.models for each in same):
        return _prior(role, price)
    costs = [each.cost_usd for each in same if each.cost_usd is not None]
    return Estimate(
        seconds=_range([each.seconds for each in same]),
        usd=_range(costs) if len(costs) == len(same) else None,
        pieces=len(same),
    )


def _prior(role: Role, price: Price) -> Estimate:
    prior = PRIORS[role]
    costs = [
        price(
            role,
            Usage(
                input_tokens=round(1000 * read),
                cached_tokens=round(1000 * read * _CACHED),
                output_tokens=round(1000 * written),
            ),
        )
        for read, written in zip(prior.read, prior.written, strict=True)
    ]
    known = [each for each in costs if each is not None]
    usd = Range(*known) if len(known) == len(costs) else None
    return Estimate(seconds=Range(*prior.seconds), usd=usd, pieces=0)


def _range(values: Sequence[float]) -> Range:
    ordered = sorted(values)
    return Range(*(_quantile(ordered, share) for share in (LOW, 0.5, HIGH)))


def _quantile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that so many are not above."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
