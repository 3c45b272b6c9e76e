"""Any record, and any legal run, of any content that a document can hold."""

import types
from collections.abc import Mapping
from enum import Enum
from typing import Any, TypeVar, Union, get_args, get_origin

from attrs import evolve, fields, has
from hypothesis import strategies as st
from properties.strategies_plain import plain, texts

from dispatch.state.enums import RunStatus, TaskStatus
from dispatch.state.races import Race
from dispatch.state.record import Record
from dispatch.state.records import HistoryEntry, Run, Task
from dispatch.state.work import Evidence

R = TypeVar("R", bound=Record)

commit_ids = st.text("0123456789abcdef", min_size=40, max_size=40) | st.sampled_from(
    ("0" * 40, "1" * 40, "0e" + "1" * 38, "1e" + "0" * 38)
)
short_keys = texts.filter(lambda text: len(text) <= 40)


def frozen(value: object) -> object:
    """A plain value as records keep it."""
    if isinstance(value, list):
        return tuple(map(frozen, value))
    if isinstance(value, dict):
        return {key: frozen(part) for key, part in value.items()}
    return value


unknown_keys: st.SearchStrategy[dict[str, object]] = st.one_of(
    st.just({}), st.dictionaries(short_keys.map("x-{}".format), plain.map(frozen), max_size=2)
)


def values_of(kind: Any) -> Any:
    """Values of a field's type."""
    if kind is object:
        return plain.map(frozen)
    if has(kind):
        return records(kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from(kind)
    origin, kinds = get_origin(kind), get_args(kind)
    if origin is tuple and kinds[-1] is ...:
        return st.lists(values_of(kinds[0]), max_size=2).map(tuple)
    if origin is tuple:
        return st.tuples(*map(values_of, kinds))
    if origin in (Union, types.UnionType):
        return st.one_of(*(st.none() if each is type(None) else values_of(each) for each in kinds))
    if origin is not None and issubclass(origin, Mapping):
        return st.dictionaries(short_keys, values_of(kinds[1]), max_size=2)
    return _SCALARS[kind]


_SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    str: texts,
    int: st.integers(-(2**63) + 1, 2**63 - 1),
    bool: st.booleans(),
    float: st.floats(allow_nan=False, allow_infinity=False),
}


def records(cls: type[R]) -> st.SearchStrategy[R]:
    """Records of one class, each field of its type, whatever the invariants of a document say."""
    parts = {
        field.name: unknown_keys if field.name == "unknown" else st.deferred(_later(field.type))
        for field in fields(cls)
    }
    return st.builds(cls, **parts)


def _later(kind: Any) -> Any:
    return lambda: values_of(kind)


@st.composite
def tasks(draw: st.DrawFn, earlier: tuple[str, ...] = (), level: int = 1) -> Task:
    """A legal task that may depend on earlier ones."""
    task = draw(records(Task))
    status = task.status
    has_commit = status in (
        TaskStatus.COMMITTED,
        TaskStatus.CRITIQUING,
        TaskStatus.AMEND_REQUESTED,
        TaskStatus.FIXING,
        TaskStatus.COMPLETED,
    )
    names = [f"{each.id}#{place}" for place, each in enumerate(task.attempts)]
    task_id = f"{level}{chr(ord('a') + len(earlier))}-{draw(st.sampled_from(('x', 'fix-it', '0')))}"
    raced = task.raced and _legal_race(task.raced)
    return evolve(
        task,
        raced=raced,
        id=task_id,
        level=level,
        depends_on=tuple(draw(st.lists(st.sampled_from(earlier), max_size=2))) if earlier else (),
        fixing_source=task.fixing_source if status is TaskStatus.FIXING else None,
        commit_sha=draw(st.none() | commit_ids),
        evidence=(task.evidence or draw(records(Evidence))) if has_commit else task.evidence,
        fixes=tuple(evolve(each, commit_sha=draw(st.none() | commit_ids)) for each in task.fixes),
        attempts=tuple(
            evolve(each, id=f"{task_id}.{name}")
            for each, name in zip(task.attempts, names, strict=True)
        ),
    )


def _legal_race(race: Race) -> Race:
    numbered = tuple(evolve(each, number=place) for place, each in enumerate(race.entrants[:2], 1))
    able = (each.number for each in numbered if each.output is not None)
    return evolve(race, entrants=numbered, winner=race.winner and next(able, None))


@st.composite
def runs(draw: st.DrawFn, max_tasks: int = 3) -> Run:
    """A legal run: every invariant of a document holds."""
    run = draw(records(Run))
    made: tuple[Task, ...] = ()
    for level in range(1, draw(st.integers(0, max_tasks)) + 1):
        made = (*made, draw(tasks(tuple(task.id for task in made), level)))
    ids = tuple(task.id for task in made)
    any_id = st.sampled_from(ids) if ids else st.nothing()
    entries = draw(st.lists(records(HistoryEntry), max_size=3))
    if run.status is RunStatus.DONE and {task.status for task in made} != {TaskStatus.COMPLETED}:
        run = evolve(run, status=RunStatus.FAILED)
    return evolve(
        run,
        schema_version="1.0",
        commit_strategy="per-task",
        base_commit=draw(commit_ids),
        published_commit=draw(st.none() | commit_ids),
        upgraded_from=None,
        build_gate=run.build_gate
        or (() if run.status in (RunStatus.DONE, RunStatus.FAILED) else ("make",)),
        level_boundaries=draw(st.dictionaries(st.integers(1, 99).map(str), commit_ids, max_size=3)),
        gate_verdicts=tuple(
            evolve(gate, per_task=dict(zip(ids, gate.per_task.values(), strict=False)))
            for gate in run.gate_verdicts
        ),
        verification_rounds=tuple(
            evolve(
                each,
                attribution={
                    key: tuple(draw(st.lists(any_id, max_size=2))) if ids else ()
                    for key in each.attribution
                },
            )
            for each in run.verification_rounds
        ),
        escalations=tuple(
            evolve(each, id=f"e{place}", task_id=draw(st.none() | any_id) if ids else None)
            for place, each in enumerate(run.escalations)
        ),
        operator_edits=tuple(
            evolve(each, escalation_id="e0", commit_sha=draw(st.none() | commit_ids))
            for each in (run.operator_edits if run.escalations else ())
        ),
        routes=tuple(
            evolve(each, task_id=draw(st.none() | any_id) if ids else None)
            for each in run.routes
            if each.candidates
        ),
        attempts=tuple(
            evolve(each, id=f"run.{place}.{each.id}") for place, each in enumerate(run.attempts)
        ),
        history=tuple(evolve(each, seq=place) for place, each in enumerate(entries, start=1)),
        tasks=made,
    )
