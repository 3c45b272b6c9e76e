"""Where tasks that run again belong: behind what is on the branch already, never in between."""

from typing import Final

from attrs import evolve

from ..state.enums import TaskStatus
from ..state.records import Run, Task
from .plan import task_order

_ON_THE_BRANCH: Final = frozenset(
    {
        TaskStatus.COMMITTED,
        TaskStatus.CRITIQUING,
        TaskStatus.AMEND_REQUESTED,
        TaskStatus.FIXING,
        TaskStatus.COMPLETED,
    }
)


def levels_again(run: Run) -> Run:
    """The run with its pending tasks at the lowest levels that have no commit yet.

    A level that holds a commit, and every one below it, is closed: what is on the branch stays as
    it is, and a task that missed its level starts from the tip of the last closed one.  Ids and
    sequences stay as they were given out; tasks are listed by level again.
    """
    closed = max((task.level for task in run.tasks if _is_on_the_branch(task)), default=0)
    levels = {task.id: task.level for task in run.tasks}
    for task in sorted(run.tasks, key=task_order):  # dependencies have lower levels: they are first
        if task.status is TaskStatus.PENDING:
            before = (levels[each] for each in task.depends_on)
            levels[task.id] = 1 + max((each for each in before if each > closed), default=closed)
    tasks = tuple(
        task if task.level == levels[task.id] else evolve(task, level=levels[task.id])
        for task in run.tasks
    )
    return evolve(
        run,
        tasks=tuple(sorted(tasks, key=task_order)),
        # A level behind the open one was entered with failed tasks only; it is entered anew.
        level_boundaries={
            level: commit
            for level, commit in run.level_boundaries.items()
            if int(level) <= closed + 1
        },
    )


def _is_on_the_branch(task: Task) -> bool:
    return task.status in _ON_THE_BRANCH or task.commit_sha is not None
