"""The first and the last event of a process that works on a run, and those that saves bring."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager

from ..policy.ledger import attempts_of
from ..policy.usage import total
from ..state.disk import refusal
from ..state.enums import RunOutcome, RunStatus, TaskStatus
from ..state.errors import (
    BudgetSpent,
    DispatchError,
    ExitCode,
    Interrupted,
    Paused,
    WaitingForOperator,
)
from ..state.records import Run
from .lifecycle import FINAL
from .ports import Ports
from .report_file import REPORT


@contextmanager
def telling(ports: Ports, *, resumed: bool) -> Iterator[None]:
    """Inside of it a process works on the run; its events begin and end with that.

    A run that is over already begins nothing; its end is told if a kill kept it from being told.
    """
    run = ports.store.run
    if run.status not in FINAL:
        ports.journal.event(
            "run.started", run=run.name, resumed=resumed, process=os.getpid(), status=run.status
        )
    try:
        yield
    except BaseException as error:
        _complete(ports, *how_it_ended(error))
        raise
    run = ports.store.run
    if run.status is RunStatus.DONE:
        _complete(ports, RunOutcome.DONE, ExitCode.DONE, "")
    else:
        reason = run.failure.message if run.failure is not None else ""
        _complete(ports, RunOutcome.FAILED, ExitCode.FAILED, reason)


def how_it_ended(error: BaseException) -> tuple[RunOutcome, ExitCode, str]:
    """What an error makes of a run, the exit code it leads to, and its reason."""
    if isinstance(error, asyncio.CancelledError | KeyboardInterrupt | Interrupted):
        return RunOutcome.INTERRUPTED, ExitCode.INTERRUPTED, ""
    if refused := refusal(error):
        return RunOutcome.STORAGE, refused.exit_code, refused.message
    match error:
        case WaitingForOperator():
            outcome = RunOutcome.WAITING
        case BudgetSpent():
            outcome = RunOutcome.BUDGET
        case Paused():
            outcome = RunOutcome.PAUSED
        case _:
            outcome = RunOutcome.FAILED
    if isinstance(error, DispatchError):
        return outcome, error.exit_code, error.message
    return outcome, ExitCode.FAILED, f"{type(error).__name__}: {error}"


def tell_completed_tasks(ports: Ports, before: Run, after: Run) -> None:
    """Tell which tasks a save completed."""
    done = {task.id for task in before.tasks if task.status is TaskStatus.COMPLETED}
    for task in after.tasks:
        if task.status is TaskStatus.COMPLETED and task.id not in done:
            ports.journal.event("task.completed", task=task.id, commit=task.commit_sha)


def _complete(ports: Ports, outcome: RunOutcome, code: ExitCode, reason: str) -> None:
    run = ports.store.run
    used = total(attempts_of(run))
    report = ports.folder / REPORT
    ports.journal.complete(
        run=run.name,
        outcome=outcome,
        exitCode=int(code),
        status=run.status,
        reason=reason,
        turns=used.turns,
        inputTokens=used.input_tokens,
        outputTokens=used.output_tokens,
        costUSD=used.cost_usd,
        seconds=round(run.active_seconds, 1),
        branch=run.integration_branch,
        commit=run.published_commit,
        report=str(report) if report.exists() else None,
    )
