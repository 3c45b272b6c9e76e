"""Seeing whether the user's repository is, after an attempt, as it was before."""

import asyncio
from typing import TypeVar

from attrs import evolve

from ..policy.trespass import reason, user_change
from ..state.enums import AttemptOutcome, SandboxTier
from ..state.git_values import Fingerprint
from ..state.jobs import Result
from ..state.records import Run
from ..state.work import Attempt, UserChange
from .ports import Ports

A = TypeVar("A")


async def compared(
    ports: Ports, attempt: Attempt, before: Fingerprint, result: Result[A]
) -> tuple[Result[A], UserChange | None]:
    """An attempt's result, turned into a failure where it may have trespassed, and what changed."""
    after = await asyncio.to_thread(ports.repository.fingerprint)
    held = ports.store.run.sandboxes
    tier = held[-1].tier if held else SandboxTier.NONE
    change = user_change(attempt.id, before, after, tier)
    if change is None:
        return result, None
    ports.journal.event(
        "repository.changed",
        attempt=attempt.id,
        programs=change.programs,
        others=change.others,
        failed=change.failed,
    )
    if not change.failed:
        return result, change
    message = reason(change)
    ports.operator.notice(f"{attempt.id}: {message}")
    return evolve(result, outcome=AttemptOutcome.TRESPASS, value=None, message=message), change


def with_user_change(run: Run, change: UserChange | None) -> Run:
    """The run with what changed noted; null: as it is."""
    return run if change is None else evolve(run, user_changes=(*run.user_changes, change))
