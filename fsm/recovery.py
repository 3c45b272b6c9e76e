"""What every state's ``recover`` starts with."""

import asyncio
from collections.abc import Iterable

from ..state.records import Run
from .attempts import close_interrupted
from .ports import Ports
from .workplaces import passing_worktrees


async def restore(run: Run, ports: Ports) -> None:
    """Make sure that the store is there, and put away what a killed process left open or behind."""
    await asyncio.to_thread(ports.repository.ensure_store, run.base_commit, run.integration_branch)
    await asyncio.to_thread(_put_away, ports, passing_worktrees(run))
    at = ports.clock.now()
    if close_interrupted(run, at) != run:
        ports.store.update(lambda now: close_interrupted(now, at))


def _put_away(ports: Ports, names: Iterable[str]) -> None:
    for name in names:
        ports.repository.remove_worktree(name)
