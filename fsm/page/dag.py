"""The tasks of a run and what each waits for, as a picture by level."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, islice
from typing import Final

from ...state.enums import TaskStatus
from ...state.records import Run, Task
from .svg import fitting, picture, tag, tooltip, words

MAX_TIP: Final = 80  # characters of an objective; the table has it whole
ROWS: Final = 12  # tasks below each other; a level with more gets another column
LOOKS: Final[Mapping[TaskStatus, tuple[str, str]]] = {
    TaskStatus.PENDING: ("idle", "·"),
    TaskStatus.RUNNING: ("busy", "▸"),
    TaskStatus.SUBMITTED: ("busy", "▸"),
    TaskStatus.CRITIQUING: ("busy", "▸"),
    TaskStatus.AMEND_REQUESTED: ("busy", "▸"),
    TaskStatus.COMMITTED: ("busy", "▸"),
    TaskStatus.FIXING: ("busy", "▸"),
    TaskStatus.COMPLETED: ("good", "✓"),
    TaskStatus.FAILED: ("bad", "✗"),
}

_BOX: Final = (190.0, 28.0)
_PITCH: Final = (246.0, 40.0)
_TOP: Final = 44.0

Place = tuple[float, float]


def dag_picture(run: Run, most: int) -> str:
    """Levels from left to right; at ``most`` so many lines lead from a task to who waits for it."""
    places, bands = dict[str, Place](), list[str]()
    left = 10.0
    for level, tasks in groupby(run.tasks, key=lambda task: task.level):
        own = tuple(tasks)
        columns = -(-len(own) // ROWS)
        for place, task in enumerate(own):
            column, row = divmod(place, ROWS)
            places[task.id] = (left + column * _PITCH[0], _TOP + row * _PITCH[1])
        bands.append(words(left, 22, f"Level {level}", class_="band"))
        left += columns * _PITCH[0]
    high = _TOP + _PITCH[1] * min(ROWS, max((_rows(run.tasks)), default=1))
    counts = ", ".join(f"{count} {status}" for status, count in _counted(run.tasks))
    return picture(
        max(left, 300.0),
        high,
        f"The tasks by level, with what each depends on: {counts or 'no tasks'}.",
        *bands,
        tag("path", d="".join(islice(_lines(run.tasks, places), most)), class_="edge"),
        *(_box(task, places[task.id]) for task in run.tasks),
    )


def _rows(tasks: Sequence[Task]) -> Iterator[int]:
    for _, own in groupby(tasks, key=lambda task: task.level):
        yield len(tuple(own))


def _counted(tasks: Sequence[Task]) -> Iterator[tuple[TaskStatus, int]]:
    for status in TaskStatus:
        count = sum(task.status is status for task in tasks)
        if count:
            yield status, count


def _lines(tasks: Sequence[Task], places: Mapping[str, Place]) -> Iterator[str]:
    for task in tasks:
        for before in task.depends_on:
            if before in places:
                (x, y), (to_x, to_y) = places[before], places[task.id]
                start, end = x + _BOX[0], to_x - 1
                yield (
                    f"M{start:g} {y + 14:g}C{start + 28:g} {y + 14:g} "
                    f"{end - 28:g} {to_y + 14:g} {end:g} {to_y + 14:g}"
                )


def _box(task: Task, place: Place) -> str:
    looks, mark = LOOKS[task.status]
    x, y = place
    return tooltip(
        f"{task.id}, {task.status}: {task.objective[:MAX_TIP]}",
        tag("rect", x=x, y=y, width=_BOX[0], height=_BOX[1], rx=6),
        words(x + 8, y + 18, f"{mark} {fitting(task.id, _BOX[0] - 34)}"),
        class_=f"task {looks}",
    )
