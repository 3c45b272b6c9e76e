"""Fan-in: the accepted trees of a level become one commit per task, in topological order."""

import asyncio

from attrs import evolve

from ..policy.attribution import attribute_files
from ..policy.messages import commit_message
from ..policy.plan import task_order
from ..state.enums import FailureKind, Isolation, Verb
from ..state.hubs import Restart
from ..state.records import Run, Task
from .fold import apply_task, task_of
from .implementing import fail_task
from .joining import Joined, Side, join
from .lifecycle import TaskEvent
from .ports import Ports
from .questions import left_to_operator
from .retrying import started_again
from .step import RunStopped
from .workplaces import level_branch, level_worktree, prepare, rescue_ref, some


async def fan_in(ports: Ports, level: int, task_ids: tuple[str, ...]) -> None:
    """Commit the tasks onto the level's tip, record the next boundary, check the result out.

    Done again after a kill, also with no tasks left to commit, it ends the same: every part of a
    commit is in the document.
    A conflict is resolved by the later task's fix agent; a task whose conflict is not resolved is
    set aside when the operator says so.  In a serialised file there is nothing to resolve: the
    later task is made again, on what the earlier ones did.
    """
    run = ports.store.run
    if run.isolation is Isolation.LEVEL:
        await _require_everything_claimed(ports, level, task_ids)
    for task_id in task_ids:
        run = ports.store.run
        task = task_of(run, task_id)
        joined = await _joined(ports, task, level_tip(run, level))
        if joined.again:
            await _start_again(ports, task, joined.again)
            continue
        if joined.tree is None:
            await fail_task(
                ports,
                task_id,
                FailureKind.CONFLICT,
                "Its work conflicts with its siblings', and the operator set it aside.",
            )
            continue
        commit = await _commit(ports, task, level_tip(run, level), joined.tree)
        _record_commit(ports, task_id, commit, joined.superseded)
        ports.journal.event("task.committed", task=task_id, commit=commit)
        ports.journal.line("run", f"{task_id} is committed as {(commit or 'nothing')[:12]}")
    await check_out_level(ports, level)
    run = ports.store.run
    tip = level_tip(run, level)
    if run.level_boundaries.get(str(level + 1)) != tip:
        ports.store.update(
            lambda run: evolve(run, level_boundaries={**run.level_boundaries, str(level + 1): tip})
        )


def level_tip(run: Run, level: int) -> str:
    """The last commit of a level so far: the next boundary, its last task's commit, or its own."""
    recorded = run.level_boundaries.get(str(level + 1))
    if recorded is not None:
        return recorded
    committed = [
        task.commit_sha
        for task in sorted(run.tasks, key=task_order)
        if task.level == level and task.commit_sha is not None
    ]
    return committed[-1] if committed else run.level_boundaries[str(level)]


async def check_out_level(ports: Ports, level: int, *, always: bool = False) -> None:
    """Bring the level's branch and worktree to the level's tip.

    A worktree that is the operator's for now stays as it is, unless ``always``.
    """
    run = ports.store.run
    branch = level_branch(run.integration_branch, level)
    tip = level_tip(run, level)
    name = level_worktree(level)
    is_his = not always and left_to_operator(run, level, tip)
    if is_his and ports.repository.existing_worktree(name) is not None:
        return
    await asyncio.to_thread(_move, ports, branch, tip)
    await prepare(ports, name, tip, branch)


def provenance_note(task: Task) -> str:
    """Who made a commit and at what cost: in a note, so that it cannot change the commit's id."""
    done = [attempt for attempt in task.attempts if attempt.outcome is not None]
    lines = [
        f"{attempt.role} {attempt.id}: {attempt.model} ({attempt.executor}), {attempt.outcome}, "
        f"{attempt.usage.turns} turns, {attempt.usage.input_tokens} + "
        f"{attempt.usage.output_tokens} tokens, "
        + (
            "cost unknown"
            if attempt.usage.cost_usd is None
            else f"{attempt.usage.cost_usd:.4f} USD"
        )
        for attempt in done
    ]
    lines += [
        f"critique, round {verdict.round}: {verdict.status}, {len(verdict.findings)} findings"
        for verdict in task.critique_verdicts
    ]
    return "\n".join(lines) + "\n"


async def _joined(ports: Ports, task: Task, tip: str) -> Joined:
    """The tree of a task's commit."""
    run, evidence = ports.store.run, task.evidence
    assert evidence is not None  # only submitted tasks come here
    assert task.commit_time is not None
    base = run.level_boundaries[str(task.level)]
    if run.isolation is Isolation.LEVEL:
        paths = attribute_files(_accepted(run, task.level))[task.id]
        return Joined(
            tree=await asyncio.to_thread(ports.repository.pick, tip, evidence.tree, paths)
        )
    side = Side(task=task, tip=tip, base=base, tree=evidence.tree, time=task.commit_time)
    ref = rescue_ref(run, task.id)
    allowed = {Verb.FAIL_TASK: f"The task is set aside; its work is kept under {ref}."}
    return await join(ports, side, allowed, may_start_again=True)


async def _start_again(ports: Ports, task: Task, paths: tuple[str, ...]) -> None:
    """Have a task made again on its siblings' work, in a later level; what it did is kept."""
    run, repository, evidence = ports.store.run, ports.repository, task.evidence
    assert evidence is not None  # only submitted tasks come here
    assert task.commit_time is not None
    restart = Restart(
        level=task.level,
        base=run.level_boundaries[str(task.level)],
        tree=evidence.tree,
        paths=paths,
        ref=rescue_ref(run, task.id),
    )
    kept = await asyncio.to_thread(
        repository.keep, restart.ref, restart.tree, restart.base, run.identity, task.commit_time
    )
    await asyncio.to_thread(repository.publish_ref, restart.ref, kept)
    run = ports.store.update(lambda run: started_again(run, task.id, restart))
    ports.journal.event("task.restarted", task=task.id, paths=paths, ref=restart.ref)
    level = task_of(run, task.id).level
    ports.journal.line(
        "run", f"{task.id} meets its siblings' work in {some(paths)}: again at level {level}"
    )


async def _commit(ports: Ports, task: Task, tip: str, tree: str) -> str | None:
    repository, run = ports.repository, ports.store.run
    if tree == await asyncio.to_thread(repository.tree_of, tip):
        return None
    time = task.commit_time
    assert time is not None  # only submitted tasks come here
    message = commit_message(task.objective, run=run.name, task=task.id)
    return await asyncio.to_thread(repository.commit, tree, tip, message, run.identity, time)


def _record_commit(
    ports: Ports, task_id: str, commit: str | None, superseded: tuple[str, ...]
) -> None:
    def change(run: Run) -> Run:
        run = apply_task(
            run,
            task_id,
            TaskEvent.COMMITTED,
            lambda task: evolve(task, commit_sha=commit, superseded_paths=superseded),
        )
        after = str(task_of(run, task_id).level + 1)
        if commit is None or after not in run.level_boundaries:
            return run
        # The level was finished before: what comes on top of it moves the boundary with it.
        return evolve(run, level_boundaries={**run.level_boundaries, after: commit})

    ports.store.update(change)


async def _require_everything_claimed(ports: Ports, level: int, task_ids: tuple[str, ...]) -> None:
    run = ports.store.run
    worktree = await asyncio.to_thread(ports.repository.existing_worktree, level_worktree(level))
    if worktree is None or any(task.commit_sha for task in run.tasks if task.level == level):
        return  # rebuilt from commits already: nothing unclaimed can be in it
    base = run.level_boundaries[str(level)]
    snapshot = await asyncio.to_thread(ports.repository.snapshot, worktree, base)
    claimed = {
        path
        for task in run.tasks
        if task.level == level and task.evidence is not None
        for each in task.evidence.changes
        for path in (each.path, each.old_path)
    }
    unclaimed = sorted(each.path for each in snapshot.changes if each.path not in claimed)
    if unclaimed:
        raise RunStopped(
            FailureKind.AGENT_FAILED,
            f"Level {level} changed files that no task claims: {some(unclaimed)}. The tasks were "
            f"{', '.join(task_ids)}; the worktree {worktree} is left as it is.",
        )


def _accepted(run: Run, level: int) -> list[Task]:
    return [
        task for task in run.tasks if task.level == level and task.evidence and not task.failure
    ]


def _move(ports: Ports, branch: str, tip: str) -> None:
    old = ports.repository.tip(branch)
    if old != tip:
        ports.repository.move(branch, tip, old)
