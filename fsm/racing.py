"""A race: several implementers at one task, each in its own tree; the best work is taken.

Everybody's work, every verdict and the choice are in the document when they are there, so a run
that is killed goes on with what is missing.  The work of those that did not win stays under refs.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeAlias

from attrs import evolve

from ..policy.critique import critique_enabled
from ..policy.racing import entrants_of, order_of, winner
from ..state.enums import FailureKind, Isolation, Role
from ..state.jobs import ImplementJob
from ..state.judgements import CritiqueVerdict
from ..state.races import Entrant, Race
from ..state.records import Run, Task
from .attempts import AgentFailed, interrupted, is_hopeless
from .critiques import critique
from .fold import apply_task, change_task, task_of
from .lifecycle import TaskEvent
from .parallel import each_beside
from .ports import Ports
from .submissions import submitted_ref
from .submitting import Submitted, submit
from .ways import ways_of
from .workplaces import as_left, entrant_name, keep_work, losing_worktrees, prepare, rescue_ref

Failed: TypeAlias = tuple[FailureKind, str]  # and a sentence


def is_racing(task: Task) -> bool:
    """Whether a race is on: after a kill it goes on."""
    return task.raced is not None and task.raced.winner is None


async def entered(ports: Ports, task_id: str) -> bool:
    """Whether a task is being raced; its entrants are in the document then."""
    task = task_of(ports.store.run, task_id)
    if is_racing(task):
        return True
    order = order_of(task, ports.config.race)
    if order is None or ports.store.run.isolation is not Isolation.TASK:
        return False
    usual, *_ = await ways_of(ports, Role.IMPLEMENTER, task_id, ImplementJob)
    race = Race(entrants=entrants_of(order, usual))
    ports.store.update(
        lambda run: change_task(
            run, task_id, lambda task: evolve(task, raced=race, worktree_path=None)
        )
    )
    ports.journal.event("race.started", task=task_id, entrants=len(race.entrants))
    return True


async def race(ports: Ports, task_id: str, base: str) -> Failed | None:
    """Have a task's race run and decided; why the task failed when nobody has any work.

    BudgetSpent and ProviderStopped come through: then the race goes on when the run does.
    """
    left = [each.number for each in _entrants(ports, task_id) if not _is_over(each)]
    await each_beside(left, lambda number: _enter(ports, task_id, number, base))
    able = [each for each in _entrants(ports, task_id) if each.output is not None]
    if not able:
        return _nobody(_entrants(ports, task_id))
    if len(able) > 1 and critique_enabled(task_of(ports.store.run, task_id)):
        left = [each.number for each in able if each.verdict is None and not each.message]
        await each_beside(left, lambda number: _review(ports, task_id, number, base))
    await _decide(ports, task_id, base)
    return None


async def put_away(ports: Ports, task_id: str) -> None:
    """Remove the trees of a race that is over; what was in them is under refs."""
    for name in losing_worktrees(task_of(ports.store.run, task_id)):
        await asyncio.to_thread(ports.repository.remove_worktree, name)


async def _enter(ports: Ports, task_id: str, number: int, base: str) -> None:
    run = ports.store.run
    task, entrant = task_of(run, task_id), _entrants(ports, task_id)[number - 1]
    name = entrant_name(task_id, number)
    goes_on = interrupted(run, Role.IMPLEMENTER, name, task_id) is not None
    goes_on |= is_hopeless(run, Role.IMPLEMENTER, name, task_id)
    worktree = await (as_left if goes_on else prepare)(ports, name, base)
    first = (entrant.executor, entrant.model)
    usual = await ways_of(ports, Role.IMPLEMENTER, task_id, ImplementJob)
    ways = (first, *(each for each in usual if each != first))

    def accept(run: Run, found: Submitted) -> Run:
        return _with_entrant(
            run,
            task_id,
            number,
            lambda entrant: evolve(
                entrant,
                attempt_id=found.attempt_id,
                output=found.output,
                evidence=found.evidence,
                commit_time=found.commit_time,
            ),
        )

    try:
        await submit(ports, task, name, worktree, base, accept, ways)
    except AgentFailed as error:
        kind, message = error.kind, error.message
        ref = await keep_work(ports, name, base, _last_attempt(ports, task_id, name))
        ports.store.update(
            lambda run: _with_entrant(
                run,
                task_id,
                number,
                lambda entrant: evolve(entrant, failure=kind, message=message, kept_ref=ref),
            )
        )


async def _review(ports: Ports, task_id: str, number: int, base: str) -> None:
    """A critic's verdict on one entrant's work alone; the level's own review comes as ever."""
    entrant, name = _entrants(ports, task_id)[number - 1], entrant_name(task_id, number)
    known = task_of(ports.store.run, task_id)
    task = evolve(known, output=entrant.output, evidence=entrant.evidence)
    commit = await _kept(ports, submitted_ref(name), entrant, base)
    diff = await asyncio.to_thread(ports.repository.patch, commit)
    worktree = await as_left(ports, name, commit)

    def accept(run: Run, verdict: CritiqueVerdict) -> Run:
        return _with_entrant(run, task_id, number, lambda entrant: evolve(entrant, verdict=verdict))

    try:
        await critique(ports, task, name, worktree, diff, accept)
    except AgentFailed as error:
        # The others' work is worth as much with or without this verdict.
        message = f"It was not reviewed. {error.message}"
        ports.store.update(
            lambda run: _with_entrant(
                run, task_id, number, lambda entrant: evolve(entrant, message=message)
            )
        )


async def _decide(ports: Ports, task_id: str, base: str) -> None:
    """Take the best work as the task's submission, with the others' kept before that is said."""
    entrants = _entrants(ports, task_id)
    number, reason = winner(entrants)
    kept: list[Entrant] = []
    for each in entrants:
        if each.output is None or each.number == number:
            kept.append(each)
            continue
        run, name = ports.store.run, entrant_name(task_id, each.number)
        commit = await _kept(ports, submitted_ref(name), each, base)
        ref = rescue_ref(run, each.attempt_id or name)
        await asyncio.to_thread(ports.repository.publish_ref, ref, commit)
        kept.append(evolve(each, kept_ref=ref))
    taken = kept[number - 1]
    commit = await _kept(ports, submitted_ref(task_id), taken, base)
    worktree = await as_left(ports, entrant_name(task_id, number), commit)
    raced = Race(entrants=tuple(kept), winner=number, reason=reason)

    def change(task: Task) -> Task:
        return evolve(
            task,
            raced=raced,
            worktree_path=str(worktree),
            output=taken.output,
            evidence=taken.evidence,
            commit_time=taken.commit_time,
        )

    ports.store.update(lambda run: apply_task(run, task_id, TaskEvent.SUBMITTED, change))
    ports.journal.event("race.decided", task=task_id, attempt=taken.attempt_id, reason=reason)
    ports.journal.line("run", f"the race of {task_id} is won by entrant {number}: {reason}")


def _entrants(ports: Ports, task_id: str) -> tuple[Entrant, ...]:
    raced = task_of(ports.store.run, task_id).raced
    assert raced is not None  # ``entered`` said so
    return raced.entrants


def _last_attempt(ports: Ports, task_id: str, name: str) -> str:
    """The id of an entrant's last attempt; its name where the budget allowed none."""
    ids = [each.id for each in task_of(ports.store.run, task_id).attempts]
    return next((each for each in reversed(ids) if each.startswith(f"{name}.")), name)


def _is_over(entrant: Entrant) -> bool:
    return entrant.output is not None or entrant.failure is not None


async def _kept(ports: Ports, ref: str, entrant: Entrant, base: str) -> str:
    """The commit of an entrant's work on the base, kept under a ref of the run's store."""
    evidence, time = entrant.evidence, entrant.commit_time
    assert evidence is not None  # both are set with the output
    assert time is not None
    identity = ports.store.run.identity
    return await asyncio.to_thread(ports.repository.keep, ref, evidence.tree, base, identity, time)


def _with_entrant(run: Run, task_id: str, number: int, change: Callable[[Entrant], Entrant]) -> Run:
    def changed(task: Task) -> Task:
        assert task.raced is not None  # ``entered`` said so
        entrants = tuple(
            change(each) if each.number == number else each for each in task.raced.entrants
        )
        return evolve(task, raced=evolve(task.raced, entrants=entrants))

    return change_task(run, task_id, changed)


def _nobody(entrants: Sequence[Entrant]) -> Failed:
    of_money = all(each.failure is FailureKind.BUDGET for each in entrants)
    told = "; ".join(f"entrant {each.number}: {each.message}" for each in entrants)
    kind = FailureKind.BUDGET if of_money else FailureKind.AGENT_FAILED
    return kind, f"None of the {len(entrants)} in its race handed anything in. {told}"
