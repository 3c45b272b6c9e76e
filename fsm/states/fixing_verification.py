"""fixing-verification: new failures of the build gate are put down to tasks and repaired."""

from functools import partial

from ...policy.culprits import accepted, blamed, nobodys, with_explanations
from ...policy.findings import ASKING_ROUND, NOTICE_ROUND
from ...policy.schedule import level_tasks
from ...state.enums import Verb
from ...state.judgements import VerificationRound
from ...state.records import Run
from ..amendments import UNDER_REPAIR
from ..attributing import attribute, change_round
from ..attribution_file import write_attribution
from ..chain import annotate, settle
from ..lifecycle import RunEvent
from ..ports import Ports
from ..questions import Question, ask, id_for
from ..recovery import restore
from ..reviews import IN_REVIEW, complete_level, review_level
from ..step import Step
from ..verification_fixes import repair
from ..workplaces import some


async def recover(run: Run, ports: Ports) -> None:
    """Causes, repairs and their integration are in the document; what is missing is done again."""
    await restore(run, ports)


async def work(run: Run, ports: Ports) -> Step:
    """Attribute, repair, review what was repaired; then the build gate runs again."""
    record = run.verification_rounds[-1]
    if record.rebuild_from_level is None:
        if not await _may_be_repaired(ports, record):
            return Step(RunEvent.REPAIRED, "the operator lets the failures stand")
        record = await attribute(ports)
        if not blamed(record):
            return Step(RunEvent.REPAIRED, await _without_repair(ports, record))
        await repair(ports, record)
    else:  # integrated before a kill, which may have come before it was settled
        await settle(ports, record.rebuild_from_level)
    return await _reviewed(ports)


async def _reviewed(ports: Ports) -> Step:
    """Review what was repaired, level by level; each that passes is completed."""
    run = ports.store.run
    record = run.verification_rounds[-1]
    write_attribution(ports, run)
    assert record.rebuild_from_level is not None  # integrated, now or before a kill
    for level in sorted({task.level for task in run.tasks}):
        if str(level) in record.reviews and _is_under_review(ports.store.run, level):
            await review_level(ports, level)
        ports.store.update(partial(complete_level, level=level))
    await annotate(ports, record.rebuild_from_level)
    return Step(RunEvent.REPAIRED, f"round {record.round}: {some(blamed(record))}")


async def _may_be_repaired(ports: Ports, record: VerificationRound) -> bool:
    """Whether there is to be one more round; false: the operator lets all its failures stand."""
    number = record.round
    messages = [each.message for each in record.new_failures]
    if number == NOTICE_ROUND:
        ports.operator.notice(f"The build gate needs repair round {number}: {some(messages, 3)}.")
    if number < ASKING_ROUND:
        return True
    answer = await ask(
        ports,
        Question(
            id=id_for(ports.store.run, f"verification-fix-{number}"),
            task_id=None,
            question=f"Is the build gate to be repaired once more (round {number})?",
            reason=f"After {number - 1} rounds it still fails: {record.reason}",
            details=_details(record),
            allowed={
                Verb.CONTINUE: "There is one more round of attribution, repair and review.",
                Verb.ACCEPT_WITH_NOTE: "These failures are let stand and are listed in the report.",
                Verb.ABORT: "The run ends as failed; everything stays where it is.",
            },
        ),
    )
    if answer.verb == Verb.CONTINUE:
        return True
    _let_stand(ports, record, [each.id for each in record.new_failures], answer.note)
    return False


async def _without_repair(ports: Ports, record: VerificationRound) -> str:
    """No task is to blame: run the gate again; where that is no use the operator decides."""
    left = nobodys(record)
    if not left:
        return f"round {record.round}: no task brought what failed; the build gate runs again"
    answer = await ask(
        ports,
        Question(
            id=id_for(ports.store.run, f"verification-{record.round}-nobody"),
            task_id=None,
            question="The build gate is worse than before the run, and no task is the cause. "
            "What now?",
            reason=" ".join(f"{each.cause}: {each.reason}" for each in left),
            details=_details(record),
            allowed={
                Verb.RETRY: "The build gate runs once more, for instance after you repaired the "
                "machine.",
                Verb.ACCEPT_WITH_NOTE: "These failures are let stand and are listed in the report.",
                Verb.ABORT: "The run ends as failed; everything stays where it is.",
            },
        ),
    )
    if answer.verb == Verb.RETRY:
        return "the operator wants the build gate to run again"
    _let_stand(ports, record, [each.failure_id for each in left], answer.note)
    return "the operator lets the failures stand"


def _details(record: VerificationRound) -> dict[str, object]:
    return {
        "round": record.round,
        "finalBuildLog": record.final_build_log_path,
        "failures": [f"{each.id}: {each.message}" for each in record.new_failures],
    }


def _let_stand(ports: Ports, record: VerificationRound, failures: list[str], note: str) -> None:
    reason = f"The operator let it stand{f': {note}' if note else '.'}"
    stand = accepted(dict.fromkeys(failures), reason)
    ports.store.update(lambda run: change_round(run, lambda last: with_explanations(last, stand)))
    write_attribution(ports, ports.store.run)


def _is_under_review(run: Run, level: int) -> bool:
    return any(task.status in (*IN_REVIEW, *UNDER_REPAIR) for task in level_tasks(run, level))
