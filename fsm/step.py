"""What a state hands back to the engine, and how it says that the run cannot go on."""

from collections.abc import Callable

from attrs import field, frozen

from ..state.enums import FailureKind
from ..state.errors import DispatchError
from ..state.records import Run
from .lifecycle import RunEvent


def _unchanged(run: Run) -> Run:
    return run


@frozen
class Step:
    """What a state's work came to: the event that moves the run, and what it changes with it."""

    event: RunEvent
    reason: str = ""
    change: Callable[[Run], Run] = field(default=_unchanged)


class RunStopped(DispatchError):
    """The run cannot go on from here; it ends as ``failed`` with this kind and message."""

    def __init__(self, kind: FailureKind, message: str, task_id: str | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.task_id = task_id
