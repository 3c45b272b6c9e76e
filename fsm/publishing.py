"""Bringing the integration branch forward: first in the run's store, then for the user to see."""

import asyncio

from attrs import evolve

from .ports import Ports


async def publish(ports: Ports, commit: str) -> None:
    """Move the integration branch to a commit, in the store and in the user's repository.

    Both moves are compare-and-swap from where the document says they stand; done again they do
    nothing.  Raises RefMoved when somebody else moved the branch.
    """
    run = ports.store.run
    ref = f"refs/heads/{run.integration_branch}"
    await asyncio.to_thread(_move, ports, ref, commit)
    # Also where it stands there already: a branch that somebody moved must not go unnoticed.
    await asyncio.to_thread(
        ports.repository.publish,
        run.integration_branch,
        commit,
        run.published_commit,
        run.superseded_tips,
    )
    if run.published_commit == commit:
        return
    ports.store.update(lambda run: evolve(run, published_commit=commit))
    ports.journal.event("branch.published", branch=run.integration_branch, commit=commit)


def _move(ports: Ports, ref: str, commit: str) -> None:
    old = ports.repository.tip(ref)
    if old != commit:
        ports.repository.move(ref, commit, old)
