"""verifying: the build gate on the finished tree, compared with the baseline."""

import asyncio
from pathlib import Path

from attrs import evolve

from ...policy.comparison import Comparison, compare
from ...policy.culprits import excused, without_excused
from ...state.enums import Verb, VerificationMode, VerificationOutcome
from ...state.judgements import VerificationRound
from ...state.records import Run
from ...state.work import CommandResult
from ..builds import final_log, outputs_of, roots, run_commands
from ..fan_in import level_tip
from ..lifecycle import RunEvent
from ..operator_edits import ask_at_worktree
from ..ports import Ports
from ..questions import Question, id_for
from ..recovery import restore
from ..step import Step
from ..workplaces import level_branch, level_worktree, prepare


async def recover(run: Run, ports: Ports) -> None:
    """A round that was not recorded is run again; its log is simply written over."""
    await restore(run, ports)


async def work(run: Run, ports: Ports) -> Step:
    """Run the gate and compare; what the operator was asked is not run again."""
    reason = _why_not(run)
    if reason is not None:
        return Step(RunEvent.VERIFIED, reason)
    last = run.verification_rounds[-1] if run.verification_rounds else None
    if last is not None and last.outcome is VerificationOutcome.ESCALATED:
        last = await _asked(ports, last)
    if last is not None and last.outcome is VerificationOutcome.PASS:
        return Step(RunEvent.VERIFIED, last.reason)
    number = len(run.verification_rounds) + 1
    results, comparison = await _verify(ports, number)
    comparison = without_excused(comparison, excused(ports.store.run))
    record = VerificationRound(
        round=number,
        final_build_log_path=str(ports.folder / final_log(number)),
        commands=results,
        new_failures=comparison.new_failures,
        regressed_commands=comparison.regressed_commands,
        attribution={},
        rebuild_from_level=None,
        outcome=comparison.outcome,
        reason=" ".join(comparison.reasons),
    )
    ports.journal.event("verification.compared", round=number, outcome=record.outcome)

    def recorded(run: Run) -> Run:
        return evolve(run, verification_rounds=(*run.verification_rounds, record))

    # In one save with the event: a round that is recorded is never left without its consequence.
    if record.outcome is VerificationOutcome.PASS:
        return Step(RunEvent.VERIFIED, record.reason, recorded)
    if record.outcome is VerificationOutcome.RETRY:
        return Step(RunEvent.REGRESSED, record.reason, recorded)
    ports.store.update(recorded)
    return await work(ports.store.run, ports)  # asks, and goes on as the operator says


async def _asked(ports: Ports, record: VerificationRound) -> VerificationRound:
    """The round as the operator judged it: passed, or as it was, and the gate runs once more."""
    answer, edit = await ask_at_worktree(
        ports,
        Question(
            id=id_for(ports.store.run, f"verification-{record.round}"),
            task_id=None,
            question="The build gate prints something else than before, and nothing fails. "
            "Is that difference meant?",
            reason=record.reason,
            details={"round": record.round, "finalBuildLog": record.final_build_log_path},
            allowed={
                Verb.CONTINUE: "the difference is accepted and the result is published",
                Verb.ACCEPT_WITH_NOTE: "the same, and your note stands in the report; after a "
                "change of yours the build gate runs once more",
                Verb.RETRY: "the build gate runs once more and is compared again",
                Verb.ABORT: "the run stops; everything finished is kept",
            },
        ),
    )
    if answer.verb == Verb.RETRY or edit is not None:
        return record  # what he changed was not there when the gate ran
    note = f" with the note: {answer.note}" if answer.note else ""
    passed = evolve(
        record,
        outcome=VerificationOutcome.PASS,
        reason=f"The operator {answer.by} accepted the difference{note}. {record.reason}",
    )
    ports.store.update(
        lambda run: evolve(
            run,
            verification_rounds=tuple(
                passed if each.round == record.round else each for each in run.verification_rounds
            ),
        )
    )
    return passed


async def _verify(ports: Ports, number: int) -> tuple[tuple[CommandResult, ...], Comparison]:
    run = ports.store.run
    level = max(task.level for task in run.tasks)
    branch = level_branch(run.integration_branch, level)
    worktree: Path = await prepare(ports, level_worktree(level), level_tip(run, level), branch)
    folder = f"final-{number}"
    results = await run_commands(ports, run.build_gate, worktree, folder, final_log(number))
    places = roots(run, ports.folder)
    baseline = await asyncio.to_thread(outputs_of, ports.folder, run.baseline_commands, places)
    final = await asyncio.to_thread(outputs_of, ports.folder, results, places)
    return results, await asyncio.to_thread(compare, run.verification_mode, baseline, final)


def _why_not(run: Run) -> str | None:
    """Why there is nothing to compare, if so; each reason is in the report."""
    if run.skip_baseline:
        return "The comparison was skipped: the run was started with --skip-baseline."
    if run.verification_mode is VerificationMode.SKIP_COMPARISON:
        return f"The plan skips the comparison: {run.verification_mode_rationale}"
    if not run.operator_edits and all(task.commit_sha is None for task in run.tasks):
        return "No task changed a file, so there is nothing to verify."
    return None
