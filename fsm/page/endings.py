"""Findings over the rounds of a review, and how each one ended."""

from collections.abc import Iterator, Sequence

from attrs import evolve, field, frozen

from ...policy.findings import blocking_in, blocks, let_stand, reversal_id
from ...state.enums import DecisionOutcome, FixSource
from ...state.judgements import Finding
from ...state.records import Run, Task


@frozen(kw_only=True)
class Ended:
    """A finding as it was last put; ``by``: which critics; ``ending``: a sentence."""

    finding: Finding
    by: tuple[str, ...]
    rounds: tuple[int, ...]
    ending: str = field(default="")


def endings(run: Run, task: Task) -> tuple[Ended, ...]:
    """Every finding of a task, in the order in which they were first made."""
    found = dict[str, Ended]()
    for number, by, findings in _reviews(run, task):
        for each in findings:
            before = found.get(each.id)
            found[each.id] = Ended(
                finding=each,
                by=tuple(dict.fromkeys((*(before.by if before else ()), by))),
                rounds=tuple(sorted({*(before.rounds if before else ()), number})),
            )
    last = max((number for number, _, _ in _reviews(run, task)), default=0)
    return tuple(evolve(each, ending=_ending(run, task, each, last)) for each in found.values())


def _reviews(run: Run, task: Task) -> Iterator[tuple[int, str, Sequence[Finding]]]:
    rounds = {verdict.round for verdict in task.critique_verdicts}
    gates = [each for each in run.gate_verdicts if task.id in each.per_task]
    for number in sorted(rounds | {gate.round for gate in gates}):
        for verdict in task.critique_verdicts:
            if verdict.round == number:
                yield number, "critic", verdict.findings
        for gate in gates:
            if gate.round == number:
                yield number, "gate critic", gate.per_task[task.id].findings


def _ending(run: Run, task: Task, ended: Ended, last: int) -> str:
    number = ended.rounds[-1]
    if _ruled_out(run, task, ended.finding.id, number):
        return "ruled out: it takes back what was settled before"
    if not blocks(ended.finding):
        return "advice; nothing had to be done"
    if number < last:
        commit = _repair(task, number)
        return f"settled after round {number}{commit}: round {number + 1} no longer has it"
    if let_stand(run, task.id):
        return "the operator let it stand"
    return f"stands: the last review, round {last}, has it"


def _repair(task: Task, number: int) -> str:
    for fix in task.fixes:
        if (fix.source, fix.round) == (FixSource.CRITIQUE, number):
            where = fix.commit_sha[:12] if fix.commit_sha else "the task's own commit"
            return f" by the repair in {where}"
    return ""


def _ruled_out(run: Run, task: Task, finding_id: str, number: int) -> bool:
    if all(each.id != finding_id for each in blocking_in(run, task, number)):
        return False
    name = reversal_id(task, finding_id, number, run)
    return any(
        each.deviation_id == name and each.outcome is DecisionOutcome.ACCEPTED
        for each in task.decisions
    )
