"""The operator's word on a plan before anything is carried out: approve, change, send back, end.

The plan lies in a file beside the question.  What it says when the plan is approved is what is
carried out; a plan of his own is judged like the planner's.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from attrs import frozen

from ..policy.plan_edits import editable, edited, with_plan
from ..state.config import RaceConfig
from ..state.durable import make_folder, write_text_atomic
from ..state.enums import Verb
from ..state.errors import UsageError, WaitingForOperator
from ..state.escalation_file import SHOWN
from ..state.judgements import Escalation, PlanRefusal
from ..state.plan_file import as_text, plan_path, read_plan
from ..state.records import Run
from .plan_words import plan_words
from .ports import Ports
from .questions import Question, ask, id_for, recorded
from .report_words import many

SUBJECT: Final = "plan"  # of the questions; no task's id begins like this


@frozen(kw_only=True)
class Approved:
    """``run`` has the plan that is to be carried out, ``reason`` says who approved what."""

    run: Run
    reason: str
    warnings: tuple[str, ...]


def open_question(run: Run) -> Escalation | None:
    """The question about the plan that waits for an answer."""
    return next((each for each in run.escalations if is_about_plan(each) and not each.answer), None)


def is_about_plan(question: Escalation) -> bool:
    """Whether a question is about a plan."""
    return question.task_id is None and question.id.startswith(f"{SUBJECT}-")


async def approval(ports: Ports, warnings: Sequence[str]) -> Approved | PlanRefusal:
    """What the operator says of the plan in the document; asked once, waited for.

    Raises RunStopped (aborted) when he ends the run, WaitingForOperator where nobody waits and for
    a changed plan that cannot be carried out.
    """
    run = ports.store.run
    question_id = id_for(run, f"{SUBJECT}-{len(run.plan_refusals) + 1}")
    path = plan_path(ports.folder, question_id)
    question = recorded(run, question_id)
    if question is None or question.answer is None:
        await asyncio.to_thread(_write, ports, path, warnings, is_new=question is None)
    answer = await ask(ports, _question(run, question_id, path))
    if answer.verb == Verb.RETRY:
        note = answer.note or "another plan is wanted; nothing was said about why"
        return PlanRefusal(
            round=len(run.plan_refusals) + 1, reasons=(f"The operator: {note}",), by=answer.by
        )
    return await asyncio.to_thread(_approved, ports, path, answer.by, warnings)


def proposed(
    run: Run, path: Path, race: RaceConfig
) -> tuple[Run, tuple[str, ...], tuple[str, ...]]:
    """The run with the plan as its file says, the warnings of it, and what was changed in it.

    Raises UsageError with all reasons for a plan that cannot be carried out.
    """
    plan = read_plan(path)
    found = edited(run, plan, race)
    if found.reasons:
        raise UsageError(
            f"The plan cannot be carried out: {' '.join(found.reasons)}", f"Put it right in {path}"
        )
    return with_plan(run, plan, found.tasks), found.warnings, found.changed


def _write(ports: Ports, path: Path, warnings: Sequence[str], *, is_new: bool) -> None:
    run = ports.store.run
    make_folder(path.parent)
    if is_new or not path.exists():  # one that was asked about may be changed already
        write_text_atomic(path, ports.redactor.text(as_text(run.name, editable(run))))
    text = ports.redactor.text(plan_words(run, warnings))
    write_text_atomic(path.with_suffix(".txt"), text)


def _question(run: Run, question_id: str, path: Path) -> Question:
    tasks = many(len(run.tasks), "task")
    levels = many(len({task.level for task in run.tasks}), "level")
    return Question(
        id=question_id,
        task_id=None,
        question=f"Is the plan of {tasks} in {levels} to be carried out?",
        reason=f"You asked to approve it. To read it: dispatch plan {run.name}",
        details={"plan": str(path), SHOWN: str(path.with_suffix(".txt"))},
        allowed={
            Verb.CONTINUE: f"it is carried out as it stands in {path}, with what you change there",
            Verb.RETRY: "the planner writes another one; your note tells it why",
            Verb.ABORT: "the run ends; nothing was changed",
        },
    )


def _approved(ports: Ports, path: Path, by: str, warnings: Sequence[str]) -> Approved:
    run = ports.store.run
    untouched = ports.redactor.text(as_text(run.name, editable(run)))
    if not path.exists() or path.read_text(encoding="utf-8", errors="replace") == untouched:
        return Approved(run=run, reason=f"approved by {by}", warnings=tuple(warnings))
    try:
        changed_run, said, changed = proposed(run, path, ports.config.race)
    except UsageError as error:
        raise WaitingForOperator(
            error.message,
            f"{error.hint}, then continue the run: dispatch {run.name}",
        ) from None
    what = f", with changes: {', '.join(changed)}" if changed else ""
    return Approved(run=changed_run, reason=f"approved by {by}{what}", warnings=said)
