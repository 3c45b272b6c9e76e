"""Where the time of a run went: who was at work when, and the chain that decided when it ended.

Pure functions of the document.  Times are seconds from the run's start; clocks that were set back
are read as if they had stood still.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Final

from attrs import frozen

from ...state.enums import Role, RunStatus
from ...state.records import Run, Task
from ...state.work import Attempt
from ..lifecycle import FINAL, FIRST
from ..report_words import seconds_between


class Kind(StrEnum):
    """What time is spent on."""

    PLANNING = "planning"
    IMPLEMENTING = "implementing"
    REVIEWING = "reviewing"
    REPAIRING = "repairing"
    JUDGING = "judging"
    OPERATOR = "waiting for the operator"
    OURS = "builds, git and pauses"


KIND_OF: Final[Mapping[Role, Kind]] = {
    Role.PLANNER: Kind.PLANNING,
    Role.IMPLEMENTER: Kind.IMPLEMENTING,
    Role.CRITIC: Kind.REVIEWING,
    Role.GATE_CRITIC: Kind.REVIEWING,
    Role.GREYBEARD: Kind.JUDGING,
    Role.ATTRIBUTION: Kind.JUDGING,
    Role.FIX_AGENT: Kind.REPAIRING,
}


@frozen(kw_only=True)
class Span:
    """Something that took from ``start`` to ``end``: an attempt, a question, a state, a gap."""

    kind: Kind
    label: str
    task_id: str | None = None
    start: float
    end: float
    outcome: str = ""

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.end - self.start


@frozen(kw_only=True)
class Phase:
    """A state of the run, from one transition to the next."""

    state: RunStatus
    start: float
    end: float


@frozen(kw_only=True)
class Wait:
    """A task that could have begun, and did not yet: for siblings, a place or an allowance."""

    task_id: str
    start: float
    end: float


@frozen(kw_only=True)
class Bound:
    """How long the agents' work on tasks takes under a rule, and which tasks make it so long."""

    seconds: float
    tasks: tuple[str, ...]


@frozen(kw_only=True)
class Timeline:
    """``chain``: from the end back to the start, what ended last before the next could begin.

    It has no gap and no overlap: ``lost`` adds its parts up to ``seconds``, which is the whole run.
    ``in_a_row``, ``by_level`` and ``by_dependency`` are the same work one after the other, with
    a barrier after each level, and with every task as soon as what it depends on is done.
    """

    seconds: float
    spans: tuple[Span, ...]
    phases: tuple[Phase, ...]
    waits: tuple[Wait, ...]
    chain: tuple[Span, ...]
    lost: tuple[tuple[Kind, float], ...]
    busy: Mapping[str, float]  # task -> how long agents were at work on it
    in_a_row: Bound
    by_level: Bound
    by_dependency: Bound


def timeline(run: Run, now: str) -> Timeline:
    """The times of a run; ``now`` (ISO-8601) is its end.  Raises DocumentError for no time."""
    total = max(0.0, seconds_between(run.created_at, now))
    spans = tuple(sorted(_spans(run, total), key=lambda each: (each.start, each.end, each.label)))
    phases = tuple(_phases(run, total))
    path = tuple(_chain(spans, phases, total))
    work: dict[str, list[Span]] = {task.id: [] for task in run.tasks}
    for span in spans:
        if span.task_id in work and span.kind is not Kind.OPERATOR:
            work[span.task_id].append(span)
    busy = {task_id: _covered(own) for task_id, own in work.items()}
    return Timeline(
        seconds=total,
        spans=spans,
        phases=phases,
        waits=tuple(_waits(run, work, phases)),
        chain=path,
        lost=_added_up(path),
        busy=busy,
        in_a_row=Bound(seconds=sum(busy.values()), tasks=tuple(busy)),
        by_level=_by_level(run.tasks, busy),
        by_dependency=_by_dependency(run.tasks, busy),
    )


def _spans(run: Run, total: float) -> Iterator[Span]:
    for attempt in run.attempts:
        yield _attempt(run, attempt, None, total)
    for task in run.tasks:
        for attempt in task.attempts:
            yield _attempt(run, attempt, task.id, total)
    for question in run.escalations:
        answered = question.answer
        start, end = _between(run, question.created_at, answered.at if answered else None, total)
        yield Span(
            kind=Kind.OPERATOR,
            label=question.id,
            task_id=question.task_id,
            start=start,
            end=end,
            outcome=answered.verb if answered else "open",
        )


def _attempt(run: Run, attempt: Attempt, task_id: str | None, total: float) -> Span:
    start, end = _between(run, attempt.started_at, attempt.ended_at, total)
    if attempt.ended_at is None and run.status in FINAL:
        end = min(total, start + attempt.active_seconds)  # cut off: nobody saw its end
    return Span(
        kind=KIND_OF[attempt.role],
        label=attempt.id,
        task_id=task_id,
        start=start,
        end=end,
        outcome=attempt.outcome.value if attempt.outcome else "no end",
    )


def _between(run: Run, started: str, ended: str | None, total: float) -> tuple[float, float]:
    start = min(total, max(0.0, seconds_between(run.created_at, started)))
    end = total if ended is None else min(total, seconds_between(run.created_at, ended))
    return start, max(start, end)


def _phases(run: Run, total: float) -> Iterator[Phase]:
    state, start = FIRST, 0.0
    for entry in run.history:
        _, end = _between(run, entry.at, entry.at, total)
        end = max(start, end)
        if entry.target is not state:
            yield Phase(state=state, start=start, end=end)
            state, start = entry.target, end
    if state not in FINAL:
        yield Phase(state=state, start=start, end=total)


def _waits(run: Run, work: Mapping[str, Sequence[Span]], phases: Sequence[Phase]) -> Iterator[Wait]:
    planned = next((each.start for each in phases if each.state is RunStatus.EXECUTING), None)
    for task in run.tasks:
        own = [each.start for each in work[task.id]]
        if planned is None or not own:
            continue
        # A dependency is done when its first work is handed in; reviews of it are the barrier's.
        done = [
            each.end
            for dependency in task.depends_on
            for each in work[dependency]
            if each.kind is Kind.IMPLEMENTING
        ]
        ready = max((planned, *done))
        if ready < min(own):
            yield Wait(task_id=task.id, start=ready, end=min(own))


def _chain(spans: Sequence[Span], phases: Sequence[Phase], total: float) -> Iterable[Span]:
    """The parts, oldest first; each step goes back to what ended last before the one after it."""
    found, at = list[Span](), total
    for span in sorted(spans, key=lambda each: (each.end, each.start, each.label), reverse=True):
        if span.end <= at and span.seconds > 0:
            found += reversed(tuple(_ours(phases, span.end, at)))
            found.append(span)
            at = span.start
    found += reversed(tuple(_ours(phases, 0.0, at)))
    return reversed(found)


def _ours(phases: Sequence[Phase], start: float, end: float) -> Iterator[Span]:
    """A gap in which no agent and no question decided, by the states it is in."""
    for phase in phases:
        first, last = max(start, phase.start), min(end, phase.end)
        if first < last:
            yield Span(kind=Kind.OURS, label=f"while {phase.state}", start=first, end=last)
    after = max(start, phases[-1].end if phases else 0.0)
    if after < end:
        yield Span(kind=Kind.OURS, label="after the end", start=after, end=end)


def _added_up(path: Sequence[Span]) -> tuple[tuple[Kind, float], ...]:
    sums = {kind: sum(each.seconds for each in path if each.kind is kind) for kind in Kind}
    return tuple((kind, seconds) for kind, seconds in sums.items() if seconds > 0)


def _covered(spans: Sequence[Span]) -> float:
    """How much time spans take together, what overlaps counted once."""
    covered, until = 0.0, 0.0
    for span in spans:  # by start
        covered += max(0.0, span.end - max(until, span.start))
        until = max(until, span.end)
    return covered


def _by_level(tasks: Sequence[Task], busy: Mapping[str, float]) -> Bound:
    slowest = dict[int, str]()
    for task in tasks:
        if task.level not in slowest or busy[task.id] > busy[slowest[task.level]]:
            slowest[task.level] = task.id
    named = tuple(slowest[level] for level in sorted(slowest))
    return Bound(seconds=sum(busy[each] for each in named), tasks=named)


def _by_dependency(tasks: Sequence[Task], busy: Mapping[str, float]) -> Bound:
    longest = dict[str, Bound]()
    for task in tasks:  # by level: dependencies come first
        known = [longest[each] for each in task.depends_on if each in longest]
        before = max(known, key=lambda each: each.seconds, default=Bound(seconds=0.0, tasks=()))
        longest[task.id] = Bound(
            seconds=before.seconds + busy[task.id], tasks=(*before.tasks, task.id)
        )
    nothing = Bound(seconds=0.0, tasks=())
    return max(longest.values(), key=lambda each: each.seconds, default=nothing)
