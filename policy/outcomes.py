"""What follows each way an attempt can end: one table for all who make requests and attempts."""

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from ..state.enums import Action, AttemptOutcome

# A second fresh agent after two that ended badly costs more than it ever repaired.
MAX_FRESH_ATTEMPTS: Final = 1


IN_THE_ATTEMPT: Final = frozenset({Action.SAME, Action.WAIT})
LAST: Final = frozenset({Action.ACCEPT, Action.STOP, Action.FAIL})


@frozen
class Policy:
    """What is tried for an outcome, in this order; the last one always fits."""

    actions: tuple[Action, ...]
    reason: str  # half a sentence
    advice: str = ""  # for the operator, when the run stops for it


POLICIES: Final[Mapping[AttemptOutcome, Policy]] = {
    AttemptOutcome.OK: Policy((Action.ACCEPT,), "the agent answered"),
    AttemptOutcome.NO_OUTPUT: Policy(
        (Action.FRESH, Action.OTHER_MODEL, Action.FAIL), "the agent stopped without an answer"
    ),
    AttemptOutcome.INVALID_OUTPUT: Policy(
        (Action.FRESH, Action.OTHER_MODEL, Action.FAIL), "the agent never gave a well-formed answer"
    ),
    AttemptOutcome.REFUSED_CLAIM: Policy(
        (Action.FAIL,), "what the agent claims does not hold, however often it was told"
    ),
    AttemptOutcome.TURN_LIMIT: Policy((Action.FAIL,), "a fresh agent would have as few turns"),
    AttemptOutcome.TOKEN_LIMIT: Policy((Action.FAIL,), "a fresh agent would have as few tokens"),
    AttemptOutcome.MONEY_LIMIT: Policy((Action.FAIL,), "a fresh agent would have as little money"),
    AttemptOutcome.TIME_LIMIT: Policy((Action.FAIL,), "a fresh agent would have as little time"),
    AttemptOutcome.CONTEXT_LIMIT: Policy(
        (Action.OTHER_MODEL, Action.FAIL), "the conversation is too long for the model"
    ),
    AttemptOutcome.SILENCE_LIMIT: Policy(
        (Action.FRESH, Action.OTHER_MODEL, Action.FAIL), "the model fell silent"
    ),
    AttemptOutcome.PROVIDER_AUTH: Policy(
        (Action.OTHER_MODEL, Action.STOP),
        "the provider does not accept the key",
        "Put the key in its environment variable right.",
    ),
    AttemptOutcome.PROVIDER_QUOTA: Policy(
        (Action.WAIT, Action.OTHER_MODEL, Action.STOP),
        "the provider's allowance is spent",
        "Wait until it is back, pay for more, or name another model under `fallback`.",
    ),
    AttemptOutcome.PROVIDER_OVERLOAD: Policy(
        (Action.SAME, Action.WAIT, Action.OTHER_MODEL, Action.FRESH, Action.STOP),
        "the provider was overloaded for longer than we wait",
        "Try again later, or name another model under `fallback`.",
    ),
    AttemptOutcome.PROVIDER_REFUSED: Policy(
        (Action.OTHER_MODEL, Action.STOP),
        "the provider refuses the request",
        "See in its words what it does not take: often the name of the model.",
    ),
    AttemptOutcome.TRANSPORT: Policy(
        (Action.SAME, Action.OTHER_MODEL, Action.FRESH, Action.STOP),
        "the connection to the provider kept failing",
        "See whether the network and the provider are there.",
    ),
    AttemptOutcome.CRASHED: Policy((Action.FRESH, Action.FAIL), "the agent's process ended"),
    AttemptOutcome.TRESPASS: Policy(
        (Action.FRESH, Action.FAIL), "what git starts programs by was changed in the repository"
    ),
    AttemptOutcome.CANCELLED: Policy((Action.STOP,), "the run was stopped"),
}

PROVIDER_FAULTS: Final = frozenset(
    outcome
    for outcome, policy in POLICIES.items()
    if policy.actions[-1] is Action.STOP and outcome is not AttemptOutcome.CANCELLED
)
_AGAIN: Final = frozenset(
    outcome
    for outcome, policy in POLICIES.items()
    if {Action.FRESH, Action.OTHER_MODEL} & set(policy.actions)
)


@frozen(kw_only=True)
class Tried:
    """What was tried for one job already."""

    fresh: int = 0
    others: int = 0  # models of the fallback


@frozen
class Remedy:
    """What to do, and the half sentence why."""

    action: Action
    reason: str


def allows(outcome: AttemptOutcome, action: Action) -> bool:
    """Whether the outcome's policy has the action in it."""
    return action in POLICIES[outcome].actions


def remedy(outcome: AttemptOutcome, tried: Tried, fallbacks: int) -> Remedy:
    """What follows an attempt's outcome; ``fallbacks`` is how many models the role's list has.

    What happens inside an attempt was done before it ended, and is never the answer.
    """
    policy = POLICIES[outcome]
    reason = policy.reason
    if outcome in _AGAIN and tried.fresh:
        reason += ", also with a fresh agent"
    if outcome in _AGAIN and tried.others:
        reason += ", also with another model"
    fits = {
        Action.FRESH: tried.fresh < MAX_FRESH_ATTEMPTS,
        Action.OTHER_MODEL: tried.others < fallbacks,
        **dict.fromkeys(IN_THE_ATTEMPT, False),
    }
    return Remedy(next(each for each in policy.actions if fits.get(each, True)), reason)


def is_providers_fault(outcome: AttemptOutcome) -> bool:
    """Whether the provider failed, rather than the agent: no task ever fails for it."""
    return outcome in PROVIDER_FAULTS
