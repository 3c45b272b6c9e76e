"""What a delegated attempt has used, from what its program tells: pure, apart from its memory."""

from collections.abc import Mapping
from typing import Final

from attrs import define, evolve, field

from ...policy.usage import add
from ...state.config import Config, Limits, Price
from ...state.work import Attempt, Usage
from ..executors.delegation import Capabilities, DelegationExecutor
from ..executors.litellm_client import cost_at
from ..limits import tokens

_NOTHING: Final = Usage()


def account_of(executor: DelegationExecutor, attempt: Attempt, config: Config) -> "Account":
    """The account of an attempt, with what an interrupted one used before."""
    return Account(
        executor.capabilities,
        attempt.model,
        config.limits,
        config.prices,
        usage=attempt.usage,
        unsettled=attempt.unsettled,
    )


@define
class Account:
    """The usage of one attempt, over all processes that worked on it.

    ``usage`` is what was told, ``unsettled`` what may have been used besides: at its worst all that
    the attempt's limits leave, since nobody can look into a program between two of its reports.
    """

    capabilities: Capabilities
    model: str
    limits: Limits
    prices: Mapping[str, Price]
    usage: Usage = _NOTHING
    unsettled: Usage | None = None
    _lost: Usage | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        """What an earlier process left unsettled stays so until somebody tells."""
        self._lost = self.unsettled

    def worst(self) -> Usage:
        """The most that a process started now may use, and that is not reserved already."""
        left = self.left()
        if self._lost is None:
            return left
        return evolve(left, input_tokens=0, cost_usd=None if left.cost_usd is None else 0.0)

    def left(self) -> Usage:
        """What the limits leave; without a limit in money a cost that nobody knows."""
        usd, most = self.limits.usd, self.limits.tokens
        spent = self.usage.cost_usd
        known = usd is not None and spent is not None
        return Usage(
            turns=1,
            input_tokens=max(0, (most or 0) - tokens(self.usage)),
            cost_usd=max(0.0, (usd or 0.0) - (spent or 0.0)) if known else None,
        )

    def told(self, usage: Usage) -> None:
        """Take a report of the program."""
        usage = self._priced(usage)
        if self.capabilities.usage_is_cumulative:
            self.usage = evolve(usage, turns=self.usage.turns + 1)
            self._lost = None  # it is in the sum
        else:
            self.usage = add(self.usage, evolve(usage, turns=max(1, usage.turns)))
        self.unsettled = self.left()

    def ended(self, *, all_told: bool) -> None:
        """The process is over; ``all_told``: it had told all that it used."""
        self.unsettled = self._lost if all_told else self.left()
        self._lost = self.unsettled

    def _priced(self, usage: Usage) -> Usage:
        if self.capabilities.reports_cost and usage.cost_usd is not None:
            return usage
        price = self.prices.get(self.model)
        return evolve(usage, cost_usd=None if price is None else cost_at(price, usage))
