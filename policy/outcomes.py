"""What follows when an attempt has ended: one table, read by whoever starts attempts."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from attrs import frozen

from ..state.enums import AttemptOutcome

# A second fresh agent after two that ended badly costs more than it ever repaired.
MAX_FRESH_ATTEMPTS: Final = 1


class Action(StrEnum):
    """What to do next."""

    ACCEPT = "accept"  # there is a value
    FRESH = "fresh"  # another agent, from the start, in a clean tree
    WAIT = "wait"  # nothing until the run goes on
    FAIL = "fail"


# The agent did nothing wrong: a task is never marked failed for these.
PROVIDER_FAULTS: Final = frozenset(
    {
        AttemptOutcome.PROVIDER_AUTH,
        AttemptOutcome.PROVIDER_QUOTA,
        AttemptOutcome.PROVIDER_OVERLOAD,
        AttemptOutcome.PROVIDER_REFUSED,
        AttemptOutcome.TRANSPORT,
    }
)


@frozen
class Remedy:
    """What to do, and the half sentence why."""

    action: Action
    reason: str


_FRESH: Final[Mapping[AttemptOutcome, str]] = {
    AttemptOutcome.NO_OUTPUT: "the agent stopped without an answer",
    AttemptOutcome.INVALID_OUTPUT: "the agent never gave a well-formed answer",
    AttemptOutcome.SILENCE_LIMIT: "the agent fell silent",
    AttemptOutcome.PROVIDER_OVERLOAD: "the provider was overloaded for longer than we wait",
    AttemptOutcome.TRANSPORT: "the connection to the provider kept failing",
    AttemptOutcome.CRASHED: "the agent's process ended",
}

_OTHERS: Final[Mapping[AttemptOutcome, Remedy]] = {
    AttemptOutcome.OK: Remedy(Action.ACCEPT, "the agent answered"),
    AttemptOutcome.CANCELLED: Remedy(Action.WAIT, "the run was stopped; it is done again later"),
    AttemptOutcome.REFUSED_CLAIM: Remedy(
        Action.FAIL, "what the agent claims does not hold, however often it was told"
    ),
    AttemptOutcome.TURN_LIMIT: Remedy(Action.FAIL, "a fresh agent would have as few turns"),
    AttemptOutcome.TOKEN_LIMIT: Remedy(Action.FAIL, "a fresh agent would have as few tokens"),
    AttemptOutcome.MONEY_LIMIT: Remedy(Action.FAIL, "a fresh agent would have as little money"),
    AttemptOutcome.TIME_LIMIT: Remedy(Action.FAIL, "a fresh agent would have as little time"),
    AttemptOutcome.CONTEXT_LIMIT: Remedy(Action.FAIL, "the task is too large for the model"),
    AttemptOutcome.PROVIDER_AUTH: Remedy(Action.FAIL, "the provider does not accept the key"),
    AttemptOutcome.PROVIDER_QUOTA: Remedy(Action.FAIL, "the provider's allowance is spent"),
    AttemptOutcome.PROVIDER_REFUSED: Remedy(Action.FAIL, "the provider refuses the request"),
}


def remedy(outcome: AttemptOutcome, fresh_attempts_so_far: int) -> Remedy:
    """What follows an outcome when so many fresh attempts were made for the same job already."""
    reason = _FRESH.get(outcome)
    if reason is None:
        return _OTHERS[outcome]
    if fresh_attempts_so_far < MAX_FRESH_ATTEMPTS:
        return Remedy(Action.FRESH, reason)
    return Remedy(Action.FAIL, f"{reason}, also with a fresh agent")


def fresh_attempt(outcome: AttemptOutcome, fresh_attempts_so_far: int) -> bool:
    """Whether a fresh agent is worth it."""
    return remedy(outcome, fresh_attempts_so_far).action is Action.FRESH


def is_providers_fault(outcome: AttemptOutcome) -> bool:
    """Whether the provider failed, rather than the agent."""
    return outcome in PROVIDER_FAULTS
