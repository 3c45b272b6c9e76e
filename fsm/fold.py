"""How an event changes the document: pure functions, and nothing else sets a status."""

from collections.abc import Callable

from attrs import evolve

from ..policy.usage import add
from ..state.enums import AttemptOutcome, Role, RunStatus, TaskStatus
from ..state.errors import IllegalEvent
from ..state.records import HistoryEntry, Run, Task
from ..state.work import Attempt, Usage
from .lifecycle import TASK_TABLE, RunEvent, TaskEvent
from .machine import row

_TASK_ROWS = {(move.source, move.event): move.target for move in TASK_TABLE}


def apply(run: Run, event: RunEvent, at: str, reason: str = "") -> Run:
    """The run after an event, with its history entry; raises IllegalEvent."""
    move = row(run.status, event, run.failure.state if run.failure else None)
    entry = HistoryEntry(
        seq=len(run.history) + 1,
        at=at,
        event=event.value,
        source=run.status,
        target=move.target,
        reason=reason,
    )
    return evolve(run, status=move.target, history=(*run.history, entry))


def task_status_after(status: TaskStatus, event: TaskEvent) -> TaskStatus:
    """Where an event leads a task; raises IllegalEvent."""
    try:
        return _TASK_ROWS[status, event]
    except KeyError:
        raise IllegalEvent(f"The event {event} is not allowed while a task is {status}.") from None


def task_of(run: Run, task_id: str) -> Task:
    """The task of that id; raises KeyError."""
    for task in run.tasks:
        if task.id == task_id:
            return task
    raise KeyError(task_id)


def change_task(run: Run, task_id: str, change: Callable[[Task], Task]) -> Run:
    """The run with one task changed; the other records stay the same objects."""
    return evolve(
        run, tasks=tuple(change(task) if task.id == task_id else task for task in run.tasks)
    )


def apply_task(
    run: Run, task_id: str, event: TaskEvent, change: Callable[[Task], Task] = lambda task: task
) -> Run:
    """The run after an event of one task, with what else the event brings; raises IllegalEvent."""
    status = task_status_after(task_of(run, task_id).status, event)
    return change_task(run, task_id, lambda task: evolve(change(task), status=status))


def attempts_of(run: Run, task_id: str | None) -> tuple[Attempt, ...]:
    """The attempts of a task, or those that belong to no task."""
    return run.attempts if task_id is None else task_of(run, task_id).attempts


def open_attempt(run: Run, task_id: str | None, attempt: Attempt) -> Run:
    """The run with one more attempt."""
    return _with_attempts(run, task_id, (*attempts_of(run, task_id), attempt))


def close_attempt(
    run: Run,
    task_id: str | None,
    attempt_id: str,
    *,
    outcome: AttemptOutcome,
    message: str,
    usage: Usage,
    at: str,
    active_seconds: float = 0.0,
    session_id: str | None = None,
) -> Run:
    """The run with an attempt ended and its usage added to its role's total.

    What is unsettled of it stays: nobody will tell any more.
    """
    role = Role.PLANNER

    def close(attempt: Attempt) -> Attempt:
        nonlocal role
        role = attempt.role
        return evolve(
            attempt,
            outcome=outcome,
            message=message,
            usage=usage,
            ended_at=at,
            active_seconds=max(active_seconds, attempt.active_seconds),
            session_id=session_id or attempt.session_id,
        )

    run = change_attempt(run, task_id, attempt_id, close)
    total = add(run.usage.get(role.value, Usage()), usage)
    return evolve(run, usage={**run.usage, role.value: total})


def change_attempt(
    run: Run, task_id: str | None, attempt_id: str, change: Callable[[Attempt], Attempt]
) -> Run:
    """The run with one attempt changed."""
    changed = tuple(
        change(each) if each.id == attempt_id else each for each in attempts_of(run, task_id)
    )
    return _with_attempts(run, task_id, changed)


def _with_attempts(run: Run, task_id: str | None, attempts: tuple[Attempt, ...]) -> Run:
    if task_id is None:
        return evolve(run, attempts=attempts)
    return change_task(run, task_id, lambda task: evolve(task, attempts=attempts))


def status_is_final(status: RunStatus) -> bool:
    """Whether the engine has nothing left to do."""
    return status in (RunStatus.DONE, RunStatus.FAILED)
