"""What was used by role and model: the sums of attempts, the most expensive first."""

from collections.abc import Iterable

from attrs import frozen

from ...policy.usage import total
from ...state.enums import Role
from ...state.work import Attempt, Usage


@frozen(kw_only=True)
class Cost:
    """What one model used in one role; ``usage.cost_usd`` is null when a price is not known."""

    role: Role
    executor: str
    model: str
    attempts: int
    usage: Usage


def costs(attempts: Iterable[Attempt]) -> tuple[Cost, ...]:
    """The sums, by cost and then tokens; what has no known price comes first."""
    groups = dict[tuple[Role, str, str], list[Attempt]]()
    for each in attempts:
        groups.setdefault((each.role, each.executor, each.model), []).append(each)
    found = [
        Cost(role=role, executor=executor, model=model, attempts=len(own), usage=total(own))
        for (role, executor, model), own in groups.items()
    ]
    return tuple(sorted(found, key=_order))


def tokens(usage: Usage) -> int:
    """Input and output together."""
    return usage.input_tokens + usage.output_tokens


def _order(cost: Cost) -> tuple[bool, float, int, str, str, str]:
    price = cost.usage.cost_usd
    return (
        price is not None,
        -(price or 0.0),
        -tokens(cost.usage),
        cost.role,
        cost.executor,
        cost.model,
    )
