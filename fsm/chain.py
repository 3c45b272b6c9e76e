"""The commits of a run from a level to its newest tip, and how repairs are put into them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial, reduce

from attrs import evolve

from ..policy.messages import commit_message, operator_message
from ..policy.plan import task_order
from ..state.enums import FailureKind, FixSource
from ..state.judgements import OperatorEdit
from ..state.records import Identity, Run, Task
from ..state.work import Evidence, FileChange, Fix
from .fan_in import check_out_level, level_tip, provenance_note
from .fixes import remove_fix_worktree
from .fold import apply_task, change_task, task_of
from .kept_siblings import superseded
from .lifecycle import TaskEvent
from .ports import Ports
from .rebuild import Link, Rebuilt, Repair, rebuild
from .step import RunStopped
from .task_files import write_task_files


def top_level(run: Run) -> int:
    """The highest level whose tasks are integrated: the tree of its tip is the whole result."""
    return max(map(int, run.level_boundaries)) - 1


def work_of(task: Task) -> tuple[str, ...]:
    """The commits of a task: its own, and those of repairs that were appended."""
    commits = (task.commit_sha, *(fix.commit_sha for fix in task.fixes))
    return tuple(commit for commit in commits if commit is not None)


async def patches_of(ports: Ports, task: Task) -> str:
    """What a task changed, as the patches of its commits."""
    patches = [await asyncio.to_thread(ports.repository.patch, each) for each in work_of(task)]
    return "\n".join(patches)


async def chain_from(ports: Ports, level: int) -> tuple[Link, ...]:
    """Every commit from a level's boundary to the newest tip, in git's order, with its owner.

    A task whose share was empty has its place in the order of integration.  Raises RunStopped
    when a commit is nobody's.
    """
    run = ports.store.run
    tip = level_tip(run, top_level(run))
    commits = await asyncio.to_thread(
        ports.repository.commits_between, run.level_boundaries[str(level)], tip
    )
    return links_of(run, level, commits)


def links_of(run: Run, level: int, commits: Sequence[str]) -> tuple[Link, ...]:
    """The links of ``commits``, oldest first, that start after the boundary of ``level``."""
    owned = _owned(run)
    links: list[Link] = []
    at, parent = level, run.level_boundaries[str(level)]
    for commit in commits:
        while run.level_boundaries.get(str(at + 1)) == parent and at < top_level(run):
            at += 1
        if commit not in owned:
            raise RunStopped(
                FailureKind.REPOSITORY_CHANGED,
                f"Commit {commit} of level {at} is in no record of the run.",
            )
        links.append(evolve(owned[commit], level=at))
        parent = commit
    for task in sorted(run.tasks, key=task_order):
        if task.level >= level and _is_empty(task):
            links.insert(_place(run, links, task), _own_link(run, task))
    return tuple(links)


async def integrate(
    ports: Ports,
    level: int,
    repairs: Sequence[Repair],
    repaired: Mapping[str, Sequence[int]],
    change: Callable[[Run, Rebuilt], Run] = lambda run, rebuilt: run,
) -> None:
    """Put repairs into the commits from a level on, in one save, and settle what follows.

    ``repairs`` are commits one after the other on the newest tip.  ``repaired`` names the tasks
    whose repair ends with this, each with the numbers of its fixes; they are committed after it.
    ``change`` is what else the save brings.
    """
    run, repository = ports.store.run, ports.repository
    start = run.level_boundaries[str(level)]
    links = await chain_from(ports, level)
    rebuilt = await asyncio.to_thread(rebuild, repository, run.identity, start, links, repairs)
    changes = await asyncio.to_thread(_changes, ports, start, rebuilt)
    lost = await asyncio.to_thread(
        superseded, repository, start, links, rebuilt.tip, tuple(repaired)
    )

    def integrated(run: Run) -> Run:
        run = _integrated(run, level, repaired, rebuilt, changes)
        tip = run.published_commit
        kept = {link.commit for link in rebuilt.links}
        if tip is not None and tip not in kept and any(link.commit == tip for link in links):
            run = evolve(run, superseded_tips=(*run.superseded_tips, tip))
        return change(reduce(_with_lost, lost.items(), run), rebuilt)

    ports.store.update(integrated)
    ports.journal.event("level.rebuilt", level=level, folded=rebuilt.folded, tip=rebuilt.tip)
    await settle(ports, level)


async def settle(ports: Ports, level: int) -> None:
    """Bring worktrees, files and notes of a level and those above to what the document says.

    Harmless when repeated, and due after a kill.  A note says who made and judged a commit, and
    cannot change its id.
    """
    run = ports.store.run
    for each in range(level, top_level(run) + 1):
        await check_out_level(ports, each)
    for task in run.tasks:
        if task.level < level or not task.fixes:
            continue
        await remove_fix_worktree(ports, task.id)
        await asyncio.to_thread(write_task_files, ports.folder, task)
    await annotate(ports, level)


async def annotate(ports: Ports, level: int) -> None:
    """Say in a note of each commit, of a level and those above, who made and judged it."""
    run = ports.store.run
    for task in run.tasks:
        if task.level >= level and task.commit_time is not None:
            note, time = provenance_note(task), task.commit_time
            for commit in work_of(task):
                await asyncio.to_thread(ports.repository.note, commit, note, run.identity, time)
    for edit in run.operator_edits:
        if edit.level >= level and edit.commit_sha is not None:
            commit, note, time = edit.commit_sha, edit_note(edit), edit.commit_time
            await asyncio.to_thread(ports.repository.note, commit, note, run.identity, time)


def edit_message(run: Run, edit: OperatorEdit) -> str:
    """The message of the commit of an operator's edit."""
    return operator_message(edit.note, run=run.name, by=edit.by)


def edit_note(edit: OperatorEdit) -> str:
    """Whose commit it is and what it answers, for git's notes."""
    return f"operator {edit.by}, with the answer to {edit.escalation_id}\n"


def author_of(edit: OperatorEdit) -> Identity:
    """Who stands on the commit of an operator's edit."""
    return Identity(name=edit.author_name, email=edit.author_email)


def fix_message(run: Run, task_id: str, fix: Fix) -> str:
    """The message of a repair's own commit."""
    after = "verification" if fix.source is FixSource.VERIFICATION else "review"
    text = f"Repair {task_id} after {after} {fix.round}.\n\n{fix.output.summary}"
    return commit_message(text, run=run.name, task=task_id)


def _owned(run: Run) -> Mapping[str, Link]:
    """Each recorded commit with whose it is; its level is not known here."""
    owned = {}
    for number, edit in enumerate(run.operator_edits):
        if edit.commit_sha is not None:
            owned[edit.commit_sha] = Link(
                task_id=None,
                level=edit.level,
                commit=edit.commit_sha,
                message=edit_message(run, edit),
                time=edit.commit_time,
                edit=number,
                author=author_of(edit),
            )
    for task in run.tasks:
        if task.commit_sha is not None:
            owned[task.commit_sha] = _own_link(run, task)
        for number, fix in enumerate(task.fixes):
            if fix.commit_sha is not None:
                owned[fix.commit_sha] = Link(
                    task_id=task.id,
                    level=task.level,
                    commit=fix.commit_sha,
                    message=fix_message(run, task.id, fix),
                    time=fix.commit_time,
                    fix=number,
                )
    return owned


def _own_link(run: Run, task: Task) -> Link:
    assert task.commit_time is not None  # set with the submission
    return Link(
        task_id=task.id,
        level=task.level,
        commit=task.commit_sha,
        message=commit_message(task.objective, run=run.name, task=task.id),
        time=task.commit_time,
    )


def _is_empty(task: Task) -> bool:
    """Whether a task is integrated and had nothing to add."""
    return task.failure is None and task.commit_time is not None and task.commit_sha is None


def _place(run: Run, links: Sequence[Link], task: Task) -> int:
    """Where in the chain a task without a commit belongs: before the first that comes after it."""

    def comes_after(link: Link) -> bool:
        if link.level != task.level:
            return link.level > task.level
        if link.task_id is None or link.fix is not None:
            return True
        return task_order(task_of(run, link.task_id)) > task_order(task)

    return next((place for place, each in enumerate(links) if comes_after(each)), len(links))


def _changes(ports: Ports, start: str, rebuilt: Rebuilt) -> Mapping[str, tuple[FileChange, ...]]:
    """What the commits of each task change, each path once."""
    found: dict[str, dict[str, FileChange]] = {}
    parent = start
    for link in rebuilt.links:
        if link.commit is None:
            continue
        for change in ports.repository.changes(parent, link.commit):
            if link.task_id is not None:
                found.setdefault(link.task_id, {}).setdefault(change.path, change)
        parent = link.commit
    return {
        task_id: tuple(by_path[path] for path in sorted(by_path))
        for task_id, by_path in found.items()
    }


def _integrated(
    run: Run,
    level: int,
    repaired: Mapping[str, Sequence[int]],
    rebuilt: Rebuilt,
    changes: Mapping[str, tuple[FileChange, ...]],
) -> Run:
    boundaries = dict(run.level_boundaries)
    tip = boundaries[str(level)]
    for each in range(level, top_level(run) + 1):
        commits = [link.commit for link in rebuilt.links if link.commit and link.level == each]
        tip = commits[-1] if commits else tip
        boundaries[str(each + 1)] = tip
    run = reduce(_with_link, rebuilt.links, evolve(run, level_boundaries=boundaries))
    for task_id, fixes in repaired.items():
        known = partial(_with_evidence, fixes=fixes, changes=changes)
        run = apply_task(run, task_id, TaskEvent.FIXED, known)
    return run


def _with_lost(run: Run, lost: tuple[str | int, tuple[str, ...]]) -> Run:
    """The receipt of an owner of whose lines another's repair superseded some in these files."""
    owner, paths = lost

    def change(task: Task) -> Task:
        return evolve(task, superseded_paths=tuple(sorted({*task.superseded_paths, *paths})))

    if isinstance(owner, str):
        return change_task(run, owner, change)
    edits = list(run.operator_edits)
    known = edits[owner].superseded_paths
    edits[owner] = evolve(edits[owner], superseded_paths=tuple(sorted({*known, *paths})))
    return evolve(run, operator_edits=tuple(edits))


def _with_link(run: Run, link: Link) -> Run:
    if link.edit is not None:
        edits = list(run.operator_edits)
        edits[link.edit] = evolve(edits[link.edit], commit_sha=link.commit)
        return evolve(run, operator_edits=tuple(edits))

    def change(task: Task) -> Task:
        if link.fix is None:
            return evolve(task, commit_sha=link.commit)
        fixes = list(task.fixes)
        fixes[link.fix] = evolve(fixes[link.fix], commit_sha=link.commit)
        return evolve(task, fixes=tuple(fixes))

    assert link.task_id is not None  # what is no edit is a task's
    return change_task(run, link.task_id, change)


def _with_evidence(
    task: Task, fixes: Sequence[int], changes: Mapping[str, tuple[FileChange, ...]]
) -> Task:
    evidence: Evidence | None = task.evidence
    assert evidence is not None  # committed tasks have it
    evidence = evolve(evidence, changes=changes.get(task.id, ()))
    for number in fixes:
        fixed = task.fixes[number].evidence
        evidence = evolve(
            evidence, commands=fixed.commands, builds=(*evidence.builds, *fixed.builds)
        )
    return evolve(task, fixing_source=None, evidence=evidence)
