"""The engine: carries a run through its table; starting and resuming are the same call.

Record, then move: an event is checked against the table, applied to the document, the document
is written durably, and only then does the machine move.  Its callback calls the entered state's
handler, and that is where agents are invoked.
"""

import asyncio

from attrs import evolve

from ..state.disk import refusal
from ..state.enums import FailureKind, RunStatus
from ..state.errors import (
    DispatchError,
    GitError,
    Paused,
    RefMoved,
    WaitingForOperator,
)
from ..state.records import Failure, HistoryEntry
from .fold import apply
from .lifecycle import FINAL, RunEvent
from .machine import cursor_at, follow, row
from .ports import Ports
from .states import HANDLERS
from .step import RunStopped, Step
from .telling import tell_completed_tasks


async def drive(ports: Ports) -> RunStatus:
    """Carry a run to a final state.

    Whatever a state throws is recorded and ends in ``failed``.  What only pauses the run (Paused,
    with its reason in the document), a machine that refuses (StorageError) and what interrupts
    (cancellation) leave it as it was last saved and are raised; running again goes on from there.
    """
    recovered = False

    async def entered() -> None:
        nonlocal recovered
        if cursor.state in FINAL:
            return
        handler = HANDLERS[cursor.state]
        try:
            if not recovered:
                recovered = True
                await handler.recover(ports.store.run, ports)
            step = await handler.work(ports.store.run, ports)
        except Exception as error:  # one guard: whatever went wrong is recorded, then reported
            step = _failed(error, ports)
        before = ports.store.run
        move = row(before.status, step.event, before.failure.state if before.failure else None)
        at = ports.clock.now()
        after = ports.store.update(lambda run: apply(step.change(run), step.event, at, step.reason))
        tell_completed_tasks(ports, before, after)
        tell_transition(ports, after.history[-1])
        await follow(cursor, move)

    if ports.store.run.paused:
        ports.store.update(lambda run: evolve(run, paused=""))
    cursor = cursor_at(ports.store.run.status, entered)
    await entered()
    if ports.store.run.status not in FINAL:
        raise asyncio.CancelledError  # the library takes a cancellation for a move refused
    return ports.store.run.status


def tell_transition(ports: Ports, entry: HistoryEntry) -> None:
    """Put a transition that is in the document into the journal, too."""
    ports.journal.event(
        f"run.{entry.event}", source=entry.source, target=entry.target, reason=entry.reason
    )
    reason = f": {entry.reason}" if entry.reason else ""
    ports.journal.line("run", f"{entry.source} → {entry.target}{reason}")


def failure_of(error: Exception, state: RunStatus, at: str) -> Failure:
    """What the document remembers of an error."""
    task_id = None
    if isinstance(error, RunStopped):
        kind, task_id = error.kind, error.task_id
    elif isinstance(error, RefMoved):
        kind = FailureKind.REPOSITORY_CHANGED
    elif isinstance(error, GitError):
        kind = FailureKind.GIT
    else:
        kind = FailureKind.INTERNAL
    message = str(error) if isinstance(error, DispatchError) else f"{type(error).__name__}: {error}"
    return Failure(state=state.value, kind=kind, message=message, task_id=task_id, at=at)


def _failed(error: Exception, ports: Ports) -> Step:
    if refused := refusal(error, ports.folder):
        raise refused from error
    # A TaskGroup wraps what its tasks raised; the first one is the reason.
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, Paused) and not isinstance(error, WaitingForOperator):
        # An open question is in the document already; the other reasons would be forgotten.
        reason = error.message
        ports.store.update(lambda run: evolve(run, paused=reason))
    if isinstance(error, Paused):
        raise error
    failure = failure_of(error, ports.store.run.status, ports.clock.now())
    return Step(
        RunEvent.FAILED,
        reason=failure.message,
        change=lambda run: evolve(run, failure=failure),
    )
