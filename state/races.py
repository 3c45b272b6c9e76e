"""The records of a race: several implementers at one task, each in a tree of its own."""

from attrs import frozen

from .enums import FailureKind
from .judgements import CritiqueVerdict
from .record import Record
from .work import Evidence, TaskOutput


@frozen(kw_only=True)
class Entrant(Record):
    """One of them, and what it handed in, or why it has nothing (``failure``).

    ``executor`` and ``model`` are those it began with.  ``verdict`` is that of a critic who looked
    at its work alone; null with a ``message`` when none could be had.  ``kept_ref`` holds the work
    of one that did not win.
    """

    number: int  # from 1
    executor: str
    model: str
    attempt_id: str | None = None  # whose answer it is
    output: TaskOutput | None = None
    evidence: Evidence | None = None
    commit_time: int | None = None
    verdict: CritiqueVerdict | None = None
    failure: FailureKind | None = None
    message: str = ""
    kept_ref: str | None = None


@frozen(kw_only=True)
class Race(Record):
    """A race of a task; ``winner`` is an entrant's number, with the ``reason`` it was taken for."""

    entrants: tuple[Entrant, ...]
    winner: int | None = None
    reason: str = ""

    @property
    def taken(self) -> Entrant | None:
        """The entrant that won."""
        return next((each for each in self.entrants if each.number == self.winner), None)
