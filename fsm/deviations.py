"""Karen's rounds: each deviation of a submission is judged alone, in the order it was declared."""

from pathlib import Path

from attrs import evolve

from ..policy.executable_config import WHY, needs_word
from ..policy.karen import final_action, initial_action
from ..state.enums import (
    DecisionOutcome,
    DeviationCategory,
    DeviationSeverity,
    FailureKind,
    KarenAction,
    Role,
    Verb,
)
from ..state.jobs import GreybeardJob
from ..state.judgements import Decision, GreybeardVerdict
from ..state.records import Run, Task
from ..state.work import Attempt, Deviation, Evidence, TaskOutput
from .attempts import AgentFailed, carry_out
from .fold import change_task, task_of
from .ports import Ports
from .questions import Question, ask, id_for
from .step import RunStopped


async def judge_deviations(ports: Ports, task_id: str) -> None:
    """Decide every deviation that has no decision yet; stops at the first that is not accepted.

    Each decision is in the document before the next is looked at; ``objection`` reads them.
    """
    task = task_of(ports.store.run, task_id)
    assert task.output is not None  # only submitted tasks come here
    for deviation in task.output.deviations:
        decision = _decision(ports, task_id, deviation)
        if decision is None or decision.outcome is DecisionOutcome.WAITING:
            if decision is None:
                await _decide(ports, task_of(ports.store.run, task_id), deviation)
            decision = await _settled(ports, task_id, deviation)
            ports.journal.event(
                "deviation.decided",
                task=task_id,
                deviation=deviation.id,
                outcome=decision.outcome,
                reason=decision.reason,
            )
        if decision.outcome is not DecisionOutcome.ACCEPTED:
            return


def with_unplanned(output: TaskOutput, evidence: Evidence, name: str) -> TaskOutput:
    """A submission with one more deviation for executable configuration that nobody planned.

    It is major whatever the agent declared, so that the operator decides.  ``name`` begins its id.
    """
    found = [each for each in evidence.executable if needs_word(each)]
    if not found:
        return output
    listed = ", ".join(f"{each.path} ({each.kind}: {WHY[each.kind]})" for each in found)
    deviation = Deviation(
        id=f"{name}-executable",
        severity=DeviationSeverity.MAJOR,
        category=DeviationCategory.SCOPE,
        description=f"It changes what runs or is obeyed by itself, and the plan does not name it: "
        f"{listed}.",
        affected_files=tuple(each.path for each in found),
    )
    return evolve(output, deviations=(*output.deviations, deviation))


def objection(task: Task) -> tuple[FailureKind, str] | None:
    """Why a submitted task may not go on, by its decisions; null: every deviation is accepted."""
    for decision in task.decisions:
        reason = f"Deviation {decision.deviation_id}: {decision.reason}"
        if decision.outcome is DecisionOutcome.FAILED:
            return FailureKind.DEVIATION_REJECTED, reason
    return None


def _decision(ports: Ports, task_id: str, deviation: Deviation) -> Decision | None:
    decisions = task_of(ports.store.run, task_id).decisions
    return next((each for each in decisions if each.deviation_id == deviation.id), None)


async def _decide(ports: Ports, task: Task, deviation: Deviation) -> None:
    initial = initial_action(deviation.severity)
    if initial is not KarenAction.CONSULT_GREYBEARD:
        word = (
            "accepted and logged" if initial is KarenAction.ACCEPT else "the operator's to decide"
        )
        reason = f"A {deviation.severity} deviation is {word}."
        _record(ports, task.id, _decided(deviation, initial, initial, reason))
        return
    try:
        await _consult(ports, task, deviation)
    except AgentFailed as error:
        reason = f"The greybeard gave no ruling, so the operator must. {error.message}"
        final = KarenAction.ESCALATE_TO_OPERATOR
        _record(ports, task.id, _decided(deviation, initial, final, reason))


async def _settled(ports: Ports, task_id: str, deviation: Deviation) -> Decision:
    """The decision in the document; the operator is asked where it waits for him."""
    decision = _decision(ports, task_id, deviation)
    assert decision is not None  # recorded before this is called
    if decision.outcome is not DecisionOutcome.WAITING:
        return decision
    question = _question(ports.store.run, task_id, deviation, decision)
    try:
        answer = await ask(ports, question)
    except RunStopped as error:
        if error.kind is FailureKind.ABORTED:
            aborted = _answered(decision, Verb.ABORT, str(error))
            ports.store.update(lambda run: with_decision(run, task_id, aborted))
        raise
    note = f": {answer.note}" if answer.note else "."
    reason = f"The operator {answer.by} said {answer.verb}{note}"
    settled = _answered(decision, answer.verb, reason)
    ports.store.update(lambda run: with_decision(run, task_id, settled))
    return settled


def _question(run: Run, task_id: str, deviation: Deviation, decision: Decision) -> Question:
    details: dict[str, object] = {
        "taskId": task_id,
        "deviationId": deviation.id,
        "severity": deviation.severity.value,
        "category": deviation.category.value,
        "description": deviation.description,
        "affectedFiles": list(deviation.affected_files),
        "initial": decision.initial.value,
    }
    if decision.greybeard is not None:
        details["greybeard"] = {
            "verdict": decision.greybeard.verdict.value,
            "rationale": decision.greybeard.rationale,
        }
    return Question(
        id=id_for(run, deviation.id),
        task_id=task_id,
        question=f"May task {task_id} keep its {deviation.severity} deviation from the plan: "
        f"{deviation.description}",
        reason=decision.reason,
        details=details,
        allowed={
            Verb.CONTINUE: "the deviation is accepted and the task goes on",
            Verb.ACCEPT_WITH_NOTE: "the same, and your note stands in the decision",
            Verb.FAIL_TASK: "the task is set aside with its work kept; what depends on it fails",
            Verb.ABORT: "the whole run stops; everything finished is kept",
        },
    )


def _answered(decision: Decision, verb: str, reason: str) -> Decision:
    outcome = {
        Verb.CONTINUE: DecisionOutcome.ACCEPTED,
        Verb.ACCEPT_WITH_NOTE: DecisionOutcome.ACCEPTED,
        Verb.FAIL_TASK: DecisionOutcome.FAILED,
        Verb.ABORT: DecisionOutcome.ABORTED,
    }[Verb(verb)]
    return evolve(decision, operator_answer=str(verb), outcome=outcome, reason=reason)


def with_decision(run: Run, task_id: str, decision: Decision) -> Run:
    """The decision added, or in the place of the one that waited."""

    def change(task: Task) -> Task:
        if all(each.deviation_id != decision.deviation_id for each in task.decisions):
            return evolve(task, decisions=(*task.decisions, decision))
        return evolve(
            task,
            decisions=tuple(
                decision if each.deviation_id == decision.deviation_id else each
                for each in task.decisions
            ),
        )

    return change_task(run, task_id, change)


async def _consult(ports: Ports, task: Task, deviation: Deviation) -> None:
    output, worktree = task.output, task.worktree_path
    assert output is not None  # a submitted task has both
    assert worktree is not None

    def make(attempt: Attempt, folder: Path) -> GreybeardJob:
        return GreybeardJob(
            attempt=attempt,
            root=Path(worktree),
            folder=folder,
            task=task,
            output=output,
            deviation=deviation,
        )

    def accept(run: Run, verdict: GreybeardVerdict) -> Run:
        reason = f"The greybeard said {verdict.verdict}: {verdict.rationale}"
        decision = _decided(
            deviation, KarenAction.CONSULT_GREYBEARD, final_action(verdict.verdict), reason
        )
        return with_decision(run, task.id, evolve(decision, greybeard=verdict))

    await carry_out(ports, Role.GREYBEARD, deviation.id, task.id, GreybeardJob, make, accept)


def _decided(
    deviation: Deviation, initial: KarenAction, final: KarenAction, reason: str
) -> Decision:
    outcome = {
        KarenAction.ACCEPT: DecisionOutcome.ACCEPTED,
        KarenAction.MARK_FAILED: DecisionOutcome.FAILED,
        KarenAction.ESCALATE_TO_OPERATOR: DecisionOutcome.WAITING,
    }[final]
    return Decision(
        deviation_id=deviation.id, initial=initial, final=final, outcome=outcome, reason=reason
    )


def _record(ports: Ports, task_id: str, decision: Decision) -> None:
    ports.store.update(lambda run: with_decision(run, task_id, decision))
