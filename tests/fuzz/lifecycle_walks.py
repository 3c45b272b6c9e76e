"""How documents moved along the two tables: rows, pairs of rows, and which pairs can never be."""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Final

from attrs import define, field

from dispatch.fsm.lifecycle import RUN_TABLE, TASK_TABLE, Move, RunEvent, TaskEvent
from dispatch.state.enums import RunStatus, TaskStatus

RunMove = Move[RunStatus, RunEvent]
TaskMove = Move[TaskStatus, TaskEvent]
Pair = tuple[str, str]  # two rows by their names

_RUN_ROWS: Final = {(move.source, move.event, move.target): move for move in RUN_TABLE}


@define
class Walk:
    """All rows that a run and its tasks went through, from what each save changed."""

    run: list[RunMove] = field(factory=list)
    tasks: dict[str, list[TaskMove]] = field(factory=dict)
    _at: dict[str, str] = field(factory=dict)

    @classmethod
    def of(cls, moves: Iterable[Mapping[str, list[str]]]) -> "Walk":
        """Raises AssertionError where something moved that no row allows."""
        walk = cls()
        for move in moves:
            walk._follow(move)
        return walk

    def pairs(self) -> set[Pair]:
        """The names of the rows that followed each other directly, of the run and of each task."""
        found: set[Pair] = set()
        for names in self._names():
            found |= set(pairwise(names))
        return found

    def rows(self) -> set[str]:
        """The names of all rows."""
        return {name for names in self._names() for name in names}

    def _names(self) -> list[list[str]]:
        return [[*map(name_of, self.run)], *([*map(name_of, each)] for each in self.tasks.values())]

    def _follow(self, move: Mapping[str, list[str]]) -> None:
        is_retry = move.get("", ["", "", ""])[1] == RunEvent.RETRIED
        for who, (source, *_, target) in move.items():
            known = self._at.get(who, source)
            assert known == source, f"{who or 'the run'} was {known} and is left as {source}"
            self._at[who] = target
            if who:
                steps = task_path(TaskStatus(source), TaskStatus(target), is_retry=is_retry)
                self.tasks.setdefault(who, []).extend(steps)
            else:
                key = (RunStatus(source), RunEvent(move[who][1]), RunStatus(target))
                assert key in _RUN_ROWS, f"no row of the run's table is {key}"
                self.run.append(_RUN_ROWS[key])


def task_path(source: TaskStatus, target: TaskStatus, *, is_retry: bool) -> tuple[TaskMove, ...]:
    """The rows by which one save may bring a task there: one, or two where a save has both events.

    A retry of the run takes a submitted task through ``failed``.  Raises AssertionError for none.
    """
    if not (is_retry and source is TaskStatus.SUBMITTED):
        for move in TASK_TABLE:
            if (move.source, move.target) == (source, target):
                return (move,)
    for first in TASK_TABLE:
        for second in TASK_TABLE:
            ends = (first.source, second.source, second.target)
            if ends == (source, first.target, target):
                return first, second
    raise AssertionError(f"no rows lead from {source} to {target}")


def name_of(move: RunMove | TaskMove) -> str:
    """A row as a word, such as ``run: planning plan_submitted gating-plan``."""
    table = "run" if isinstance(move.source, RunStatus) else "task"
    return f"{table}: {move.source} {move.event} {move.target}"


def all_rows() -> set[str]:
    """Every row of both tables."""
    return {*map(name_of, RUN_TABLE), *map(name_of, TASK_TABLE)}


def all_pairs() -> set[Pair]:
    """Every pair of rows of one table of which the second starts where the first ends."""
    tables: tuple[tuple[Move[RunStatus, RunEvent] | Move[TaskStatus, TaskEvent], ...], ...]
    tables = (RUN_TABLE, TASK_TABLE)
    return {
        (name_of(first), name_of(second))
        for table in tables
        for first in table
        for second in table
        if first.target == second.source
    }
