"""Adding up what agents used; a cost that is unknown makes the sum unknown, never smaller."""

from collections.abc import Iterable, Mapping
from functools import reduce

from ..state.enums import Role
from ..state.work import Attempt, Usage


def add(one: Usage, other: Usage) -> Usage:
    """The sum of two; ``cost_usd`` is null when either is."""
    unknown = one.cost_usd is None or other.cost_usd is None
    return Usage(
        turns=one.turns + other.turns,
        input_tokens=one.input_tokens + other.input_tokens,
        output_tokens=one.output_tokens + other.output_tokens,
        cached_tokens=one.cached_tokens + other.cached_tokens,
        cost_usd=None if unknown else (one.cost_usd or 0.0) + (other.cost_usd or 0.0),
    )


def total(attempts: Iterable[Attempt]) -> Usage:
    """What attempts used together; nothing for none."""
    return reduce(add, (attempt.usage for attempt in attempts), Usage())


def by_role(attempts: Iterable[Attempt]) -> Mapping[Role, Usage]:
    """What each role used, in the order of the roles; roles without an attempt are left out."""
    known = tuple(attempts)
    return {
        role: total(attempt for attempt in known if attempt.role is role)
        for role in Role
        if any(attempt.role is role for attempt in known)
    }
