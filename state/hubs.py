"""The records of fan-in: hub files and what became of each accepted change."""

from attrs import frozen

from .enums import HubStrategy, HunkFate
from .record import Record
from .work import CommandResult


@frozen(kw_only=True)
class HubFile(Record):
    """How files that many tasks change are joined; ``command`` only makes them anew."""

    glob: str
    strategy: HubStrategy
    command: str | None = None


@frozen(kw_only=True)
class Restart(Record):
    """Accepted work that was set aside, because its task was given out again on its siblings' work.

    It changed ``base`` into ``tree``, which the user's ``ref`` keeps; ``paths`` are the serialised
    files in which it met its siblings' work.
    """

    level: int
    base: str
    tree: str
    paths: tuple[str, ...]
    ref: str


@frozen(kw_only=True)
class Regeneration(Record):
    """Files made anew by commands on the commit ``base``; ``tree`` is null when a command failed.

    What a command makes may differ from time to time: what it made first is what counts.
    """

    base: str
    paths: tuple[str, ...]
    commands: tuple[CommandResult, ...]
    tree: str | None


@frozen(kw_only=True)
class Replaced(Record):
    """Accepted hunks of one file that are not in the level's commits, by whom and why not."""

    path: str
    hunks: int
    fate: HunkFate
    by: str
    why: str


@frozen(kw_only=True)
class WorkReceipt(Record):
    """One accepted piece of work: how many of its hunks are present, and what became of the rest.

    ``work`` is empty for the task's own submission, else it says which repair.
    """

    task_id: str
    work: str = ""
    present: int
    replaced: tuple[Replaced, ...] = ()


@frozen(kw_only=True)
class Receipt(Record):
    """What became of every accepted hunk of a level at the commit ``tip``.

    Every single hunk is in the run's folder; a document that listed them would be slow to save.
    """

    level: int
    tip: str
    work: tuple[WorkReceipt, ...]
