"""Questions to the operator: recorded when asked and when answered, never asked twice."""

from collections.abc import Mapping

from attrs import evolve, frozen

from ..state.enums import FailureKind, Verb
from ..state.judgements import Answer, Escalation
from ..state.records import Run
from .lifecycle import RunEvent
from .parallel import without_a_place
from .ports import Ports
from .step import RunStopped


@frozen(kw_only=True)
class Question:
    """What is to be decided; ``id`` says what it is about and is the same after a kill.

    ``allowed`` maps each verb that fits to what follows from it, in a sentence.
    """

    id: str
    task_id: str | None
    question: str
    reason: str
    details: Mapping[str, object]
    allowed: Mapping[Verb, str]


async def ask(ports: Ports, question: Question) -> Answer:
    """The operator's answer, waited for if need be; siblings go on meanwhile.

    The question is in the document before it is announced, the answer before it is acted on.
    Raises RunStopped (aborted) for ``abort``, WaitingForOperator where nobody waits.
    """
    escalation = recorded(ports.store.run, question.id)
    if escalation is None:
        escalation = Escalation(
            id=question.id,
            state=ports.store.run.status,
            task_id=question.task_id,
            question=question.question,
            reason=question.reason,
            details=question.details,
            allowed=tuple(verb.value for verb in question.allowed),
            consequences={verb.value: text for verb, text in question.allowed.items()},
            created_at=ports.clock.now(),
        )
        asked = escalation
        ports.store.update(lambda run: evolve(run, escalations=(*run.escalations, asked)))
        ports.journal.event("escalation.opened", escalation=question.id, task=question.task_id)
    if escalation.answer is None:
        ports.operator.announce(escalation)
        answer = await without_a_place(ports.operator.answer(escalation))
        ports.store.update(lambda run: _answered(run, question.id, answer))
        ports.journal.event("escalation.answered", escalation=question.id, verb=answer.verb)
        escalation = evolve(escalation, answer=answer)
    ports.operator.settle(escalation)
    assert escalation.answer is not None  # recorded, or just given
    if escalation.answer.verb == Verb.ABORT:
        note = f": {escalation.answer.note}" if escalation.answer.note else ""
        raise RunStopped(
            FailureKind.ABORTED, f"The operator aborted the run{note}.", question.task_id
        )
    return escalation.answer


def id_for(run: Run, subject: str) -> str:
    """The id of the question about ``subject``: the open one's, after a ``retry`` a new one.

    An answer that stopped something must not be taken for one to the same question asked anew.
    """
    stem = f"{subject}-retry-"
    for each in run.escalations:
        if each.answer is None and (each.id == subject or each.id.startswith(stem)):
            return each.id
    retries = sum(entry.event == RunEvent.RETRIED for entry in run.history)
    return f"{stem}{retries}" if retries else subject


def recorded(run: Run, escalation_id: str) -> Escalation | None:
    """The escalation of that id, open or answered."""
    return next((each for each in run.escalations if each.id == escalation_id), None)


def left_to_operator(run: Run, level: int, tip: str) -> bool:
    """Whether a level's worktree, checked out at ``tip``, is the operator's for now.

    He may be at work there while a question that says so is open; what he accepted is his until it
    is a commit, with which the tip moves.
    """
    return any(
        (each.details.get("level"), each.details.get("commit")) == (level, tip)
        and (each.answer is None or each.answer.verb == Verb.ACCEPT_WITH_NOTE)
        for each in run.escalations
    )


def _answered(run: Run, escalation_id: str, answer: Answer) -> Run:
    return evolve(
        run,
        escalations=tuple(
            evolve(each, answer=answer) if each.id == escalation_id else each
            for each in run.escalations
        ),
    )
