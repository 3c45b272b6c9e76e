"""Verdicts of critics and gate critics: what is wrong with one, and what they mean together."""

from collections import Counter
from collections.abc import Iterable, Sequence

from ..state.enums import FindingSeverity, GateOutcome, TaskStatus
from ..state.judgements import Finding, GateVerdict, PerTaskGateVerdict
from ..state.records import Task
from .plan import id_order


def critique_problems(
    task_id_claimed: str, task: Task, status: GateOutcome, findings: Sequence[Finding]
) -> tuple[str, ...]:
    """Why a critic's verdict on ``task`` cannot be taken, as sentences it can act on."""
    problems = []
    if task_id_claimed != task.id:
        problems.append(f'The verdict is for task "{task_id_claimed}", but you review "{task.id}".')
    problems += _finding_problems(findings)
    problems += _identity_problems(task, findings)
    problems += _consistency_problems(f'The verdict on task "{task.id}"', status, findings)
    return tuple(problems)


def gate_problems(
    level: int,
    tasks: Sequence[Task],
    claimed_level: int,
    status: GateOutcome,
    per_task: Sequence[tuple[str, PerTaskGateVerdict]],
) -> tuple[str, ...]:
    """Why a gate critic's verdict on a level of ``tasks`` cannot be taken.

    The tasks' last critique verdicts count: what a critic found blocking cannot pass here.
    """
    problems = []
    if claimed_level != level:
        problems.append(f"The verdict is for level {claimed_level}, but you judge level {level}.")
    problems += _coverage_problems(tasks, [task_id for task_id, _ in per_task])
    problems += _finding_problems([finding for _, part in per_task for finding in part.findings])
    by_id = {task.id: task for task in tasks}
    blocked = []
    for task_id, part in per_task:
        known = by_id.get(task_id)
        findings = (*part.findings, *(_critic_findings(known) if known else ()))
        if known is not None:
            problems += _identity_problems(known, part.findings)
        problems += _consistency_problems(f'The verdict on task "{task_id}"', part.status, findings)
        if part.status is not GateOutcome.PASS or any(map(_blocks, findings)):
            blocked.append(task_id)
    if status is GateOutcome.PASS and blocked:
        problems.append(
            f"The level cannot pass while these tasks do not: {_listed(blocked)}. "
            "Say amend, or fail if it cannot be repaired."
        )
    if status is not GateOutcome.PASS and not blocked:
        problems.append(
            f"The level is to {status}, but every task passes. Name the task that must change, "
            "with a blocking finding, or let the level pass."
        )
    return tuple(problems)


def level_outcome(
    tasks: Sequence[Task], gate: GateVerdict
) -> tuple[GateOutcome, tuple[tuple[str, Finding], ...]]:
    """What becomes of a level, and each blocking finding of either critic with its task.

    A finding that both critics name has one id and is there once.
    """
    found: dict[tuple[str, str], Finding] = {}
    for task in tasks:
        for finding in _critic_findings(task):
            found[task.id, finding.id] = finding
    for task_id, part in gate.per_task.items():
        for finding in part.findings:
            if _blocks(finding):
                found[task_id, finding.id] = finding
    ordered = sorted(found, key=lambda key: (id_order(key[0]), key[1]))
    blocking = tuple((task_id, found[task_id, name]) for task_id, name in ordered)
    statuses = {gate.status, *(part.status for part in gate.per_task.values())}
    if blocking and gate.status is not GateOutcome.FAIL:
        return GateOutcome.AMEND, blocking
    if not blocking and statuses == {GateOutcome.PASS}:
        return GateOutcome.PASS, ()
    # A complaint that names nothing to repair cannot be amended and must not pass either.
    return GateOutcome.FAIL, blocking


def synthetic_gate(level: int, tasks: Iterable[Task], round_number: int = 1) -> GateVerdict:
    """The verdict on a level that has nothing for critics to review: every task passes."""
    return GateVerdict(
        level=level,
        round=round_number,
        status=GateOutcome.PASS,
        per_task={
            task.id: PerTaskGateVerdict(status=GateOutcome.PASS, findings=()) for task in tasks
        },
    )


def _coverage_problems(tasks: Sequence[Task], named: Sequence[str]) -> Iterable[str]:
    expected = [task.id for task in tasks]
    missing = [task_id for task_id in expected if task_id not in named]
    unknown = sorted(set(named) - set(expected))
    repeated = sorted(task_id for task_id, count in Counter(named).items() if count > 1)
    if missing:
        yield f"The verdict must name every task of the level; missing: {_listed(missing)}."
    if unknown:
        yield (
            f"The verdict names tasks that are not under judgement: {_listed(unknown)}. "
            f"The tasks are {_listed(expected)}."
        )
    if repeated:
        yield f"The verdict names a task more than once: {_listed(repeated)}."


def _finding_problems(findings: Sequence[Finding]) -> Iterable[str]:
    for finding_id, count in Counter(finding.id for finding in findings).items():
        if not finding_id.strip():
            yield "Every finding needs an id."
        elif count > 1:
            yield f'{count} findings have the id "{finding_id}"; each needs one of its own.'
    for finding in findings:
        if not finding.description.strip():
            yield f'Finding "{finding.id}" needs a description.'
        if finding.line_range is not None:
            first, last = finding.line_range
            if not 1 <= first <= last:
                yield (
                    f'Finding "{finding.id}" has the line range {first} to {last}; '
                    "lines count from 1, the first comes first."
                )


def _identity_problems(task: Task, findings: Sequence[Finding]) -> Iterable[str]:
    # An id names one thing through all rounds: it may be settled or stay, but not move elsewhere.
    earlier = {
        finding.id: finding.file_path
        for verdict in task.critique_verdicts
        for finding in verdict.findings
    }
    for finding in findings:
        path = earlier.get(finding.id, finding.file_path)
        if path != finding.file_path:
            yield (
                f'Finding "{finding.id}" was about {path or "no file"} before and is now about '
                f"{finding.file_path or 'no file'}; give a new finding a new id."
            )


def _consistency_problems(
    subject: str, status: GateOutcome, findings: Sequence[Finding]
) -> Iterable[str]:
    blocking = [finding.id for finding in findings if _blocks(finding)]
    if status is GateOutcome.PASS and blocking:
        yield (
            f"{subject} is pass, but these findings are blocking: {_listed(blocking)}. "
            "Say amend, or fail if it cannot be repaired."
        )
    if status is not GateOutcome.PASS and not blocking:
        yield f"{subject} is {status}, but no finding is blocking; say what must change, or pass."


def _critic_findings(task: Task) -> tuple[Finding, ...]:
    """What the task's critic found blocking the last time; nothing for a failed task."""
    if not task.critique_verdicts or task.status is TaskStatus.FAILED:
        return ()
    return tuple(filter(_blocks, task.critique_verdicts[-1].findings))


def _blocks(finding: Finding) -> bool:
    return finding.severity is FindingSeverity.BLOCKING


def _listed(words: Iterable[str]) -> str:
    return ", ".join(f'"{word}"' for word in words)
