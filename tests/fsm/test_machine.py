"""The cursor that follows the run's table."""

import asyncio

import pytest

from dispatch.fsm.lifecycle import RunEvent
from dispatch.fsm.machine import Cursor, cursor_at, follow, row
from dispatch.state.enums import RunStatus


async def test_a_cancellation_is_passed_on_in_whatever_state_it_comes() -> None:
    """A run that was interrupted after its first move must not look like one that ended."""
    asleep = asyncio.Event()

    async def entered() -> None:
        if cursor.state is RunStatus.GATING_PLAN:
            await follow(cursor, row(cursor.state, RunEvent.PLAN_ACCEPTED))
        else:
            asleep.set()
            await asyncio.Event().wait()

    cursor: Cursor = cursor_at(RunStatus.PLANNING, entered)
    move = row(RunStatus.PLANNING, RunEvent.PLAN_SUBMITTED)
    work = asyncio.create_task(follow(cursor, move))
    await asleep.wait()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert (cursor.state, work.cancelled()) == (RunStatus.EXECUTING, True)
