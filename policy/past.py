"""What agents used in a run that ended, for later forecasts: pure, from its document."""

from collections.abc import Iterable, Iterator
from itertools import groupby

from ..state.enums import Role, RunStatus, TaskStatus
from ..state.records import Run
from ..state.routes import Spent
from ..state.work import Attempt
from .critique import critique_enabled
from .experience import PLAYED
from .ledger import attempts_of
from .usage import total

_OVER = frozenset({TaskStatus.COMPLETED, TaskStatus.FAILED})
_OF_A_TASK = (Role.IMPLEMENTER, Role.CRITIC, Role.GREYBEARD, Role.FIX_AGENT)


def spent(run: Run) -> tuple[Spent, ...]:
    """One entry for each time that a role's work was over: per task, per level or per run.

    An entry of zero is one, too: most tasks need no fix agent.  A run in which a script played
    somebody says nothing, of the others neither: they worked on what was made up.
    """
    if any(each.executor == PLAYED for each in attempts_of(run)):
        return ()
    return tuple(_pieces(run))


def _pieces(run: Run) -> Iterator[Spent]:
    for task in run.tasks:
        if task.status not in _OVER or not task.attempts:
            continue
        for role in _OF_A_TASK:
            if role is not Role.CRITIC or critique_enabled(task):
                yield _sum(role, (each for each in task.attempts if each.role is role))
    gates = sorted((each for each in run.attempts if each.role is Role.GATE_CRITIC), key=_subject)
    for _, attempts in groupby(gates, key=_subject):
        yield _sum(Role.GATE_CRITIC, attempts)
    if run.tasks:
        yield _sum(Role.PLANNER, (each for each in run.attempts if each.role is Role.PLANNER))
    if run.status is RunStatus.DONE:
        found = (each for each in run.attempts if each.role is Role.ATTRIBUTION)
        yield _sum(Role.ATTRIBUTION, found)


def _subject(attempt: Attempt) -> str:
    return attempt.id.partition(".")[0]


def _sum(role: Role, attempts: Iterable[Attempt]) -> Spent:
    known = tuple(attempts)
    # What nobody told would make the piece look cheaper than it was.
    is_told = all(each.unsettled is None for each in known)
    return Spent(
        role=role,
        seconds=sum(each.active_seconds for each in known),
        cost_usd=total(known).cost_usd if is_told else None,
        models=tuple(sorted({each.model for each in known})),
    )
