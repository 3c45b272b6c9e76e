"""Giving a job to an agent: recorded before it starts and when it ends, tried again as allowed."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from attrs import evolve

from ..policy.ledger import refusal, scopes
from ..policy.outcomes import POLICIES, Tried, remedy
from ..policy.routing import Way
from ..state.enums import Action, AttemptOutcome, FailureKind, Role
from ..state.errors import BudgetSpent, ProviderStopped
from ..state.jobs import Job, NotContinued, Result
from ..state.records import Run
from ..state.refusals import Refusal
from ..state.work import Attempt, UserChange
from .fold import attempts_of, change_attempt, close_attempt, open_attempt
from .ports import Ports
from .purse import AttemptPurse
from .step import RunStopped
from .trespassing import compared, with_user_change
from .ways import ways_of

A = TypeVar("A")

Make = Callable[[Attempt, Path], Job[A]]
Accept = Callable[[Run, A], Run]


class AgentFailed(RunStopped):
    """No agent gave a value, and another one is not worth it or may not be paid for."""

    def __init__(
        self,
        message: str,
        outcome: AttemptOutcome,
        task_id: str | None,
        kind: FailureKind = FailureKind.AGENT_FAILED,
    ) -> None:
        super().__init__(kind, message, task_id)
        self.outcome = outcome


async def carry_out(
    ports: Ports,
    role: Role,
    subject: str,
    task_id: str | None,
    job_type: type[Job[A]],
    make: Make[A],
    accept: Accept[A],
    tidy: Callable[[], Awaitable[object]] | None = None,
    ways: Sequence[Way] | None = None,
) -> A:
    """Have one job done and return its value.

    The attempt is in the document before the agent starts.  ``accept`` applies the value in the
    same save that closes the attempt, so an accepted value is never asked for again.  An attempt
    that was interrupted stays open there and is gone on with: a kill, a signal, a cap of the run
    and a provider that stopped cost at most the turn that was under way.  ``tidy`` brings back what
    was before, for a fresh agent; ``ways`` are instead of those for work of its kind.  What
    follows each outcome is in ``policy.outcomes``.

    Raises AgentFailed when no attempt gave a value, in this process or in one that was killed
    before it could record what follows, or the task's cap is reached; BudgetSpent when the run's
    is, and ProviderStopped when no provider answers: then nothing failed, and the same is asked for
    when the run goes on.
    """
    _require_hope(ports.store.run, role, subject, task_id)
    ways = ways or await ways_of(ports, role, task_id, job_type)
    tried, before = _before(ports.store.run, role, subject, task_id, ways)
    while True:
        async with ports.stopping.agent():
            attempt = interrupted(ports.store.run, role, subject, task_id)
            try:
                _require_budget(ports, task_id)
            except AgentFailed as error:
                if attempt is not None:  # nobody will go on with it
                    why = f"may not go on. {error.message}"
                    ended = _cut_off(attempt, error.outcome, why)
                    _close(ports, task_id, attempt, ended, accept)
                raise
            goes_on = attempt is not None
            if attempt is None:
                attempt = _open(ports, role, subject, task_id, ways[tried.others], before)
            purse = AttemptPurse(ports, task_id, attempt.id)
            job = make(attempt, ports.folder / "attempts" / attempt.id)
            job = evolve(job, purse=purse, interrupted=goes_on, began=purse.began)
            word = "resumed" if goes_on else "started"
            ports.journal.event(
                f"attempt.{word}",
                attempt=attempt.id,
                role=role,
                task=task_id,
                executor=attempt.executor,
                model=attempt.model,
            )
            try:
                if goes_on:
                    tried = _tried(attempts_of(ports.store.run, task_id), attempt, ways)
                fingerprint = await asyncio.to_thread(ports.repository.fingerprint)
                result = await ports.agents.run(job)
            except NotContinued as error:
                why = f"could not go on. {error.message}"
                ended = _cut_off(attempt, AttemptOutcome.CRASHED, why)
                _close(ports, task_id, attempt, ended, accept)
                tried, before = Tried(), None
                if tidy is not None:
                    await tidy()
                continue
            result, change = await compared(ports, attempt, fingerprint, result)
            refused = purse.refusal_of(result)
            found = remedy(result.outcome, tried, len(ways) - 1)
            if refused is not None and refused.of_run:
                _set_down(ports, task_id, attempt, result, change)
                raise _out_of_budget(ports, refused, task_id)
            if found.action is Action.STOP:
                if goes_on and _is_refused_as_it_stands(attempt, result):
                    _close(ports, task_id, attempt, result, accept, change)
                else:
                    _set_down(ports, task_id, attempt, result, change)
                raise _stopped(ports, attempt, result)
            due = found.action if result.value is None and refused is None else None
            _close(ports, task_id, attempt, result, accept, change, then=due)
        if result.value is not None:
            return result.value
        if refused is not None:
            raise _out_of_budget(ports, refused, task_id)
        match found.action:
            case Action.FRESH:
                tried = evolve(tried, fresh=tried.fresh + 1)
            case Action.OTHER_MODEL:
                tried = evolve(tried, others=tried.others + 1)
            case _:
                message = _how_it_ended(attempt, result.outcome, result.message)
                raise AgentFailed(message, result.outcome, task_id)
        before = attempt.id
        ports.journal.line("run", f"{attempt.id} ended with {result.outcome}: {found.action} next")
        if tidy is not None:
            await tidy()


def interrupted(run: Run, role: Role, subject: str, task_id: str | None) -> Attempt | None:
    """The attempt at that job that is open though nobody works on it; null: there is none."""
    known = _known(run, role, subject, task_id)
    return next((each for each in known if each.outcome is None), None)


def is_hopeless(run: Run, role: Role, subject: str, task_id: str | None) -> bool:
    """Whether a job failed for good in a process that could not record that."""
    return _failed(run, role, subject, task_id) is not None


def _require_hope(run: Run, role: Role, subject: str, task_id: str | None) -> None:
    """Raise AgentFailed for a hopeless job, as that process did."""
    last = _failed(run, role, subject, task_id)
    if last is not None and last.outcome is not None:
        message = _how_it_ended(last, last.outcome, last.message)
        raise AgentFailed(message, last.outcome, task_id)


def _failed(run: Run, role: Role, subject: str, task_id: str | None) -> Attempt | None:
    known = _known(run, role, subject, task_id)
    return known[-1] if known and known[-1].then is Action.FAIL else None


def _known(run: Run, role: Role, subject: str, task_id: str | None) -> list[Attempt]:
    prefix = _prefix(role, subject)
    return [each for each in attempts_of(run, task_id) if each.id.startswith(prefix)]


def _prefix(role: Role, subject: str) -> str:
    return f"{subject}.{role}."


def _tried(attempts: Sequence[Attempt], attempt: Attempt, ways: Sequence[Way]) -> Tried:
    """What came before an interrupted attempt at its job; raises NotContinued."""
    way = (attempt.executor, attempt.model)
    if way not in ways:
        raise NotContinued(f"{attempt.model} is no model of the {attempt.role} any more.")
    known = {each.id: each for each in attempts}
    fresh = 0
    while attempt.follows in known:
        before = known.pop(attempt.follows)
        fresh += (before.executor, before.model) == (attempt.executor, attempt.model)
        attempt = before
    return Tried(fresh=fresh, others=ways.index(way))


def _before(
    run: Run, role: Role, subject: str, task_id: str | None, ways: Sequence[Way]
) -> tuple[Tried, str | None]:
    """What was tried for a job whose next attempt was due when the process ended; and the last."""
    known = _known(run, role, subject, task_id)
    last = known[-1] if known else None
    if last is None or (last.executor, last.model) not in ways:
        return Tried(), None
    tried = _tried(known, last, ways)
    match last.then:
        case Action.FRESH:
            return evolve(tried, fresh=tried.fresh + 1), last.id
        case Action.OTHER_MODEL if tried.others + 1 < len(ways):  # or the operator took it away
            return evolve(tried, others=tried.others + 1), last.id
        case _:
            return Tried(), None


def _is_refused_as_it_stands(attempt: Attempt, result: Result[Any]) -> bool:
    """Whether a provider does not take a conversation: it would not at the next start, either."""
    refused = result.outcome is AttemptOutcome.PROVIDER_REFUSED
    return refused and result.usage.turns == attempt.usage.turns


def _cut_off(attempt: Attempt, outcome: AttemptOutcome, why: str) -> Result[Any]:
    """The end of an interrupted attempt that nobody goes on with."""
    message = f"It was interrupted and {why}"
    return Result(outcome=outcome, value=None, message=message, usage=attempt.usage)


def _require_budget(ports: Ports, task_id: str | None) -> None:
    """Begin nothing that could not make a single request."""
    refused = refusal(scopes(ports.store.run, task_id, ports.worked()))
    if refused is not None:
        raise _out_of_budget(ports, refused, task_id)


def _out_of_budget(ports: Ports, refused: Refusal, task_id: str | None) -> Exception:
    if refused.of_run:
        return BudgetSpent(
            f"The run has reached its cap {refused.cap}: {refused.reason}",
            f"Everything done is kept. Raise {refused.cap} in the configuration, then continue it: "
            f"dispatch {ports.store.run.name}",
        )
    message = f"It has reached its cap {refused.cap}: {refused.reason}"
    return AgentFailed(message, refused.outcome, task_id, FailureKind.BUDGET)


def _stopped(ports: Ports, attempt: Attempt, result: Result[Any]) -> ProviderStopped:
    advice = POLICIES[result.outcome].advice
    return ProviderStopped(
        f"The run pauses: {attempt.model} does not work. "
        f"{_how_it_ended(attempt, result.outcome, result.message).rstrip('.')}.",
        f"{advice} Then continue it: dispatch {ports.store.run.name}".strip(),
    )


def _how_it_ended(attempt: Attempt, outcome: AttemptOutcome, message: str) -> str:
    return f"The {attempt.role} of attempt {attempt.id} ended with {outcome}: {message}"


def _open(
    ports: Ports,
    role: Role,
    subject: str,
    task_id: str | None,
    way: Way,
    follows: str | None,
) -> Attempt:
    # The number counts attempts of this subject and role, so that it does not depend on
    # which of several parallel agents came first.
    number = 1 + len(_known(ports.store.run, role, subject, task_id))
    executor, model = way
    attempt = Attempt(
        id=f"{_prefix(role, subject)}{number}",
        role=role,
        executor=executor,
        model=model,
        started_at=ports.clock.now(),
        follows=follows,
    )
    ports.store.update(lambda run: open_attempt(run, task_id, attempt))
    return attempt


def _set_down(
    ports: Ports,
    task_id: str | None,
    attempt: Attempt,
    result: Result[Any],
    noted: UserChange | None,
) -> None:
    """Leave an attempt open, with the time of its tools since its last request."""

    def change(attempt: Attempt) -> Attempt:
        return evolve(attempt, active_seconds=max(result.active_seconds, attempt.active_seconds))

    ports.store.update(
        lambda run: with_user_change(change_attempt(run, task_id, attempt.id, change), noted)
    )


def _close(
    ports: Ports,
    task_id: str | None,
    attempt: Attempt,
    result: Result[A],
    accept: Accept[A],
    noted: UserChange | None = None,
    *,
    then: Action | None = None,
) -> None:
    at = ports.clock.now()

    def change(run: Run) -> Run:
        run = close_attempt(
            run,
            task_id,
            attempt.id,
            outcome=result.outcome,
            message=result.message,
            usage=result.usage,
            at=at,
            active_seconds=result.active_seconds,
            session_id=result.session_id,
            then=then,
        )
        run = with_user_change(run, noted)
        return run if result.value is None else accept(run, result.value)

    ports.store.update(change)
    ports.journal.event(
        "attempt.ended",
        attempt=attempt.id,
        role=attempt.role,
        task=task_id,
        outcome=result.outcome,
        turns=result.usage.turns,
        inputTokens=result.usage.input_tokens,
        outputTokens=result.usage.output_tokens,
        costUSD=result.usage.cost_usd,
    )
