"""gating-plan: the plan is judged by pure checks; a refusal goes back to the planner."""

import asyncio

from attrs import evolve

from ...policy.levels import serialised
from ...policy.plan_gate import MAX_PLAN_REFUSALS, gate_plan
from ...state.enums import FailureKind
from ...state.judgements import PlanRefusal
from ...state.records import Run
from ..lifecycle import RunEvent
from ..ports import Ports
from ..recovery import restore
from ..step import RunStopped, Step
from ..task_files import write_task_files


async def recover(run: Run, ports: Ports) -> None:
    """Nothing of this state lives outside the document."""
    await restore(run, ports)


async def work(run: Run, ports: Ports) -> Step:
    """Accept the plan, or send it back with the reasons at most ``MAX_PLAN_REFUSALS`` times."""
    verdict = gate_plan(run.tasks, hub_files=run.hub_files)
    tasks, waits = serialised(run) if verdict.allowed else ((), ())
    said = (*verdict.warnings, *waits)
    for sentence in said:
        ports.journal.line("plan gate", sentence)
    if verdict.allowed:
        for task in tasks:  # now, so that a person can read all of it while it is carried out
            await asyncio.to_thread(write_task_files, ports.folder, task)
        return Step(
            RunEvent.PLAN_ACCEPTED,
            "; ".join(said),
            lambda run: evolve(run, tasks=tasks, level_boundaries={"1": run.base_commit}),
        )
    reasons = "; ".join(verdict.reasons)
    if len(run.plan_refusals) >= MAX_PLAN_REFUSALS:
        raise RunStopped(
            FailureKind.PLAN_REFUSED,
            f"The plan was refused {len(run.plan_refusals) + 1} times; the last time because: "
            f"{reasons}",
        )
    refusal = PlanRefusal(round=len(run.plan_refusals) + 1, reasons=verdict.reasons)
    return Step(
        RunEvent.PLAN_REFUSED,
        reasons,
        lambda run: evolve(run, tasks=(), plan_refusals=(*run.plan_refusals, refusal)),
    )
