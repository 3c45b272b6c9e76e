"""gating-plan: the plan is judged by pure checks and, if he wants to, by the operator."""

import asyncio

from attrs import evolve

from ...policy.levels import serialised
from ...policy.plan_gate import MAX_PLAN_REFUSALS, gate_plan
from ...state.enums import FailureKind
from ...state.judgements import PlanRefusal
from ...state.records import Run
from ..approval import approval
from ..lifecycle import RunEvent
from ..ports import Ports
from ..recovery import restore
from ..step import RunStopped, Step
from ..task_files import write_task_files


async def recover(run: Run, ports: Ports) -> None:
    """Nothing of this state lives outside the document."""
    await restore(run, ports)


async def work(run: Run, ports: Ports) -> Step:
    """Accept the plan, or send it back with the reasons at most ``MAX_PLAN_REFUSALS`` times.

    Where the operator wants to approve it, he is asked; how often he sends it back is up to him.
    """
    verdict = gate_plan(run.tasks, hub_files=run.hub_files)
    if not verdict.allowed:
        return _refused(run, verdict.reasons)
    warnings, approved = verdict.warnings, ""
    if run.approve_plan:
        word = await approval(ports, warnings)
        if isinstance(word, PlanRefusal):
            return _sent_back(word)
        run, warnings, approved = word.run, word.warnings, word.reason
    tasks, waits = serialised(run)
    for sentence in (*warnings, *waits):
        ports.journal.line("plan gate", sentence)
    for task in tasks:  # now, so that a person can read all of it while it is carried out
        await asyncio.to_thread(write_task_files, ports.folder, task)
    mode, why = run.verification_mode, run.verification_mode_rationale
    return Step(
        RunEvent.PLAN_ACCEPTED,
        "; ".join((*([approved] if approved else ()), *warnings, *waits)),
        lambda run: evolve(
            run,
            tasks=tasks,
            verification_mode=mode,
            verification_mode_rationale=why,
            level_boundaries={"1": run.base_commit},
        ),
    )


def _refused(run: Run, reasons: tuple[str, ...]) -> Step:
    refused = sum(not each.by for each in run.plan_refusals)
    if refused >= MAX_PLAN_REFUSALS:
        raise RunStopped(
            FailureKind.PLAN_REFUSED,
            f"The plan was refused {refused + 1} times; the last time because: "
            f"{'; '.join(reasons)}",
        )
    return _sent_back(PlanRefusal(round=len(run.plan_refusals) + 1, reasons=reasons))


def _sent_back(refusal: PlanRefusal) -> Step:
    return Step(
        RunEvent.PLAN_REFUSED,
        "; ".join(refusal.reasons),
        lambda run: evolve(run, tasks=(), plan_refusals=(*run.plan_refusals, refusal)),
    )
