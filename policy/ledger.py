"""What a run or a task has used, or must be taken to have used, and what its caps leave: pure.

The account is computed from the document alone.  Every request is in it before it is made, at its
worst; what it really used takes that place when it is over, and where nobody tells, the worst
stays.  So an account is never below what was spent, and as no request is allowed whose worst
would pass a cap, no cap is passed as long as providers keep to the limit of a reply and to their
prices.
"""

import math
from collections.abc import Iterable, Iterator
from itertools import chain

from attrs import field, frozen

from ..state.config import Caps
from ..state.enums import AttemptOutcome
from ..state.records import Run
from ..state.refusals import Refusal
from ..state.work import Attempt, Usage
from .usage import add

# The least that a request can use: what a new attempt must still have room for.
ANY_REQUEST = Usage(turns=1)


@frozen(kw_only=True)
class Account:
    """``cost_usd`` of each sum is of what has a price; ``unpriced`` are the other attempts."""

    spent: Usage = field(factory=Usage)  # as reported
    reserved: Usage = field(factory=Usage)  # requests under way, at their worst
    assumed: Usage = field(factory=Usage)  # requests whose usage nobody told, at their worst
    unpriced: tuple[str, ...] = ()  # ids, sorted
    seconds: float = 0.0  # of agents at work, one after the other

    @property
    def used(self) -> Usage:
        """What counts against a cap once no request is under way."""
        return add(self.spent, self.assumed)


@frozen
class Scope:
    """Something with caps of its own; ``name`` is the key of its caps in the configuration."""

    name: str
    account: Account
    caps: Caps
    seconds: float  # of its wall time


def attempts_of(run: Run, task_id: str | None = None) -> tuple[Attempt, ...]:
    """The attempts of a task; without one, all of the run."""
    if task_id is None:
        return tuple(chain(run.attempts, *(task.attempts for task in run.tasks)))
    return next((task.attempts for task in run.tasks if task.id == task_id), ())


def account(attempts: Iterable[Attempt]) -> Account:
    """What attempts used together."""
    known = tuple(attempts)
    open_ones = [each for each in known if each.outcome is None]
    ended = [each for each in known if each.outcome is not None]
    return Account(
        spent=_sum(each.usage for each in known),
        reserved=_sum(each.unsettled for each in open_ones if each.unsettled),
        assumed=_sum(each.unsettled for each in ended if each.unsettled),
        unpriced=tuple(sorted(each.id for each in known if _is_unpriced(each))),
        seconds=sum(each.active_seconds for each in known),
    )


def scopes(
    run: Run, task_id: str | None, run_seconds: float, unrecorded: float = 0.0
) -> tuple[Scope, ...]:
    """What has a cap: the run, and the task that an attempt belongs to.

    ``run_seconds`` are the run's; ``unrecorded`` are the attempt's, since its last record.
    """
    found = []
    if run.run_limits != Caps():
        whole = account(attempts_of(run))
        found.append(Scope("runLimits", whole, run.run_limits, run_seconds))
    if task_id is not None and run.task_limits != Caps():
        own = account(attempts_of(run, task_id))
        found.append(Scope("taskLimits", own, run.task_limits, own.seconds + unrecorded))
    return tuple(found)


def refusal(
    found: Iterable[Scope], worst: Usage = ANY_REQUEST, *, reserved: bool = False
) -> Refusal | None:
    """Why a request that uses ``worst`` at most must not be made; null when it may.

    ``reserved``: what siblings' requests hold counts, too; it comes back when they are over.
    """
    for scope in found:
        for refused in _refusals(scope, worst, reserved):
            return refused
    return None


def seconds_left(found: Iterable[Scope]) -> float:
    """How long an attempt may go on by the wall time of all scopes; infinite without a cap."""
    caps = [(scope.caps.wall_seconds, scope.seconds) for scope in found]
    return min((cap - used for cap, used in caps if cap is not None), default=math.inf)


def _refusals(scope: Scope, worst: Usage, reserved: bool) -> Iterator[Refusal]:
    caps = scope.caps
    used = scope.account.used
    if reserved:
        used = add(used, scope.account.reserved)

    def refused(outcome: AttemptOutcome, key: str, reason: str) -> Refusal:
        of_run = scope.name == "runLimits"
        return Refusal(outcome=outcome, cap=f"{scope.name}.{key}", reason=reason, of_run=of_run)

    if caps.turns is not None and used.turns + worst.turns > caps.turns:
        reason = f"{used.turns} of {caps.turns} turns are used."
        yield refused(AttemptOutcome.TURN_LIMIT, "turns", reason)
    tokens, more = tokens_of(used), tokens_of(worst)
    if caps.tokens is not None and (tokens >= caps.tokens or tokens + more > caps.tokens):
        reason = f"{tokens:,} of {caps.tokens:,} tokens are used{_next(more and f'{more:,}')}."
        yield refused(AttemptOutcome.TOKEN_LIMIT, "tokens", reason)
    if caps.usd is not None:
        if worst.cost_usd is None or scope.account.unpriced:
            reason = "what the model costs is not known, so that the cap could not be kept."
            yield refused(AttemptOutcome.MONEY_LIMIT, "usd", reason)
        elif _dollars(used) >= caps.usd or _dollars(used) + worst.cost_usd > caps.usd:
            following = _next(worst.cost_usd and f"{worst.cost_usd:.4f} USD")
            reason = f"{_dollars(used):.4f} of {caps.usd:.2f} USD are used{following}."
            yield refused(AttemptOutcome.MONEY_LIMIT, "usd", reason)
    if caps.wall_seconds is not None and scope.seconds >= caps.wall_seconds:
        reason = f"{scope.seconds:.0f} of {caps.wall_seconds:.0f} seconds are used."
        yield refused(AttemptOutcome.TIME_LIMIT, "wallSeconds", reason)


def tokens_of(usage: Usage) -> int:
    """What counts against a cap on tokens: everything read and written, cached or not."""
    return usage.input_tokens + usage.output_tokens


def _next(most: str | float) -> str:
    return f", and the next turn may take up to {most}" if most else ""


def _dollars(usage: Usage) -> float:
    return usage.cost_usd or 0.0  # the sums of an account always have one


def _is_unpriced(attempt: Attempt) -> bool:
    unsettled = attempt.unsettled
    return attempt.usage.cost_usd is None or (unsettled is not None and unsettled.cost_usd is None)


def _sum(usages: Iterable[Usage]) -> Usage:
    """The sum, with the cost of those that have a price."""
    known = tuple(usages)
    return Usage(
        turns=sum(each.turns for each in known),
        input_tokens=sum(each.input_tokens for each in known),
        output_tokens=sum(each.output_tokens for each in known),
        cached_tokens=sum(each.cached_tokens for each in known),
        cost_usd=math.fsum(each.cost_usd or 0.0 for each in known),
    )
