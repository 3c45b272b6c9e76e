"""Giving a job to an agent: recorded before it starts and when it ends, tried afresh as allowed."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from ..policy.outcomes import fresh_attempt
from ..state.enums import AttemptOutcome, FailureKind, Role
from ..state.jobs import Job, JobCancelled, Result
from ..state.records import Run
from ..state.work import Attempt, Usage
from .fold import attempts_of, close_attempt, open_attempt
from .ports import Ports
from .step import RunStopped

A = TypeVar("A")

Make = Callable[[Attempt, Path], Job[A]]
Accept = Callable[[Run, A], Run]


class AgentFailed(RunStopped):
    """An agent ended without a value, and a fresh one is not worth it."""

    def __init__(self, attempt: Attempt, result: Result[A], task_id: str | None) -> None:
        super().__init__(
            FailureKind.AGENT_FAILED,
            f"The {attempt.role} of attempt {attempt.id} ended with {result.outcome}: "
            f"{result.message}",
            task_id,
        )
        self.outcome = result.outcome


async def carry_out(
    ports: Ports,
    role: Role,
    subject: str,
    task_id: str | None,
    job_type: type[Job[A]],
    make: Make[A],
    accept: Accept[A],
    tidy: Callable[[], Awaitable[object]] | None = None,
) -> A:
    """Have one job done and return its value.

    The attempt is in the document before the agent starts.  ``accept`` applies the value in the
    same save that closes the attempt, so an accepted value is never asked for again.  ``tidy``
    brings back what was before, for a fresh agent.  Raises AgentFailed when no attempt gave a
    value; each outcome's policy is in ``policy.outcomes``.
    """
    fresh = 0
    while True:
        async with ports.stopping.agent():
            attempt = _open(ports, role, subject, task_id, job_type)
            job = make(attempt, ports.folder / "attempts" / attempt.id)
            ports.journal.event("attempt.started", attempt=attempt.id, model=attempt.model)
            try:
                result = await ports.agents.run(job)
            except asyncio.CancelledError as error:
                _close(ports, task_id, attempt, _cancelled(error), accept)
                raise
            _close(ports, task_id, attempt, result, accept)
        if result.value is not None:
            return result.value
        if not fresh_attempt(result.outcome, fresh):
            raise AgentFailed(attempt, result, task_id)
        fresh += 1
        ports.journal.line("run", f"{attempt.id} ended with {result.outcome}: trying afresh")
        if tidy is not None:
            await tidy()


def _open(
    ports: Ports, role: Role, subject: str, task_id: str | None, job_type: type[Job[A]]
) -> Attempt:
    executor, model = ports.agents.executor_and_model(job_type)
    # The number counts attempts of this subject and role, so that it does not depend on
    # which of several parallel agents came first.
    prefix = f"{subject}.{role}."
    before = attempts_of(ports.store.run, task_id)
    number = 1 + sum(each.id.startswith(prefix) for each in before)
    attempt = Attempt(
        id=f"{prefix}{number}",
        role=role,
        executor=executor,
        model=model,
        started_at=ports.clock.now(),
    )
    ports.store.update(lambda run: open_attempt(run, task_id, attempt))
    return attempt


def _close(
    ports: Ports, task_id: str | None, attempt: Attempt, result: Result[A], accept: Accept[A]
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
            session_id=result.session_id,
        )
        return run if result.value is None else accept(run, result.value)

    ports.store.update(change)
    ports.journal.event(
        "attempt.ended",
        attempt=attempt.id,
        outcome=result.outcome,
        turns=result.usage.turns,
        inputTokens=result.usage.input_tokens,
        outputTokens=result.usage.output_tokens,
        costUSD=result.usage.cost_usd,
    )


def _cancelled(error: asyncio.CancelledError) -> Result[Any]:
    return Result(
        outcome=AttemptOutcome.CANCELLED,
        value=None,
        message="Interrupted; a turn that was under way is not counted.",
        # What is not known is never said to be 0.
        usage=error.usage if isinstance(error, JobCancelled) else Usage(cost_usd=None),
    )


def close_interrupted(run: Run, at: str) -> Run:
    """The run with every attempt closed that a killed process left open."""
    for task_id in (None, *(task.id for task in run.tasks)):
        for attempt in attempts_of(run, task_id):
            if attempt.outcome is None:
                run = close_attempt(
                    run,
                    task_id,
                    attempt.id,
                    outcome=AttemptOutcome.CRASHED,
                    message="The program ended while this attempt was running.",
                    usage=Usage(cost_usd=None),
                    at=at,
                )
    return run
