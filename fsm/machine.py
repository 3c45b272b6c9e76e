"""The only module that knows the ``transitions`` library: a cursor that follows the run's table.

The library's model must be a plain class of its own, with slots or frozen ones it fails; its
memory is never the truth (a callback that raises leaves it in either state), the document is.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from transitions.extensions.asyncio import AsyncMachine

from ..state.enums import RunStatus
from ..state.errors import IllegalEvent
from .lifecycle import RUN_TABLE, Move, RunEvent

# It warns of every method that ``model_override`` leaves out, and tells of errors that we handle.
logging.getLogger("transitions").setLevel(logging.CRITICAL)


class Cursor:
    """Where one run stands; the library fills in ``trigger``."""

    state: RunStatus

    async def trigger(self, name: str) -> bool:
        """Fire a trigger by its name."""
        raise NotImplementedError


def cursor_at(status: RunStatus, entered: Callable[[], Coroutine[Any, Any, None]]) -> Cursor:
    """A cursor standing in a state; ``entered`` is awaited after every move.

    It has one owner: two tasks firing it would cancel, or answer for, each other.
    """
    cursor = Cursor()
    AsyncMachine(
        model=cursor,
        states=RunStatus,
        initial=status,
        transitions=[
            {"trigger": _trigger(move), "source": move.source, "dest": move.target}
            for move in RUN_TABLE
        ],
        after_state_change=entered,
        queued=True,  # a move made while entering waits its turn: no recursion
        auto_transitions=False,
        model_override=True,
    )
    return cursor


def row(
    status: RunStatus, event: RunEvent, back_to: str | None = None
) -> Move[RunStatus, RunEvent]:
    """The one row for an event in a state; ``back_to`` picks among the rows of ``retried``.

    Raises IllegalEvent when there is none.
    """
    rows = [move for move in RUN_TABLE if (move.source, move.event) == (status, event)]
    if len(rows) > 1:
        rows = [move for move in rows if move.target == back_to]
    if not rows:
        raise IllegalEvent(f"The event {event} is not allowed while the run is {status}.")
    return rows[0]


async def follow(cursor: Cursor, move: Move[RunStatus, RunEvent]) -> None:
    """Move a cursor along a row; raises CancelledError when what followed was interrupted."""
    # The library keeps a cancellation to itself and answers no, which no row of ours ever does:
    # an interrupted run would look like one that had come to its end.
    if not await cursor.trigger(_trigger(move)):
        raise asyncio.CancelledError


def _trigger(move: Move[RunStatus, RunEvent]) -> str:
    # One name per row: ``retried`` leads to several states, and the library takes the first.
    return f"{move.event}:{move.target}"
