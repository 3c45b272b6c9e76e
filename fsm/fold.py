"""How an event changes the document: pure functions, and nothing else sets a status."""

from collections.abc import Callable, Iterable

from attrs import evolve

from ..policy.usage import add
from ..state.enums import Action, AttemptOutcome, Role, TaskStatus
from ..state.errors import IllegalEvent, UsageError
from ..state.near import nearest_of
from ..state.records import HistoryEntry, Run, Task
from ..state.work import Attempt, Usage
from .lifecycle import FINAL, TASK_TABLE, RunEvent, TaskEvent
from .machine import row

_TASK_ROWS = {(move.source, move.event): move.target for move in TASK_TABLE}


def apply(run: Run, event: RunEvent, at: str, reason: str = "") -> Run:
    """The run after an event, with its history entry; raises IllegalEvent.

    In a final state no attempt is open: what nobody waits for any longer is never gone on with.
    """
    move = row(run.status, event, run.failure.state if run.failure else None)
    entry = HistoryEntry(
        seq=len(run.history) + 1,
        at=at,
        event=event.value,
        source=run.status,
        target=move.target,
        reason=reason,
    )
    if move.target in FINAL:
        message = "It was interrupted, and nobody waits for its answer any longer."
        for task_id in (None, *(task.id for task in run.tasks)):
            run = close_open(run, task_id, AttemptOutcome.CANCELLED, message, at)
    return evolve(run, status=move.target, history=(*run.history, entry))


def close_open(
    run: Run, task_id: str | None, outcome: AttemptOutcome, message: str, at: str
) -> Run:
    """The run with the open attempts of a task, or of no task, ended.

    Their finished turns are in their usage; one that was under way stays counted at its worst.
    """
    for attempt in attempts_of(run, task_id):
        if attempt.outcome is None:
            run = close_attempt(
                run,
                task_id,
                attempt.id,
                outcome=outcome,
                message=message,
                usage=attempt.usage,
                at=at,
            )
    return run


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


def task_named(run: Run, task_id: str) -> Task:
    """The task that the operator named; raises UsageError."""
    try:
        return task_of(run, task_id)
    except KeyError:
        hint = nearest_of(task_id, "Its tasks", (task.id for task in run.tasks))
        raise UsageError(f"Run {run.name} has no task {task_id}.", hint) from None


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


def counted_anew(attempts: Iterable[Attempt]) -> tuple[Attempt, ...]:
    """Attempts after which nothing is due: whoever failed for good may be asked again."""
    return tuple(evolve(each, then=None) for each in attempts)


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
    then: Action | None = None,
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
            then=then,
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
