"""Repairs after a verification: one task after the other in the tree that is verified."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from attrs import evolve

from ..policy.culprits import accepted, blamed, with_explanations
from ..state.enums import (
    FindingSeverity,
    FixingSource,
    FixSource,
    TaskStatus,
    Verb,
)
from ..state.judgements import Explanation, Finding, VerificationRound
from ..state.records import Run
from ..state.work import BuildFailure, CommandResult, Evidence
from .attributing import change_round
from .builds import read_output, run_gate_for, worse_than_baseline
from .chain import fix_message, integrate, patches_of, top_level
from .conflicts import siblings
from .fan_in import level_tip
from .fixes import Order, repaired
from .fold import apply_task, task_of
from .lifecycle import TaskEvent
from .ports import Ports
from .rebuild import Rebuilt, Repair
from .workplaces import ATTRIBUTION, fix_worktree, prepare

MAX_TRIES: Final = 2  # fix agents for one task in one round, before the operator is asked
MAX_SHOWN_OUTPUT: Final = 20_000  # characters of each failing command's output, from its end

_STANDS: Final[Mapping[Verb, str]] = {
    Verb.ACCEPT_WITH_NOTE: "The task's work stays as it is; its failures are let stand and are "
    "listed in the report."
}


async def repair(ports: Ports, record: VerificationRound) -> None:
    """Have every task that is to blame repaired, and the commits made again with the repairs.

    Each fix agent starts from the result of the one before it.  A repair counts from its
    acceptance on; all are integrated in one save, which says which levels are to be reviewed.
    """
    run = ports.store.run
    tip = level_tip(run, top_level(run))
    repairs: list[Repair] = []
    stand: list[Explanation] = []
    numbers: dict[str, tuple[int, ...]] = {}
    for task_id, failures in blamed(record).items():
        is_open = task_of(ports.store.run, task_id).status is TaskStatus.COMPLETED
        if is_open and repairs and await _is_gone(ports, record, task_id, failures, tip):
            continue
        number = await _repair(ports, record, task_id, failures, tip)
        if number is None:
            reason = f"The operator let it stand when the repair of {task_id} came to nothing."
            stand += accepted((each.id for each in failures), reason)
        numbers[task_id] = () if number is None else (number,)
        made = None if number is None else await _commit(ports, task_id, number, tip)
        if made is not None:
            repairs.append(made)
            tip = made.commit
    level = min(task_of(run, task_id).level for task_id in numbers)
    changed = {task_of(run, each.task_id).level for each in repairs}

    def change(run: Run, rebuilt: Rebuilt) -> Run:
        due = {str(each): 1 + _last_review(run, each) for each in sorted(changed)}
        return change_round(
            run,
            lambda last: with_explanations(
                evolve(last, rebuild_from_level=level, reviews=due), stand
            ),
        )

    await integrate(ports, level, repairs, numbers, change)


async def _repair(
    ports: Ports,
    record: VerificationRound,
    task_id: str,
    failures: tuple[BuildFailure, ...],
    base: str,
) -> int | None:
    """Which of the task's fixes repairs it; null when the operator lets the failures stand."""
    run = ports.store.run
    if task_of(run, task_id).status is TaskStatus.COMPLETED:
        run = ports.store.update(lambda run: _in_repair(run, task_id))
    task = task_of(run, task_id)
    commands = tuple(dict.fromkeys(each.command for each in failures))
    order = Order(
        task_id=task_id,
        source=FixSource.VERIFICATION,
        round=record.round,
        base=base,
        findings=tuple(_finding(task_id, n, each) for n, each in enumerate(failures, 1)),
        evidence=await asyncio.to_thread(_outputs, ports, record.commands, commands),
        diff=await patches_of(ports, task),
        others=siblings(run, task),
        also=partial(_still_failing, ports, task_id, failures),
    )
    fix = await repaired(ports, order, MAX_TRIES, _STANDS)
    if isinstance(fix, Verb):
        return None
    return task_of(ports.store.run, task_id).fixes.index(fix)


async def _is_gone(
    ports: Ports,
    record: VerificationRound,
    task_id: str,
    failures: tuple[BuildFailure, ...],
    tip: str,
) -> bool:
    """Whether the repairs made so far mended a task's failures, too: then nobody is paid for it."""
    commands = tuple(dict.fromkeys(each.command for each in failures))
    worktree = await prepare(ports, ATTRIBUTION, tip)
    folder = f"{ATTRIBUTION}-{record.round}/before-{task_id}"
    results = await run_gate_for(ports, commands, worktree, folder)
    await asyncio.to_thread(ports.repository.remove_worktree, ATTRIBUTION)
    left = {each.id for each in await worse_than_baseline(ports, results)}
    return left.isdisjoint(each.id for each in failures)


async def _commit(ports: Ports, task_id: str, number: int, parent: str) -> Repair | None:
    run, repository = ports.store.run, ports.repository
    fix = task_of(run, task_id).fixes[number]
    if fix.evidence.tree == await asyncio.to_thread(repository.tree_of, parent):
        return None
    message = fix_message(run, task_id, fix)
    commit = await asyncio.to_thread(
        repository.commit, fix.evidence.tree, parent, message, run.identity, fix.commit_time
    )
    return Repair(
        task_id=task_id,
        level=top_level(run),
        fix=number,
        commit=commit,
        message=message,
        time=fix.commit_time,
    )


def _in_repair(run: Run, task_id: str) -> Run:
    return apply_task(
        run,
        task_id,
        TaskEvent.FIX_STARTED,
        lambda task: evolve(
            task,
            fixing_source=FixingSource.VERIFICATION,
            verification_fix_rounds_total=task.verification_fix_rounds_total + 1,
        ),
    )


def _finding(task_id: str, number: int, failure: BuildFailure) -> Finding:
    return Finding(
        id=f"{task_id}-verif-{number}-{failure.id}",
        severity=FindingSeverity.BLOCKING,
        description=failure.message,
        file_path=failure.file,
        line_range=None if failure.line is None else (failure.line, failure.line),
    )


def _outputs(ports: Ports, results: Sequence[CommandResult], commands: Sequence[str]) -> str:
    """The ends of what the failing commands printed in the verification."""
    return "\n\n".join(
        f"$ {result.command}\n{read_output(ports.folder, result)[-MAX_SHOWN_OUTPUT:]}"
        for result in results
        if result.command in commands
    )


async def _still_failing(
    ports: Ports, task_id: str, failures: tuple[BuildFailure, ...], evidence: Evidence
) -> tuple[str, ...]:
    """What the failing commands say of a repair; one that the submission ran is not run again."""
    run = ports.store.run
    commands = tuple(dict.fromkeys(each.command for each in failures))
    gate, ran = run.build_gate, tuple(each.command for each in evidence.commands)
    if ran[: len(gate)] == gate:
        results = tuple(each for each in evidence.commands[: len(gate)] if each.command in commands)
    else:
        worktree = ports.repository.existing_worktree(fix_worktree(task_id))
        assert worktree is not None  # the agent works in it
        folder = f"repair-{task_id}-{len(task_of(run, task_id).attempts)}"
        results = await run_gate_for(ports, commands, worktree, folder)
        await asyncio.to_thread(ports.repository.restore, worktree, evidence.tree)
    worse = await worse_than_baseline(ports, results)
    wanted = {each.id for each in failures}
    left = dict.fromkeys(each.message for each in worse if each.id in wanted)
    if not left:
        return ()
    shown = await asyncio.to_thread(_outputs, ports, results, commands)
    return (*(f"This failure is still there: {each}" for each in left), shown)


def _last_review(run: Run, level: int) -> int:
    return max((each.round for each in run.gate_verdicts if each.level == level), default=0)
