"""The levels of tasks: behind what is on the branch, and apart where a file is serialised."""

from typing import Final

from attrs import evolve

from ..state.enums import TaskStatus
from ..state.records import Run, Task
from .hub_files import serialised_files
from .plan import id_order, task_order

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
    return evolve(
        run,
        tasks=_placed(run, closed),
        # A level behind the open one was entered with failed tasks only; it is entered anew.
        level_boundaries={
            level: commit
            for level, commit in run.level_boundaries.items()
            if int(level) <= closed + 1
        },
    )


def serialised(run: Run) -> tuple[tuple[Task, ...], tuple[str, ...]]:
    """The tasks of a new plan, those that will change one serialised file in different levels.

    With a sentence for each task that has to wait.  The earlier one in order goes first; the later
    starts from its commit, whether or not it succeeds.
    """
    tasks = _placed(run, 0)
    before = {task.id: task.level for task in run.tasks}
    return tasks, tuple(
        f"Task {task.id} is carried out at level {task.level}, because no two tasks of a level may "
        "change a file that is serialised."
        for task in tasks
        if task.level != before[task.id]
    )


def _placed(run: Run, closed: int) -> tuple[Task, ...]:
    """The tasks, each pending one at the lowest level above ``closed`` that is possible for it.

    That is above its dependencies, and above every sibling with which it shares a serialised file.
    """
    levels = {task.id: task.level for task in run.tasks}
    last: dict[str, int] = {}  # a serialised file -> the highest level where a task changes it
    for task in sorted(run.tasks, key=_others_first):
        files = serialised_files(task, run.hub_files)
        if task.status is TaskStatus.PENDING:
            # Dependencies were planned at lower levels: they come first.
            floors = [closed, *(levels[each] for each in task.depends_on)]
            floors += [last[path] for path in files if path in last]
            levels[task.id] = 1 + max(floor for floor in floors if floor >= closed)
        last |= {path: max(levels[task.id], last.get(path, 0)) for path in files}
    tasks = tuple(
        task if task.level == levels[task.id] else evolve(task, level=levels[task.id])
        for task in run.tasks
    )
    return tuple(sorted(tasks, key=task_order))


def _others_first(task: Task) -> tuple[bool, tuple[int, int, str, str]]:
    """Tasks that keep their place, then the pending ones as they were planned.

    Not by their levels: one that waits already must not fall behind one that comes to wait.
    """
    return task.status is TaskStatus.PENDING, id_order(task.id)


def _is_on_the_branch(task: Task) -> bool:
    return task.status in _ON_THE_BRANCH or task.commit_sha is not None
