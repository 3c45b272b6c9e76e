"""Which task may start, is lost, may be integrated or reviewed: asked here and nowhere else.

This is the first policy, level by level: nothing of a level starts before the level below is
finished.  Every function looks at the document alone and answers with task ids in the order of
integration, so a policy that starts a task as soon as its dependencies are committed replaces
this module without a change to whoever asks.
"""

from collections.abc import Mapping
from typing import Final

from ..state.enums import AttemptOutcome, Role, TaskStatus
from ..state.records import Run, Task
from .critique import critique_enabled
from .plan import task_order

_FINAL: Final = frozenset({TaskStatus.COMPLETED, TaskStatus.FAILED})
_WITH_THE_IMPLEMENTER: Final = frozenset({TaskStatus.PENDING, TaskStatus.RUNNING})
_REVIEWED: Final = frozenset({TaskStatus.COMMITTED, TaskStatus.CRITIQUING})


def level_tasks(run: Run, level: int) -> tuple[Task, ...]:
    """The tasks of a level, in order."""
    return tuple(sorted((task for task in run.tasks if task.level == level), key=task_order))


def current_level(run: Run) -> int | None:
    """The lowest level that is not finished; null: all are.

    A level is finished when each of its tasks is completed or failed and, if any was completed,
    the boundary after it is recorded.
    """
    for level in sorted({task.level for task in run.tasks}):
        statuses = {task.status for task in run.tasks if task.level == level}
        bounded = str(level + 1) in run.level_boundaries
        if not statuses <= _FINAL or (TaskStatus.COMPLETED in statuses and not bounded):
            return level
    return None


def startable(run: Run) -> tuple[str, ...]:
    """The pending tasks of the current level whose dependencies are all completed."""
    completed = {task.id for task in run.tasks if task.status is TaskStatus.COMPLETED}
    return tuple(
        task.id
        for task in _current_tasks(run)
        if task.status is TaskStatus.PENDING and completed.issuperset(task.depends_on)
    )


def doomed(run: Run) -> tuple[tuple[str, str], ...]:
    """Pending tasks that can never start, each with the failed task it depends on.

    The dependency may be indirect: it is the task that failed first on the way down.
    """
    culprits: dict[str, str] = {
        task.id: task.id for task in run.tasks if task.status is TaskStatus.FAILED
    }
    found = []
    for task in sorted(
        run.tasks, key=task_order
    ):  # dependencies have lower levels: they come first
        culprit = _culprit(task, culprits)
        if task.status is TaskStatus.PENDING and culprit is not None:
            culprits[task.id] = culprit
            found.append((task.id, culprit))
    return tuple(found)


def integrable(run: Run) -> tuple[str, ...]:
    """The submitted tasks of the current level, once no task of it can still submit."""
    tasks = _current_tasks(run)
    if any(task.status in _WITH_THE_IMPLEMENTER for task in tasks):
        return ()
    return tuple(task.id for task in tasks if task.status is TaskStatus.SUBMITTED)


def reviewable(run: Run, round_number: int = 1) -> tuple[str, ...]:
    """The committed tasks of the current level that need a critic, once the whole level is there.

    A task whose review was interrupted is named again; whoever asks while critics are at work
    leaves those out.  A verdict counts for its round, until the task is implemented anew: what a
    sibling's repair broke is seen by the next round.
    """
    tasks = _current_tasks(run)
    if any(task.status not in _REVIEWED | _FINAL for task in tasks):
        return ()
    return tuple(
        task.id
        for task in tasks
        if task.status in _REVIEWED
        and critique_enabled(task)
        and not _has_verdict(task, round_number)
    )


def _current_tasks(run: Run) -> tuple[Task, ...]:
    level = current_level(run)
    return () if level is None else level_tasks(run, level)


def _culprit(task: Task, culprits: Mapping[str, str]) -> str | None:
    return next((culprits[each] for each in task.depends_on if each in culprits), None)


def _has_verdict(task: Task, round_number: int) -> bool:
    if not any(verdict.round == round_number for verdict in task.critique_verdicts):
        return False
    # Attempts are in the order they were made: what came last, a verdict or new work?
    for attempt in reversed(task.attempts):
        if attempt.outcome is AttemptOutcome.OK:
            if attempt.role is Role.CRITIC:
                return True
            if attempt.role is Role.IMPLEMENTER:
                return False
    return True
