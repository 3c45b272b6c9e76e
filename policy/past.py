"""What agents used in past runs, for a forecast: pure, from the documents of those runs."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

from attrs import frozen

from ..state.enums import Role, RunStatus, TaskStatus
from ..state.records import Run
from ..state.work import Attempt
from .critique import critique_enabled
from .usage import total

_OVER = frozenset({TaskStatus.COMPLETED, TaskStatus.FAILED})
_OF_A_TASK = (Role.IMPLEMENTER, Role.CRITIC, Role.GREYBEARD, Role.FIX_AGENT)


@frozen(kw_only=True)
class Spent:
    """What a role used for one task, level or run, with all that was tried again.

    ``cost_usd`` is null when a price was unknown; ``models`` are those that worked on it.
    """

    seconds: float
    cost_usd: float | None
    models: frozenset[str]


def spent(runs: Iterable[Run]) -> Mapping[Role, tuple[Spent, ...]]:
    """By role, one entry for each time its work was over: per task, per level or per run.

    An entry of zero is one, too: most tasks need no fix agent.
    """
    found: dict[Role, list[Spent]] = {role: [] for role in Role}
    for run in runs:
        for role, entry in _of_run(run):
            found[role].append(entry)
    return {role: tuple(entries) for role, entries in found.items()}


def _of_run(run: Run) -> Iterator[tuple[Role, Spent]]:
    for task in run.tasks:
        if task.status not in _OVER or not task.attempts:
            continue
        for role in _OF_A_TASK:
            if role is not Role.CRITIC or critique_enabled(task):
                yield role, _sum(each for each in task.attempts if each.role is role)
    gates = sorted((each for each in run.attempts if each.role is Role.GATE_CRITIC), key=_subject)
    for _, attempts in groupby(gates, key=_subject):
        yield Role.GATE_CRITIC, _sum(attempts)
    if run.tasks:
        yield Role.PLANNER, _sum(each for each in run.attempts if each.role is Role.PLANNER)
    if run.status is RunStatus.DONE:
        yield Role.ATTRIBUTION, _sum(each for each in run.attempts if each.role is Role.ATTRIBUTION)


def _subject(attempt: Attempt) -> str:
    return attempt.id.partition(".")[0]


def _sum(attempts: Iterable[Attempt]) -> Spent:
    known = tuple(attempts)
    return Spent(
        seconds=sum(each.active_seconds for each in known),
        cost_usd=total(known).cost_usd,
        models=frozenset(each.model for each in known),
    )
