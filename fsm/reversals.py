"""Findings that were settled and block again: the greybeard rules whether they count."""

from pathlib import Path

from attrs import evolve

from ..policy.findings import let_stand, reopened, reversal_id
from ..policy.karen import final_action
from ..policy.outcomes import is_providers_fault
from ..state.enums import (
    DecisionOutcome,
    DeviationCategory,
    DeviationSeverity,
    GreybeardRuling,
    KarenAction,
    Role,
    Verb,
)
from ..state.jobs import GreybeardJob
from ..state.judgements import Decision, Finding, GreybeardVerdict
from ..state.records import Run, Task
from ..state.work import Attempt, Deviation
from .attempts import AgentFailed, carry_out
from .deviations import with_decision
from .fold import task_of
from .ports import Ports
from .questions import Question, ask, recorded


async def rule_on_reversals(
    ports: Ports, round_number: int, blocking: tuple[tuple[str, Finding], ...], root: Path
) -> None:
    """Have it decided of each reopened finding whether it counts; each decision is recorded."""
    for task_id, finding in blocking:
        run = ports.store.run
        task = task_of(run, task_id)
        if let_stand(run, task_id) or not reopened(run, task, finding.id, round_number):
            continue
        name = reversal_id(task, finding.id, round_number, run)
        decided = {
            each.deviation_id
            for each in task.decisions
            if each.outcome is not DecisionOutcome.WAITING
        }
        if name not in decided:
            await _rule(ports, task, finding, name, root)


async def _rule(ports: Ports, task: Task, finding: Finding, name: str, root: Path) -> None:
    output = task.output
    assert output is not None  # reviewed tasks have one
    deviation = Deviation(
        id=name,
        severity=DeviationSeverity.MODERATE,
        category=DeviationCategory.OTHER,
        description=(
            "A reviewer found this blocking, a later round settled it, and now it blocks again. "
            "Accept: the work may stay as it is. Reject: it has to be repaired.\n\n"
            f"{finding.id}: {finding.description}"
        ),
        affected_files=() if finding.file_path is None else (finding.file_path,),
    )

    def make(attempt: Attempt, folder: Path) -> GreybeardJob:
        return GreybeardJob(
            attempt=attempt, root=root, folder=folder, task=task, output=output, deviation=deviation
        )

    def accept(run: Run, verdict: GreybeardVerdict) -> Run:
        stays = verdict.verdict is GreybeardRuling.ACCEPT
        reason = f"The greybeard said {verdict.verdict}: {verdict.rationale}"
        decision = evolve(
            _decision(name, stays, reason),
            greybeard=verdict,
            final=final_action(verdict.verdict) if stays else None,
        )
        if verdict.verdict is GreybeardRuling.ESCALATE:  # decided by the operator's answer
            decision = evolve(decision, outcome=DecisionOutcome.WAITING)
        return with_decision(run, task.id, decision)

    asked = recorded(ports.store.run, name)
    waiting = next((each for each in task.decisions if each.deviation_id == name), None)
    if asked is not None:
        reason = asked.reason
    elif waiting is not None and waiting.greybeard is not None:
        reason = waiting.greybeard.rationale
    else:
        try:
            verdict = await carry_out(
                ports, Role.GREYBEARD, name, task.id, GreybeardJob, make, accept
            )
        except AgentFailed as error:
            if is_providers_fault(error.outcome):
                raise
            reason = error.message
        else:
            if verdict.verdict is not GreybeardRuling.ESCALATE:
                return
            reason = verdict.rationale
    answer = await ask(
        ports,
        Question(
            id=name,
            task_id=task.id,
            question=f"Does a finding on task {task.id} count that was settled and is back?",
            reason=reason,
            details={"finding": f"{finding.id}: {finding.description}"},
            allowed={
                Verb.CONTINUE: "It counts and is repaired.",
                Verb.ACCEPT_WITH_NOTE: "It does not count; it is kept in the report.",
                Verb.ABORT: "The run ends as failed; everything stays where it is.",
            },
        ),
    )
    stays = answer.verb == Verb.ACCEPT_WITH_NOTE
    decision = _decision(name, stays, f"The operator said {answer.verb}. {answer.note}".rstrip())
    decided = evolve(decision, operator_answer=answer.verb)
    ports.store.update(lambda run: with_decision(run, task.id, decided))


def _decision(name: str, stays: bool, reason: str) -> Decision:
    return Decision(
        deviation_id=name,
        initial=KarenAction.CONSULT_GREYBEARD,
        outcome=DecisionOutcome.ACCEPTED if stays else DecisionOutcome.FAILED,
        reason=reason,
    )
