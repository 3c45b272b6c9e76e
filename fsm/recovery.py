"""What every state's ``recover`` starts with.

Attempts that a killed process left open are not its business: ``attempts.carry_out`` goes on with
each when its job comes up again.
"""

import asyncio
from collections.abc import Iterable

from ..state.records import Run
from .contradictions import require_agreement
from .ports import Ports
from .workplaces import passing_worktrees


async def restore(run: Run, ports: Ports) -> None:
    """Make sure that the store is there and as the document says, and put away what a kill left.

    Raises GitError where the document and git contradict each other.
    """
    await asyncio.to_thread(ports.repository.ensure_store, run.base_commit, run.integration_branch)
    await require_agreement(run, ports)
    await asyncio.to_thread(_put_away, ports, passing_worktrees(run))


def _put_away(ports: Ports, names: Iterable[str]) -> None:
    for name in names:
        ports.repository.remove_worktree(name)
