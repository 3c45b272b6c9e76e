"""What must hold between the fields of a document; every break is named in a sentence."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from .enums import RunStatus, TaskStatus
from .races import Race
from .records import Run, Task
from .work import Attempt

COMMIT_STRATEGY: Final = "per-task"

_COMMIT_ID: Final = re.compile(r"[0-9a-f]{40}\Z")
_LEVEL: Final = re.compile(r"[1-9][0-9]{0,5}\Z")
_AFTER_COMMIT: Final = frozenset(
    {
        TaskStatus.COMMITTED,
        TaskStatus.CRITIQUING,
        TaskStatus.AMEND_REQUESTED,
        TaskStatus.FIXING,
        TaskStatus.COMPLETED,
    }
)
_ENDED: Final = frozenset({RunStatus.DONE, RunStatus.FAILED})


def problems(run: Run, known: Run | None = None) -> tuple[str, ...]:
    """Everything that is wrong with a run, as sentences; none: it is legal.

    ``known`` is an earlier state found legal: what is the same object in it is not looked at again,
    so that a change costs what it changed.
    """
    ids = tuple(task.id for task in run.tasks)
    id_set = frozenset(ids)
    if known is not None and ids != tuple(task.id for task in known.tasks):
        known = None  # ids came or went: what others say of them must be looked at again
    return (
        *_header(run),
        *(f"task id {each} is there twice." for each in _twice(ids)),
        *_tasks(run, known, id_set),
        *_references(run, known, id_set),
        *_sequences(run, known),
    )


def _header(run: Run) -> Iterator[str]:
    if run.commit_strategy != COMMIT_STRATEGY:
        yield f'commitStrategy is {run.commit_strategy!r}, but is locked to "{COMMIT_STRATEGY}".'
    if not _COMMIT_ID.match(run.base_commit):
        yield f"baseCommit is {run.base_commit!r}, not 40 hex digits."
    if run.published_commit is not None and not _COMMIT_ID.match(run.published_commit):
        yield f"publishedCommit is {run.published_commit!r}, not 40 hex digits."
    if not run.build_gate and run.status not in _ENDED:
        # Without a gate nothing can be verified, and the run would end in a false "done".
        yield f"buildGate is empty, but the run is {run.status}."
    if run.status is RunStatus.DONE:
        if not run.tasks:
            yield "the run is done, but has no tasks."
        for task in run.tasks:
            if task.status is not TaskStatus.COMPLETED:
                yield f"the run is done, but task {task.id} is {task.status}."
    for edit in run.operator_edits:
        if edit.commit_sha is not None and not _COMMIT_ID.match(edit.commit_sha):
            yield f"an operator's edit has commitSHA {edit.commit_sha!r}, not 40 hex digits."
    for level, commit in run.level_boundaries.items():
        if not _LEVEL.match(level):
            yield f"levelBoundaries has the key {level!r}, which is no level."
        if not _COMMIT_ID.match(commit):
            yield f"levelBoundaries[{level!r}] is {commit!r}, not 40 hex digits."


def _tasks(run: Run, known: Run | None, ids: Collection[str]) -> Iterator[str]:
    before = frozenset(map(id, known.tasks)) if known else frozenset()
    for task in run.tasks:
        if id(task) not in before:
            yield from _task(task, ids, has_evidence=run.upgraded_from is None)


def _task(task: Task, ids: Collection[str], *, has_evidence: bool) -> Iterator[str]:
    where = f"task {task.id}"
    if task.level < 1:
        yield f"{where} has level {task.level}; levels start at 1."
    for each in task.depends_on:
        if each == task.id:
            yield f"{where} depends on itself."
        elif each not in ids:
            yield f"{where} depends on {each}, which is no task."
    if task.fixing_source is not None and task.status is not TaskStatus.FIXING:
        yield f"{where} has fixingSource {task.fixing_source}, but is {task.status}, not fixing."
    if task.commit_sha is not None and not _COMMIT_ID.match(task.commit_sha):
        yield f"{where} has commitSHA {task.commit_sha!r}, not 40 hex digits."
    for fix in task.fixes:
        if fix.commit_sha is not None and not _COMMIT_ID.match(fix.commit_sha):
            yield f"{where} has a fix with commitSHA {fix.commit_sha!r}, not 40 hex digits."
    if has_evidence and task.evidence is None and task.status in _AFTER_COMMIT:
        yield f"{where} is {task.status}, but has no evidence."
    yield from _attempts(where, task.attempts)
    if task.raced is not None:
        yield from _race(where, task.raced)


def _race(where: str, race: Race) -> Iterator[str]:
    if [each.number for each in race.entrants] != list(range(1, len(race.entrants) + 1)):
        yield f"the entrants of the race of {where} are not numbered from 1."
    if race.winner is not None and (race.taken is None or race.taken.output is None):
        yield f"the race of {where} was won by {race.winner}, which handed nothing in."


def _references(run: Run, known: Run | None, ids: Collection[str]) -> Iterator[str]:
    """Task ids that verdicts, rounds and escalations name."""
    if known is None or run.gate_verdicts is not known.gate_verdicts:
        for gate in run.gate_verdicts:
            for each in sorted(gate.per_task.keys() - ids):
                yield (
                    f"the gate verdict of level {gate.level}, round {gate.round}, names {each}, "
                    "which is no task."
                )
    if known is None or run.verification_rounds is not known.verification_rounds:
        for verification in run.verification_rounds:
            blamed = {each for tasks in verification.attribution.values() for each in tasks}
            for each in sorted(blamed - frozenset(ids)):
                yield f"verification round {verification.round} names {each}, which is no task."
    if known is None or run.routes is not known.routes:
        for route in run.routes:
            if not route.candidates:
                yield f"the route of {route.role} at {route.at} has no candidates."
            if route.task_id is not None and route.task_id not in ids:
                yield f"a route names {route.task_id}, which is no task."
    if (
        known is None
        or run.escalations is not known.escalations
        or run.operator_edits is not known.operator_edits
    ):
        for each in _twice(question.id for question in run.escalations):
            yield f"escalation id {each} is there twice."
        known_questions = frozenset(question.id for question in run.escalations)
        for edit in run.operator_edits:
            if edit.escalation_id not in known_questions:
                yield f"an operator's edit names {edit.escalation_id}, which is no escalation."
        for question in run.escalations:
            if question.task_id is not None and question.task_id not in ids:
                yield f"escalation {question.id} names {question.task_id}, which is no task."


def _sequences(run: Run, known: Run | None) -> Iterator[str]:
    if known is None:
        yield from _attempts(
            "the document",
            (*run.attempts, *(each for task in run.tasks for each in task.attempts)),
        )
    elif run.attempts is not known.attempts:
        yield from _attempts("the run", run.attempts)
    if known is None or run.history is not known.history:
        for place, entry in enumerate(run.history, start=1):
            if entry.seq != place:
                yield f"history has seq {entry.seq} where {place} is due."
                break


def _attempts(where: str, attempts: Iterable[Attempt]) -> Iterator[str]:
    for each in _twice(attempt.id for attempt in attempts):
        yield f"{where} has attempt id {each} twice."


def _twice(names: Iterable[str]) -> list[str]:
    return sorted(name for name, count in Counter(names).items() if count > 1)
