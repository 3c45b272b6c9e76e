"""What the page and its JSON tell, computed from the document and the patches of its commits."""

from collections.abc import Iterator, Mapping
from typing import Final

from attrs import frozen

from ...policy.culprits import distinct_failures
from ...policy.executable_config import executable_of
from ...policy.ledger import attempts_of
from ...policy.usage import total
from ...state.codec import unstructure
from ...state.hubs import WorkReceipt
from ...state.judgements import Decision, Explanation
from ...state.records import Run, Task
from ...state.work import (
    Attempt,
    BuildFailure,
    CommandResult,
    Deviation,
    ExecutableChange,
    FileChange,
    TaskOutput,
    Usage,
)
from ..budget_words import budget_data
from ..next_steps import next_steps
from .costs import Cost, costs
from .endings import Ended, endings
from .timeline import Timeline, timeline
from .way import Step, steps

JSON_VERSION: Final = 1  # of what as_data gives; keys are only ever added within one version


@frozen(kw_only=True)
class Piece:
    """A patch that belongs to a task: its commit, a repair's, or what was kept of it."""

    title: str
    ref: str  # a commit, or the full name of a ref
    patch: str = ""


@frozen(kw_only=True)
class Claim:
    """One path: whether the agent named it, and what the tree says."""

    path: str
    claimed: bool
    change: FileChange | None


@frozen(kw_only=True)
class Ruled:
    """A departure from the plan and what was decided; a decision may be about a finding instead."""

    id: str
    deviation: Deviation | None
    decision: Decision | None


@frozen(kw_only=True)
class TaskFacts:
    """Everything about one task."""

    task: Task
    usage: Usage
    seconds: float  # in which an agent was at work on it
    claims: tuple[Claim, ...]
    findings: tuple[Ended, ...]
    ruled: tuple[Ruled, ...]
    receipts: tuple[WorkReceipt, ...]
    executable: tuple[ExecutableChange, ...]
    pieces: tuple[Piece, ...]
    new_failures: int  # of the build gate, that were laid to it


@frozen(kw_only=True)
class Compared:
    """A command of the build gate, before the run and in each round of verification."""

    command: str
    before: CommandResult | None
    rounds: tuple[tuple[int, CommandResult, bool], ...]  # number, result, whether it got worse


@frozen(kw_only=True)
class NewFailure:
    """A failure that the baseline does not have, and why it is there."""

    round: int
    failure: BuildFailure
    explanation: Explanation | None


@frozen(kw_only=True)
class Facts:
    """The whole report; ``attempts`` are those of the run and of all tasks."""

    run: Run
    now: str
    next: tuple[str, ...]
    times: Timeline
    steps: tuple[Step, ...]
    costs: tuple[Cost, ...]
    total: Usage
    attempts: tuple[Attempt, ...]
    tasks: tuple[TaskFacts, ...]
    commands: tuple[Compared, ...]
    new_failures: tuple[NewFailure, ...]
    gate_diff: str


def pieces_of(task: Task) -> Iterator[Piece]:
    """The patches that show a task's work, without their text."""
    if task.commit_sha is not None:
        yield Piece(title="The task's commit", ref=task.commit_sha)
    for fix in task.fixes:
        if fix.commit_sha is not None:
            title = f"Repair after {fix.source}, round {fix.round}"
            yield Piece(title=title, ref=fix.commit_sha)
    if task.rescue_ref is not None:
        yield Piece(title="Kept, and not in the result", ref=task.rescue_ref)
    for entrant in () if task.raced is None else task.raced.entrants:
        if entrant.kept_ref is not None:
            title = f"Entrant {entrant.number} of its race, not in the result"
            yield Piece(title=title, ref=entrant.kept_ref)


def facts_of(run: Run, *, gate_diff: str, patches: Mapping[str, str], now: str) -> Facts:
    """The report's facts; ``patches`` by the refs of ``pieces_of``; raises DocumentError."""
    times = timeline(run, now)
    receipts: dict[str, list[WorkReceipt]] = {}
    for work in (one for each in run.receipts for one in each.work):
        receipts.setdefault(work.task_id, []).append(work)
    attempts = attempts_of(run)
    return Facts(
        run=run,
        now=now,
        next=next_steps(run),
        times=times,
        steps=steps(run),
        costs=costs(attempts),
        total=total(attempts),
        attempts=attempts,
        tasks=tuple(
            _task(run, task, times, tuple(receipts.get(task.id, ())), patches) for task in run.tasks
        ),
        commands=tuple(_compared(run)),
        new_failures=tuple(_new_failures(run)),
        gate_diff=gate_diff,
    )


def as_data(facts: Facts) -> Mapping[str, object]:
    """The same for scripts: what the document has, once, and what was computed from it."""
    run = unstructure(facts.run)
    assert isinstance(run, dict)
    return {
        "version": JSON_VERSION,
        "now": facts.now,
        "next": list(facts.next),
        "timeline": unstructure(facts.times),
        "lifecycle": [unstructure(each) for each in facts.steps if each.numbers],
        "costs": unstructure(facts.costs),
        "usage": unstructure(facts.total),
        "budget": budget_data(facts.run),
        "verification": {
            "commands": unstructure(facts.commands),
            "newFailures": unstructure(facts.new_failures),
            "oldFailures": unstructure(facts.run.baseline_failures),
            "difference": facts.gate_diff,
        },
        "tasks": [
            {
                "id": each.task.id,
                "usage": unstructure(each.usage),
                "seconds": each.seconds,
                "claims": unstructure(each.claims),
                "findings": unstructure(each.findings),
                "receipts": unstructure(each.receipts),
                "patches": unstructure(each.pieces),
            }
            for each in facts.tasks
        ],
        "run": run,
    }


def _task(
    run: Run,
    task: Task,
    times: Timeline,
    receipts: tuple[WorkReceipt, ...],
    patches: Mapping[str, str],
) -> TaskFacts:
    return TaskFacts(
        task=task,
        usage=total(task.attempts),
        seconds=times.busy.get(task.id, 0.0),
        claims=tuple(_claims(task)),
        findings=endings(run, task),
        ruled=tuple(_ruled(task)),
        receipts=receipts,
        executable=tuple(executable_of(task)),
        pieces=tuple(
            Piece(title=each.title, ref=each.ref, patch=patches.get(each.ref, ""))
            for each in pieces_of(task)
        ),
        new_failures=sum(
            task.id in one.task_ids for each in run.verification_rounds for one in each.explanations
        ),
    )


def _claims(task: Task) -> Iterator[Claim]:
    """Every path that was claimed or changed, sorted; a renamed file is claimed by either name."""
    claimed = set(task.output.files_modified) if task.output else set[str]()
    changes = task.evidence.changes if task.evidence else ()
    real = {path for each in changes for path in (each.path, each.old_path) if path}
    found = [
        Claim(
            path=each.path,
            claimed=each.path in claimed and (each.old_path is None or each.old_path in claimed),
            change=each,
        )
        for each in changes
    ]
    found += [Claim(path=path, claimed=True, change=None) for path in claimed - real]
    yield from sorted(found, key=lambda each: each.path)


def _ruled(task: Task) -> Iterator[Ruled]:
    outputs: list[TaskOutput] = [task.output] if task.output else []
    outputs += [fix.output for fix in task.fixes]
    decisions = {each.deviation_id: each for each in task.decisions}
    for output in outputs:
        for each in output.deviations:
            yield Ruled(id=each.id, deviation=each, decision=decisions.pop(each.id, None))
    for decision in decisions.values():
        yield Ruled(id=decision.deviation_id, deviation=None, decision=decision)


def _compared(run: Run) -> Iterator[Compared]:
    before = {each.command: each for each in run.baseline_commands}
    names = [*before, *(one.command for each in run.verification_rounds for one in each.commands)]
    for name in dict.fromkeys(names):
        yield Compared(
            command=name,
            before=before.get(name),
            rounds=tuple(
                (each.round, one, name in each.regressed_commands)
                for each in run.verification_rounds
                for one in each.commands
                if one.command == name
            ),
        )


def _new_failures(run: Run) -> Iterator[NewFailure]:
    for each in run.verification_rounds:
        why = {one.failure_id: one for one in each.explanations}
        for failure in distinct_failures(each):
            yield NewFailure(round=each.round, failure=failure, explanation=why.get(failure.id))
