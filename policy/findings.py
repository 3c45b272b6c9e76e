"""Findings across the rounds of a level's review: what is open, and what was taken back."""

from collections.abc import Sequence

from ..state.enums import DecisionOutcome, FindingSeverity, Verb
from ..state.judgements import Finding, GateVerdict
from ..state.records import Run, Task

NOTICE_ROUND = 3  # the operator is told
ASKING_ROUND = 4  # and from here on asked before each further round
# Of a question whether a task is to be repaired once more: how many repairs were accepted before.
ACCEPTED_REPAIRS = "acceptedRepairs"


def blocking_in(run: Run, task: Task, round_number: int) -> tuple[Finding, ...]:
    """What either critic found blocking in a task in one round, each id once, by id."""
    found = {}
    for verdict in task.critique_verdicts:
        if verdict.round == round_number:
            found.update({each.id: each for each in verdict.findings})
    for gate in run.gate_verdicts:
        if (gate.level, gate.round) == (task.level, round_number) and task.id in gate.per_task:
            found.update(
                {each.id: each for each in gate.per_task[task.id].findings if blocks(each)}
            )
    return tuple(found[name] for name in sorted(found) if blocks(found[name]))


def reopened(run: Run, task: Task, finding_id: str, round_number: int) -> bool:
    """Whether a finding that blocks in this round blocked before, and was settled in between."""

    def blocked(number: int) -> bool:
        return any(each.id == finding_id for each in blocking_in(run, task, number))

    return not blocked(round_number - 1) and any(map(blocked, range(1, round_number - 1)))


def reversal_id(task: Task, finding_id: str, round_number: int, run: Run) -> str:
    """Under which id it is decided whether a reopened finding counts; fit for a file's name."""
    names = [each.id for each in blocking_in(run, task, round_number)]
    return f"{task.id}-reopened-{round_number}-{names.index(finding_id) + 1}"


def standing(
    run: Run, blocking: Sequence[tuple[str, Finding]], round_number: int
) -> tuple[tuple[str, Finding], ...]:
    """Those blocking findings that count: not ruled out, of no task whose work was let stand."""
    by_id = {task.id: task for task in run.tasks}
    return tuple(
        (task_id, finding)
        for task_id, finding in blocking
        if not let_stand(run, task_id)
        and not _ruled_out(run, by_id[task_id], finding.id, round_number)
    )


def let_stand(run: Run, task_id: str) -> bool:
    """Whether the operator accepted a task's work after its repair came to nothing.

    That holds for the work he saw: a repair that was accepted later is judged like any other.
    """
    task = next(each for each in run.tasks if each.id == task_id)
    return any(
        # Another ending than a number was set aside by a retry.
        question.id.removeprefix(f"{task_id}-critique-").isdigit()
        and question.answer is not None
        and question.answer.verb == Verb.ACCEPT_WITH_NOTE
        and question.details.get(ACCEPTED_REPAIRS) == len(task.fixes)
        for question in run.escalations
    )


def covers(verdict: GateVerdict, tasks: Sequence[Task]) -> bool:
    """Whether a verdict is about each of these tasks."""
    return all(task.id in verdict.per_task for task in tasks)


def blocks(finding: Finding) -> bool:
    """Whether a finding must be repaired."""
    return finding.severity is FindingSeverity.BLOCKING


def _ruled_out(run: Run, task: Task, finding_id: str, round_number: int) -> bool:
    if not reopened(run, task, finding_id, round_number):
        return False
    name = reversal_id(task, finding_id, round_number, run)
    return any(
        decision.deviation_id == name and decision.outcome is DecisionOutcome.ACCEPTED
        for decision in task.decisions
    )
