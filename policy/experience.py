"""What a run teaches: how each of its attempts turned out, as far as that is sure; pure."""

from collections.abc import Iterable, Iterator
from typing import Final

from ..state.enums import AttemptOutcome, FailureKind, FindingSeverity, Role, TaskStatus
from ..state.judgements import Finding
from ..state.records import Run, Task
from ..state.routes import Experience, WorkKind
from ..state.work import Attempt
from .outcomes import PROVIDER_FAULTS
from .routing import SCRIPTED

# They say nothing of who did the work: the provider failed, we stopped, or nobody knows why.
SAYS_NOTHING: Final = PROVIDER_FAULTS | {
    AttemptOutcome.CANCELLED,
    AttemptOutcome.CRASHED,
    AttemptOutcome.TRESPASS,
}
# A task that failed for another's fault, by the operator's word, or for money, was no bad work.
_NOT_ITS_FAULT: Final = frozenset(
    {FailureKind.DEPENDENCY_FAILED, FailureKind.ABORTED, FailureKind.BUDGET}
)


def experiences(run: Run) -> tuple[tuple[str, Experience], ...]:
    """Each attempt of which it is sure how it turned out, with its id."""
    return (*_of_no_task(run), *(each for task in run.tasks for each in _of_task(run, task)))


def _of_no_task(run: Run) -> Iterator[tuple[str, Experience]]:
    plans = 0
    for attempt in run.attempts:
        accepted = attempt.outcome is AttemptOutcome.OK
        if attempt.role is Role.PLANNER and accepted:
            plans += 1
            # The first answers were sent back, one for each refusal.
            accepted = plans > len(run.plan_refusals)
        yield from _experience(WorkKind(role=attempt.role), attempt, accepted)


def _of_task(run: Run, task: Task) -> Iterator[tuple[str, Experience]]:
    raced = () if task.raced is None else task.raced.entrants
    # Good work that lost a race to better work was no bad work, and did not stand either.
    lost = {each.attempt_id for each in raced if task.raced and each.number != task.raced.winner}
    answered = [
        each.id
        for each in task.attempts
        if each.role is Role.IMPLEMENTER
        and each.outcome is AttemptOutcome.OK
        and each.id not in lost
    ]
    for attempt in task.attempts:
        work = kind_of(attempt.role, task)
        accepted = attempt.outcome is AttemptOutcome.OK
        if attempt.role is not Role.IMPLEMENTER or not accepted:
            yield from _experience(work, attempt, accepted)
            continue
        # What was set aside to be made again, and what is under way still, proved nothing.
        if attempt.id not in answered[-1:] or not _is_decided(task):
            continue
        rounds = task.amendment_rounds_total + task.verification_fix_rounds_total
        stood = task.status is TaskStatus.COMPLETED
        yield from _experience(work, attempt, stood, rounds, _blocking(run, task))


def kind_of(role: Role, task: Task | None) -> WorkKind:
    """The kind of work that a role does on a task, or on none."""
    if task is None:
        return WorkKind(role=role)
    return WorkKind(role=role, agent_type=task.agent_type, task_class=task.task_class)


def _is_decided(task: Task) -> bool:
    if task.status is TaskStatus.COMPLETED:
        return True
    return task.failure is not None and task.failure.kind not in _NOT_ITS_FAULT


def _blocking(run: Run, task: Task) -> int:
    """Blocking findings of all rounds and reviewers."""
    found: list[Finding] = [one for each in task.critique_verdicts for one in each.findings]
    for verdict in run.gate_verdicts:
        if task.id in verdict.per_task:
            found += verdict.per_task[task.id].findings
    return sum(each.severity is FindingSeverity.BLOCKING for each in found)


def _experience(
    work: WorkKind, attempt: Attempt, accepted: bool, rounds: int = 0, findings: int = 0
) -> Iterable[tuple[str, Experience]]:
    if attempt.outcome is None or attempt.outcome in SAYS_NOTHING or attempt.executor == SCRIPTED:
        return
    usage = attempt.usage
    yield (
        attempt.id,
        Experience(
            work=work,
            executor=attempt.executor,
            model=attempt.model,
            outcome=attempt.outcome,
            accepted=accepted,
            rounds=rounds,
            findings=findings,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cached_tokens=usage.cached_tokens,
            # What nobody told would make an attempt look cheaper than it was.
            cost_usd=None if attempt.unsettled is not None else usage.cost_usd,
            seconds=attempt.active_seconds,
            ended_at=attempt.ended_at or attempt.started_at,
        ),
    )
