"""The receipt of a level: every accepted hunk is in its commits, or the record says why not."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from attrs import evolve

from ..policy.attribution import attribute_files
from ..policy.hub_files import ruled
from ..policy.patches import Hunk, parse_patch
from ..policy.receipts import (
    Cause,
    Commit,
    Line,
    Outcome,
    Patch,
    Share,
    counted,
    outcome,
    receipt_lines,
)
from ..policy.schedule import level_tasks
from ..state.codec import unstructure
from ..state.durable import make_folder, write_text_atomic
from ..state.enums import FailureKind, FixSource, HubStrategy, HunkFate, Isolation, Verb
from ..state.hubs import Receipt
from ..state.records import Run, Task
from ..state.work import Fix
from ..state.yaml_text import dumps
from .ports import Ports
from .step import RunStopped
from .workplaces import some

FOLDER: Final = "receipts"
MAX_SHOWN_LINE: Final = 200  # characters of a hunk's first changed line


async def receipt_of(ports: Ports, level: int) -> Receipt:
    """Account for every accepted hunk of a level whose boundary is recorded.

    The list of all hunks is written to ``receipts/level-<N>.yaml`` of the run's folder.  Raises
    RunStopped when a hunk is nowhere and nothing on record replaced it.
    """
    run = ports.store.run
    lines = await asyncio.to_thread(lambda: receipt_lines(_shares(ports, run, level)))
    receipt = Receipt(level=level, tip=run.level_boundaries[str(level + 1)], work=counted(lines))
    await asyncio.to_thread(_write, ports, receipt, lines)
    lost = [line for line in lines if line.fate is None]
    if lost:
        raise RunStopped(
            FailureKind.INTERNAL,
            f"Accepted changes of level {level} are not in its commits, and nothing says why: "
            f"{some(f'{each.task_id} in {each.hunk.path}: {_shown(each.hunk)}' for each in lost)}. "
            "Please report this with the run's folder.",
            lost[0].task_id,
        )
    return receipt


async def account(ports: Ports) -> None:
    """Bring the receipts of all levels up to date, after repairs that came later."""
    run = ports.store.run
    levels = sorted({task.level for task in run.tasks})
    receipts = tuple(
        [await receipt_of(ports, each) for each in levels if str(each + 1) in run.level_boundaries]
    )
    if receipts != run.receipts:
        ports.store.update(lambda run: evolve(run, receipts=receipts))


def with_receipt(run: Run, receipt: Receipt) -> Run:
    """The run with a level's receipt instead of an older one."""
    others = [each for each in run.receipts if each.level != receipt.level]
    receipts = sorted((*others, receipt), key=lambda each: each.level)
    return evolve(run, receipts=tuple(receipts))


def _shares(ports: Ports, run: Run, level: int) -> Iterator[Share]:
    """All work that was accepted for a level, task by task."""
    start, tasks = run.level_boundaries[str(level)], level_tasks(run, level)
    accepted = {
        task.id: _patch(ports, task.evidence.base or start, task.evidence.tree)
        for task in tasks
        if task.evidence
    }
    repairs = {
        task.id: tuple(_repairs(ports, task)) if _may_change(task, level) else ()
        for task in run.tasks
    }
    rules = {task.id: (*_regenerated(task), *_claimed_later(run, tasks, task)) for task in tasks}
    united = _united(run, tasks)
    commits = _commits(ports, run, level, accepted, repairs, frozenset(united))
    repaired = tuple(cause for task in run.tasks for _, cause in repairs[task.id])
    beside = tuple(cause for task in tasks for cause in _regenerated(task))
    beside += tuple(_by_hand(ports, run))
    for place, task in enumerate(tasks):
        if task.id not in accepted:
            continue
        work = accepted[task.id]
        if task.failure is not None:
            if task.failure.kind is FailureKind.CONFLICT:
                yield Share(
                    task_id=task.id, accepted=work, outcomes=(), causes=(_aside(run, task),)
                )
            continue
        yield Share(
            task_id=task.id,
            accepted=work,
            outcomes=(outcome(place, work, commits),),
            causes=(*repaired, *rules[task.id], *beside),
            united=united,
        )
        for fix, own in repairs[task.id]:
            others = tuple(
                cause
                for each in run.tasks
                for other, cause in repairs[each.id]
                if cause is not own and not _is_earlier(each, other, task, fix)
            )
            yield Share(
                task_id=task.id,
                work=_work(fix),
                accepted=own.patch,
                outcomes=tuple(
                    Outcome(present=_patch(ports, fix.base, tip)) for tip in _tips(run, level)
                ),
                causes=(*others, *rules[task.id], *beside, *_left_out(run, task)),
                united=united,
            )
    yield from _made_again(ports, run, level)


def _patch(ports: Ports, old: str, new: str) -> Patch:
    return parse_patch(ports.repository.diff(old, new))


def _commits(
    ports: Ports,
    run: Run,
    level: int,
    accepted: Mapping[str, Patch],
    repairs: Mapping[str, Sequence[tuple[Fix, Cause]]],
    united: frozenset[str],
) -> tuple[Commit, ...]:
    """The commits of a level, and those of repairs that were appended for it, or later."""
    start, end = run.level_boundaries[str(level)], run.level_boundaries[str(level + 1)]
    tasks = level_tasks(run, level)
    own = {task.commit_sha: place for place, task in enumerate(tasks) if task.commit_sha}
    within = ports.repository.commits_between(start, end)
    appended = {
        fix.commit_sha
        for task in run.tasks
        for fix in task.fixes
        if task.level == level or fix.source is FixSource.VERIFICATION or fix.commit_sha in within
    }
    appended |= {edit.commit_sha for edit in run.operator_edits}
    found, parent = list[Commit](), start
    for commit in (*within, *ports.repository.commits_between(end, _tips(run, level)[-1])):
        if commit in own:
            task = tasks[own[commit]]
            changed = {hunk.path for _, cause in repairs[task.id] for hunk in cause.patch}
            changed |= {path for each in task.regenerations for path in each.paths}
            found.append(
                Commit(
                    place=own[commit],
                    patch=_patch(ports, parent, commit),
                    accepted=accepted.get(task.id, ()),
                    changed=united.union(changed),
                )
            )
        elif commit in appended:
            found.append(Commit(place=None, patch=_patch(ports, parent, commit)))
        parent = commit
    return tuple(found)


def _tips(run: Run, level: int) -> tuple[str, ...]:
    """Where a repair for a level may be: the level's own tip, and the newest."""
    newest = run.level_boundaries[str(max(map(int, run.level_boundaries)))]
    return tuple(dict.fromkeys((run.level_boundaries[str(level + 1)], newest)))


def _may_change(task: Task, level: int) -> bool:
    """Whether a task's repairs may stand in a level: one that was appended stands in the newest."""
    return task.level == level or any(
        fix.commit_sha or fix.source is FixSource.VERIFICATION for fix in task.fixes
    )


def _repairs(ports: Ports, task: Task) -> Iterator[tuple[Fix, Cause]]:
    for fix in task.fixes:
        patch = _patch(ports, fix.base, fix.evidence.tree)
        touched: frozenset[str] = frozenset()
        if fix.source is FixSource.CONFLICT:
            # What it chose from one side needs no change to drop the other's.
            touched = frozenset(hunk.path for hunk in patch)
        by = f"{task.id} ({_work(fix)})"
        yield fix, Cause(by=by, why=fix.output.summary, patch=patch, paths=touched)


def _is_earlier(owner: Task, other: Fix, task: Task, fix: Fix) -> bool:
    """What was repaired before cannot have replaced a repair; levels count reviews apart."""
    if other.source is not fix.source or other.round >= fix.round:
        return False
    return fix.source is FixSource.VERIFICATION or owner.level == task.level


def _work(fix: Fix) -> str:
    return f"{fix.source}, round {fix.round}"


def _united(run: Run, tasks: Iterable[Task]) -> tuple[str, ...]:
    changed = {change.path for task in tasks if task.evidence for change in task.evidence.changes}
    return ruled(changed, HubStrategy.UNION, run.hub_files)


def _regenerated(task: Task) -> Iterator[Cause]:
    for each in task.regenerations:
        commands = ", ".join(f"`{result.command}`" for result in each.commands)
        yield Cause(
            by=commands if each.tree else f"{task.id} ({FixSource.CONFLICT})",
            why="several tasks changed the file, and it is made anew from their joined work"
            if each.tree
            else f"several tasks changed the file, and {commands} failed",
            paths=frozenset(each.paths),
        )


def _by_hand(ports: Ports, run: Run) -> Iterator[Cause]:
    for edit in run.operator_edits:
        why = edit.note or f"changed by hand with the answer to {edit.escalation_id}"
        patch = _patch(ports, edit.base, edit.tree)
        yield Cause(by=f"the operator {edit.by}", why=why, patch=patch)


def _claimed_later(run: Run, tasks: Sequence[Task], task: Task) -> Iterator[Cause]:
    """Under ``isolation: level`` a file is as its last claimer left it."""
    if run.isolation is not Isolation.LEVEL or task.failure is not None:
        return
    owners = attribute_files([each for each in tasks if each.evidence and not each.failure])
    later = tasks[tasks.index(task) + 1 :]
    for each in later:
        if owned := owners.get(each.id):
            why = "under isolation: level a file goes to the last task that claims it"
            yield Cause(by=each.id, why=why, paths=frozenset(owned))


def _aside(run: Run, task: Task) -> Cause:
    """A task whose conflict the operator did not have resolved."""
    return _escalated(run, task, Verb.FAIL_TASK, f"Set aside, and kept under {task.rescue_ref}.")


def _left_out(run: Run, task: Task) -> Iterator[Cause]:
    """A repair whose conflict the operator left unresolved."""
    if _question(run, task, Verb.ACCEPT_WITH_NOTE) is not None:
        yield _escalated(run, task, Verb.ACCEPT_WITH_NOTE, "The operator left the repair out.")


def _escalated(run: Run, task: Task, verb: Verb, why: str) -> Cause:
    question = _question(run, task, verb)
    return Cause(by=question or "the operator", why=why, fate=HunkFate.ESCALATED, paths=None)


def _question(run: Run, task: Task, verb: Verb) -> str | None:
    """The last question about a conflict of the task that was answered so."""
    prefix = f"{task.id}-{FixSource.CONFLICT}-"
    found = [
        each.id
        for each in run.escalations
        if each.id.startswith(prefix) and each.answer is not None and each.answer.verb == verb
    ]
    return found[-1] if found else None


def _made_again(ports: Ports, run: Run, level: int) -> Iterator[Share]:
    for task in run.tasks:
        for each in task.restarts:
            if each.level == level:
                why = f"made again on its siblings' work in {some(each.paths)}; kept: {each.ref}"
                yield Share(
                    task_id=task.id,
                    accepted=_patch(ports, each.base, each.tree),
                    outcomes=(),
                    causes=(Cause(by=task.id, why=why, paths=None),),
                )


def _write(ports: Ports, receipt: Receipt, lines: Sequence[Line]) -> None:
    """For people: the document has the same, counted by file."""
    hunks = [
        {
            "task": line.task_id,
            **({"work": line.work} if line.work else {}),
            "path": line.hunk.path,
            "change": _shown(line.hunk),
            "fate": line.fate.value if line.fate else "unaccounted",
            **({"by": line.by, "why": line.why} if line.by else {}),
        }
        for line in lines
    ]
    folder = ports.folder / FOLDER
    make_folder(folder)
    text = dumps(unstructure({"level": receipt.level, "tip": receipt.tip, "hunks": hunks}))
    write_text_atomic(folder / f"level-{receipt.level}.yaml", ports.redactor.text(text))


def _shown(hunk: Hunk) -> str:
    if hunk.fact:
        return hunk.fact
    first = f"+{hunk.added[0]}" if hunk.added else f"-{hunk.removed[0]}"
    return f"-{len(hunk.removed)} +{len(hunk.added)}: {first[:MAX_SHOWN_LINE]}"
