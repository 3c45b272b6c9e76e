"""What agents used in a run that ended, for later forecasts: pure, from its document."""

from collections.abc import Iterable, Iterator
from itertools import groupby

from ..state.enums import Role, RunStatus, TaskStatus
from ..state.records import Run
from ..state.routes import Spent
from ..state.work import Attempt
from .critique import critique_enabled
from .ledger import attempts_of
from .routing import SCRIPTED
from .usage import total

_OVER = frozenset({TaskStatus.COMPLETED, TaskStatus.FAILED})
_IN_A_RACE = (Role.IMPLEMENTER, Role.CRITIC)
_OF_A_TASK = (Role.IMPLEMENTER, Role.CRITIC, Role.GREYBEARD, Role.FIX_AGENT)


def spent(run: Run) -> tuple[Spent, ...]:
    """One entry for each time that a role's work was over: per task (in a race per entrant), level
    or run.

    An entry of zero is one, too: most tasks need no fix agent.  A run in which a script played
    somebody says nothing, of the others neither: they worked on what was made up.
    """
    if any(each.executor == SCRIPTED for each in attempts_of(run)):
        return ()
    return tuple(_pieces(run))


def _pieces(run: Run) -> Iterator[Spent]:
    for task in run.tasks:
        if task.status not in _OVER or not task.attempts:
            continue
        for role in _OF_A_TASK:
            if role is Role.CRITIC and not critique_enabled(task):
                continue
            own = [each for each in task.attempts if each.role is role]
            if task.raced is not None and role in _IN_A_RACE:
                yield from _by_subject(role, own)
            else:
                yield _sum(role, own)
    yield from _by_subject(
        Role.GATE_CRITIC, [each for each in run.attempts if each.role is Role.GATE_CRITIC]
    )
    if run.tasks:
        yield _sum(Role.PLANNER, (each for each in run.attempts if each.role is Role.PLANNER))
    if run.status is RunStatus.DONE:
        found = (each for each in run.attempts if each.role is Role.ATTRIBUTION)
        yield _sum(Role.ATTRIBUTION, found)


def _by_subject(role: Role, attempts: Iterable[Attempt]) -> Iterator[Spent]:
    """A piece for each level, and for each entrant in a race."""
    for _, own in groupby(sorted(attempts, key=_subject), key=_subject):
        yield _sum(role, own)


def _subject(attempt: Attempt) -> str:
    return attempt.id.rsplit(".", 2)[0]


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
