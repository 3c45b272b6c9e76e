"""What carrying out a plan will probably take: its schedule simulated, pure.

The simulation follows ``policy.schedule``: level by level, in order, so many agents at once; in a
level first all implementers, then all critics, then the gate critic, then repairs.  Every piece
of work of a role is taken to be equally long.
"""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from operator import attrgetter
from typing import Final

from attrs import frozen

from ..state.config import RaceConfig
from ..state.enums import AgentType, Role, TaskStatus
from ..state.records import Run, Task
from .critique import critique_enabled, level_needs_gate
from .estimates import Estimate, Range
from .hub_files import rule_for
from .ledger import account, attempts_of
from .plan import task_order
from .plan_gate import files_to_modify
from .racing import order_of

_OVER: Final = frozenset({TaskStatus.COMPLETED, TaskStatus.FAILED})
_LOW, _MIDDLE, _HIGH = (attrgetter(name) for name in ("low", "middle", "high"))


@frozen(kw_only=True)
class Overlap:
    """Tasks of one level that plan to change one file; ``settled``: a rule for hub files holds."""

    level: int
    path: str
    task_ids: tuple[str, ...]
    settled: bool


@frozen(kw_only=True)
class Forecast:
    """Seconds and USD of what is left to do; ``usd`` is null where a price is not known.

    ``one_by_one`` is the same work by one agent at a time, ``critical`` the longest chain of
    dependencies, which no number of agents makes shorter.
    """

    tasks: int
    levels: int
    max_parallel: int
    widest: int  # tasks of one level
    seconds: Range
    one_by_one: float
    critical: tuple[str, ...]
    critical_seconds: float
    overlaps: tuple[Overlap, ...]
    usd: Range | None
    unpriced: tuple[Role, ...]  # roles without a price
    from_past: tuple[tuple[Role, int], ...]  # roles with so many pieces of work in the past
    cap_left: float | None  # USD of ``runLimits.usd`` that were not used yet; null: no cap
    gate_seconds: float | None  # of the build gate; null: it was not measured, and is left out

    @property
    def speed_up(self) -> float:
        """How much faster than one agent at a time it goes."""
        return self.one_by_one / self.seconds.middle if self.seconds.middle else 1.0

    @property
    def best_speed_up(self) -> float:
        """And how much with as many agents as there is work for, and no waiting for a level."""
        return self.one_by_one / self.critical_seconds if self.critical_seconds else 1.0


def forecast(
    run: Run,
    estimates: Mapping[Role, Estimate],
    max_parallel: int,
    cap: float | None = None,
    race: RaceConfig | None = None,
) -> Forecast:
    """The forecast for the tasks of a run that are not over; ``cap`` is on its cost, in USD.

    ``race``: which of them are raced.
    """
    tasks = sorted((task for task in run.tasks if task.status not in _OVER), key=task_order)
    orders = {task.id: order_of(task, race or RaceConfig()) for task in tasks}
    entrants = {task: 1 if order is None else order.n for task, order in orders.items()}
    levels = [
        tuple(task for task in tasks if task.level == level)
        for level in sorted({task.level for task in tasks})
    ]
    commands = run.baseline_commands
    gate = sum(each.duration_seconds for each in commands) if commands else None
    times = {role: each.seconds for role, each in estimates.items()}

    def simulated(pick: "attrgetter[float]") -> float:
        one = {role: pick(each) for role, each in times.items()}
        return _makespan(levels, one, gate or 0.0, max_parallel, entrants)

    middle = {role: each.middle for role, each in times.items()}
    critical, length = _critical(tasks, middle, gate or 0.0)
    pieces = _pieces(levels, entrants)
    used = tuple(role for role in Role if pieces[role])
    unpriced = tuple(role for role in used if estimates[role].usd is None)
    return Forecast(
        tasks=len(tasks),
        levels=len(levels),
        max_parallel=max_parallel,
        widest=max(map(len, levels), default=0),
        seconds=Range(simulated(_LOW), simulated(_MIDDLE), simulated(_HIGH)),
        one_by_one=_makespan(levels, middle, gate or 0.0, 1, entrants),
        critical=critical,
        critical_seconds=length,
        overlaps=_overlaps(run, levels),
        usd=None if unpriced else _usd(pieces, estimates),
        unpriced=unpriced,
        from_past=tuple((role, estimates[role].pieces) for role in used if estimates[role].pieces),
        cap_left=None if cap is None else max(0.0, cap - _used(run)),
        gate_seconds=gate,
    )


def _used(run: Run) -> float:
    """What counts against the cap, of all that has a price."""
    return account(attempts_of(run)).used.cost_usd or 0.0


def _pieces(levels: Sequence[Sequence[Task]], entrants: Mapping[str, int]) -> Mapping[Role, int]:
    """How many pieces of work there are for each role."""
    tasks = tuple(chain(*levels))
    return {
        Role.PLANNER: 0,  # the plan is there
        Role.IMPLEMENTER: sum(entrants[task.id] for task in tasks),
        Role.CRITIC: sum(len(_reviews(task, entrants)) for task in tasks),
        Role.GATE_CRITIC: sum(map(level_needs_gate, levels)),
        Role.GREYBEARD: len(tasks),
        Role.FIX_AGENT: len(tasks),
        Role.ATTRIBUTION: 1 if tasks else 0,
    }


def _usd(pieces: Mapping[Role, int], estimates: Mapping[Role, Estimate]) -> Range:
    known = [(number, estimates[role].usd) for role, number in pieces.items() if number]
    return Range(
        *(
            sum(number * pick(usd) for number, usd in known if usd is not None)
            for pick in (_LOW, _MIDDLE, _HIGH)
        )
    )


def _makespan(
    levels: Sequence[Sequence[Task]],
    one: Mapping[Role, float],
    gate: float,
    at_once: int,
    entrants: Mapping[str, int],
) -> float:
    """How long it takes until the last level is verified."""
    seconds = gate + one[Role.ATTRIBUTION] if levels else 0.0
    for tasks in levels:
        work = one[Role.IMPLEMENTER] + one[Role.GREYBEARD] + gate
        works = [work for task in tasks for _ in range(entrants[task.id])]
        reviews = [one[Role.CRITIC] for task in tasks for _ in _reviews(task, entrants)]
        seconds += _in_parallel(works, at_once) + _in_parallel(reviews, at_once)
        seconds += one[Role.GATE_CRITIC] if level_needs_gate(tasks) else 0.0
        seconds += _in_parallel([one[Role.FIX_AGENT] for _ in tasks], at_once)
    return seconds


def _reviews(task: Task, entrants: Mapping[str, int]) -> range:
    """One in the level, and before it one for each entrant in a race."""
    raced = entrants[task.id] if entrants[task.id] > 1 else 0
    return range(1 + raced if critique_enabled(task) else 0)


def _in_parallel(works: Iterable[float], at_once: int) -> float:
    """When the last of works ends of which so many run at once, started in order."""
    places: list[float] = []
    for work in works:
        start = heapq.heappop(places) if len(places) >= at_once else 0.0
        heapq.heappush(places, start + work)
    return max(places, default=0.0)


def _critical(
    tasks: Sequence[Task], one: Mapping[Role, float], gate: float
) -> tuple[tuple[str, ...], float]:
    """The chain of dependencies that takes longest, the first in order of those that do."""
    ends: dict[str, float] = {}
    before: dict[str, str] = {}
    for task in tasks:  # dependencies have lower levels: they come first
        known = [each for each in task.depends_on if each in ends]
        last = max(known, key=lambda each: ends[each], default=None)
        length = one[Role.IMPLEMENTER] + one[Role.GREYBEARD] + gate + one[Role.FIX_AGENT]
        if critique_enabled(task):
            length += one[Role.CRITIC] + one[Role.GATE_CRITIC]
        ends[task.id] = length + (ends[last] if last else 0.0)
        if last:
            before[task.id] = last
    if not ends:
        return (), 0.0
    chain_of = [max(ends, key=lambda each: ends[each])]
    while chain_of[-1] in before:
        chain_of.append(before[chain_of[-1]])
    return tuple(reversed(chain_of)), ends[chain_of[0]] + gate + one[Role.ATTRIBUTION]


def _overlaps(run: Run, levels: Sequence[Sequence[Task]]) -> tuple[Overlap, ...]:
    found: dict[tuple[int, str], list[str]] = {}
    for task in chain(*levels):
        if task.agent_type is not AgentType.EXPLORE:
            for path in files_to_modify(task.plan_markdown):
                found.setdefault((task.level, path), []).append(task.id)
    return tuple(
        Overlap(
            level=level,
            path=path,
            task_ids=tuple(ids),
            settled=rule_for(path, run.hub_files) is not None,
        )
        for (level, path), ids in sorted(found.items())
        if len(ids) > 1
    )
