"""planning: capture the baseline and have a plan written, side by side."""

import asyncio
from typing import Final

from attrs import evolve

from ...policy.plan import materialise
from ...state.enums import Role
from ...state.jobs import PlanJob
from ...state.records import Plan, Run
from ..attempts import carry_out
from ..builds import capture_baseline
from ..lifecycle import RunEvent
from ..ports import Ports
from ..recovery import restore
from ..step import Step
from ..workplaces import level_branch, level_worktree

_SUBJECT: Final = "plan"


async def recover(run: Run, ports: Ports) -> None:
    """Close what was running; the baseline and a plan are made by ``work`` where missing."""
    await restore(run, ports)


async def work(run: Run, ports: Ports) -> Step:
    """Have the planner write a plan, unless one was accepted already."""
    async with asyncio.TaskGroup() as group:
        group.create_task(capture_baseline(ports))
        group.create_task(_plan(ports))
    tasks = ports.store.run.tasks
    return Step(RunEvent.PLAN_SUBMITTED, f"{len(tasks)} tasks")


async def _plan(ports: Ports) -> None:
    run = ports.store.run
    if run.tasks:
        return
    # The planner reads the base commit, not the user's files: uncommitted changes are not taken.
    root = await asyncio.to_thread(
        ports.repository.ensure_worktree,
        level_worktree(1),
        run.base_commit,
        level_branch(run.integration_branch, 1),
    )

    def accept(run: Run, plan: Plan) -> Run:
        return evolve(
            run,
            tasks=materialise(plan),
            verification_mode=plan.verification_mode,
            verification_mode_rationale=plan.verification_mode_rationale,
        )

    await carry_out(
        ports,
        Role.PLANNER,
        _SUBJECT,
        None,
        PlanJob,
        lambda attempt, folder: PlanJob(
            attempt=attempt,
            root=root,
            folder=folder,
            spec_path=run.spec_path,
            spec_text=ports.spec_text,
            build_gate=run.build_gate,
            refusals=tuple(reason for each in run.plan_refusals for reason in each.reasons),
        ),
        accept,
    )
