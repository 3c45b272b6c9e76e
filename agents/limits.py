"""What an attempt has used against what it may use: pure, read before every turn."""

from typing import Final

from attrs import frozen

from ..state.config import Limits
from ..state.enums import AttemptOutcome
from ..state.work import Usage

REMIND_AT: Final = 2 / 3  # of any budget


@frozen(kw_only=True)
class Spent:
    """What an attempt has used; ``silent_seconds`` counts since the model last sent anything."""

    usage: Usage
    wall_seconds: float = 0.0
    silent_seconds: float = 0.0


@frozen
class Stop:
    """Why an attempt has to end without a value."""

    outcome: AttemptOutcome
    message: str


def exhausted(spent: Spent, limits: Limits) -> Stop | None:
    """Why no further turn may be asked for; null when one may."""
    usage = spent.usage
    if usage.turns >= limits.turns:
        return Stop(
            AttemptOutcome.TURN_LIMIT,
            f"It used all of its {limits.turns} turns without handing in a result.",
        )
    if limits.tokens is not None and tokens(usage) >= limits.tokens:
        return Stop(
            AttemptOutcome.TOKEN_LIMIT,
            f"It used {tokens(usage)} tokens; the limit is {limits.tokens}.",
        )
    if limits.usd is not None:
        # An unknown cost is never zero: a cap that cannot be held stops at once.
        if usage.cost_usd is None:
            return Stop(
                AttemptOutcome.MONEY_LIMIT,
                f"The limit is {limits.usd:.2f} USD, but the price of this model is not known; "
                "set it under `prices` in dispatch-config.yaml.",
            )
        if usage.cost_usd >= limits.usd:
            return Stop(
                AttemptOutcome.MONEY_LIMIT,
                f"It cost {usage.cost_usd:.4f} USD; the limit is {limits.usd:.2f} USD.",
            )
    return overdue(spent, limits)


def overdue(spent: Spent, limits: Limits) -> Stop | None:
    """Why a turn that is under way may not be waited for any longer; null when it may."""
    if spent.wall_seconds >= limits.wall_seconds:
        return Stop(
            AttemptOutcome.TIME_LIMIT,
            f"It worked for {spent.wall_seconds:.0f} seconds; "
            f"the limit is {limits.wall_seconds:.0f}.",
        )
    if spent.silent_seconds >= limits.silence_seconds:
        return Stop(
            AttemptOutcome.SILENCE_LIMIT,
            f"The model sent nothing for {spent.silent_seconds:.0f} seconds; "
            f"the limit is {limits.silence_seconds:.0f}.",
        )
    return None


def patience(spent: Spent, limits: Limits) -> float:
    """Seconds until ``overdue`` can first say anything."""
    return min(
        limits.wall_seconds - spent.wall_seconds, limits.silence_seconds - spent.silent_seconds
    )


def nearly_spent(spent: Spent, limits: Limits) -> str:
    """The budget that is two thirds used, in words for the model; empty when none is."""
    usage = spent.usage
    if usage.turns >= limits.turns * REMIND_AT:
        return f"{usage.turns} of {limits.turns} turns"
    if limits.tokens is not None and tokens(usage) >= limits.tokens * REMIND_AT:
        return f"{tokens(usage)} of {limits.tokens} tokens"
    if (
        limits.usd is not None
        and usage.cost_usd is not None
        and usage.cost_usd >= limits.usd * REMIND_AT
    ):
        return f"{usage.cost_usd:.2f} of {limits.usd:.2f} USD"
    if spent.wall_seconds >= limits.wall_seconds * REMIND_AT:
        return f"{spent.wall_seconds:.0f} of {limits.wall_seconds:.0f} seconds"
    return ""


def tokens(usage: Usage) -> int:
    """What counts against the token limit: everything read and written, cached or not."""
    return usage.input_tokens + usage.output_tokens
