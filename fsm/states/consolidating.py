"""consolidating: every commit is on the integration branch, and the branch is published."""

import asyncio

from ...state.enums import FailureKind
from ...state.records import Run
from ..chain import work_of
from ..fan_in import level_tip
from ..fold import apply
from ..lifecycle import RunEvent
from ..ports import Ports
from ..publishing import publish
from ..receipts import account
from ..recovery import restore
from ..report_file import write_report
from ..step import RunStopped, Step
from ..workplaces import some


async def recover(run: Run, ports: Ports) -> None:
    """Publication is done again by ``work``; where it was done, that changes nothing."""
    await restore(run, ports)


async def work(run: Run, ports: Ports) -> Step:
    """Publish the last level's tip and write the report, before the run is called done."""
    tip = level_tip(run, max(task.level for task in run.tasks))
    commits = [commit for task in run.tasks for commit in work_of(task)]
    commits += [edit.commit_sha for edit in run.operator_edits if edit.commit_sha is not None]
    missing = await asyncio.to_thread(ports.repository.unreachable, commits, tip)
    if missing:
        raise RunStopped(
            FailureKind.INTERNAL,
            f"Recorded commits are not on the branch that would be published: {some(missing)}.",
        )
    await account(ports)
    await publish(ports, tip)
    run = ports.store.run
    # Written before the run is done: ``done`` with a report that is missing would be a lie.
    await asyncio.to_thread(
        write_report, apply(run, RunEvent.CONSOLIDATED, ports.clock.now()), ports
    )
    return Step(RunEvent.CONSOLIDATED, tip)
