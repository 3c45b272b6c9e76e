"""From a plan to tasks: their ids, and the order in which they are integrated."""

import re
from collections import Counter
from string import ascii_lowercase
from typing import Final

from ..state.records import Plan, Task

_TASK_ID: Final = re.compile(r"([1-9][0-9]*)([a-z]+)-(.+)", re.DOTALL)


def sequence(n: int) -> str:
    """The letters of the task at position ``n`` (from 0) of a level: a … z, aa, ab, …"""
    if n < 0:
        raise ValueError(f"a position counts from 0, not {n}")
    letters = ""
    n += 1
    while n:
        n, rest = divmod(n - 1, len(ascii_lowercase))
        letters = ascii_lowercase[rest] + letters
    return letters


def task_order(task: Task) -> tuple[int, int, str]:
    """Sort key: by level, then by sequence as it was given out, so that b comes before aa."""
    return task.level, len(task.sequence), task.sequence


def id_order(task_id: str) -> tuple[int, int, str, str]:
    """``task_order`` where only the id is at hand; an id that is no task's comes first."""
    match = _TASK_ID.fullmatch(task_id)
    if match is None:
        return 0, 0, "", task_id
    level, letters, slug = match.groups()
    return int(level), len(letters), letters, slug


def materialise(plan: Plan) -> tuple[Task, ...]:
    """The tasks of a legal plan, ordered by level and within one as they were proposed.

    An id is ``<level><sequence>-<id in the plan>``; dependencies are renamed with it.
    Raises KeyError when a dependency is not in the plan.
    """
    ordered = sorted(plan.tasks, key=lambda task: task.level)  # stable: keeps proposal order
    taken: Counter[int] = Counter()
    letters: dict[str, str] = {}
    ids: dict[str, str] = {}
    for planned in ordered:
        letters[planned.id] = sequence(taken[planned.level])
        ids[planned.id] = f"{planned.level}{letters[planned.id]}-{planned.id}"
        taken[planned.level] += 1
    return tuple(
        Task(
            id=ids[planned.id],
            level=planned.level,
            sequence=letters[planned.id],
            depends_on=tuple(ids[dependency] for dependency in planned.depends_on),
            objective=planned.objective,
            plan_markdown=planned.plan_markdown,
            agent_type=planned.agent_type,
            task_class=planned.task_class,
            critique_enabled=planned.critique_enabled,
            verify_commands=planned.verify_commands,
            race=planned.race,
        )
        for planned in ordered
    )


def as_planned(task: Task) -> Task:
    """The task as the plan has it, with nothing that came of it."""
    return Task(
        id=task.id,
        level=task.level,
        sequence=task.sequence,
        depends_on=task.depends_on,
        objective=task.objective,
        plan_markdown=task.plan_markdown,
        agent_type=task.agent_type,
        task_class=task.task_class,
        critique_enabled=task.critique_enabled,
        verify_commands=task.verify_commands,
        race=task.race,
        unknown=task.unknown,
    )
