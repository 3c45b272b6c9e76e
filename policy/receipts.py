"""What became of every accepted hunk of a level: present, superseded or escalated.

A hunk that is not in the level's commits must have been replaced by something that is on record: a
repair that changed the same lines, a resolved conflict in its file, a rule for the file, or an
answer of the operator.  One that is not is lost, and says so.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from attrs import frozen

from ..state.enums import HunkFate
from ..state.hubs import Replaced, WorkReceipt
from .hunks import beyond, families, grouped, missing, takes_back
from .patches import Hunk

UNION: Final = "the union of both sides"
_UNION_KEEPS: Final = "the lines of both sides are kept, also one that this task removed"


Patch = tuple[Hunk, ...]


@frozen(kw_only=True)
class Cause:
    """What may have replaced hunks: those that ``patch`` changes back, and all in ``paths``.

    ``paths`` null: whatever is not there.
    """

    by: str
    why: str
    fate: HunkFate = HunkFate.SUPERSEDED
    patch: Patch = ()
    paths: frozenset[str] | None = frozenset()


@frozen(kw_only=True)
class Outcome:
    """What was committed of some work and its siblings', and what was taken back afterwards."""

    present: Patch
    undone: Patch = ()


@frozen(kw_only=True)
class Share:
    """One accepted piece of work.

    ``outcomes`` are the places where it may have stayed; what is in none of them is not there.
    ``united`` are files in which removed lines may have stayed.
    """

    task_id: str
    work: str = ""
    accepted: Patch
    outcomes: tuple[Outcome, ...]
    causes: tuple[Cause, ...] = ()
    united: tuple[str, ...] = ()


@frozen(kw_only=True)
class Commit:
    """One commit of a level, as a patch.

    ``place`` is that of its task in the order of integration; a repair that was appended has none.
    ``accepted`` is what its task submitted; in the files ``changed`` it may do something else,
    because they were repaired, resolved, united or made anew.
    """

    place: int | None
    patch: Patch
    accepted: Patch = ()
    changed: frozenset[str] = frozenset()


@frozen(kw_only=True)
class Line:
    """One accepted hunk; ``fate`` null: it is nowhere, and nothing says why."""

    task_id: str
    work: str
    hunk: Hunk
    fate: HunkFate | None
    by: str = ""
    why: str = ""


def receipt_lines(shares: Iterable[Share]) -> tuple[Line, ...]:
    """The fate of each hunk of each share, in their order."""
    return tuple(line for share in shares for line in _lines(share))


def counted(lines: Iterable[Line]) -> tuple[WorkReceipt, ...]:
    """Lines with a fate, counted for each piece of work, in the order they came."""
    by_work: dict[tuple[str, str], list[Line]] = {}
    for line in lines:
        by_work.setdefault((line.task_id, line.work), []).append(line)
    return tuple(
        WorkReceipt(
            task_id=task_id,
            work=work,
            present=sum(line.fate is HunkFate.PRESENT for line in found),
            replaced=_replaced(found),
        )
        for (task_id, work), found in by_work.items()
    )


def _replaced(lines: Iterable[Line]) -> tuple[Replaced, ...]:
    hunks: dict[tuple[str, HunkFate, str, str], int] = {}
    for line in lines:
        if line.fate is not None and line.fate is not HunkFate.PRESENT:
            key = (line.hunk.path, line.fate, line.by, line.why)
            hunks[key] = hunks.get(key, 0) + 1
    return tuple(
        Replaced(path=path, hunks=count, fate=fate, by=by, why=why)
        for (path, fate, by, why), count in hunks.items()
    )


def outcome(place: int, accepted: Patch, commits: Sequence[Commit]) -> Outcome:
    """What a level's commits say of the work of the task at a place.

    Commit by commit: in one difference, what one took and another brought would cancel out.  What
    a later commit does beyond what was accepted for it takes earlier work back.
    """
    names = families(accepted)
    present: list[Hunk] = []
    undone: list[Hunk] = []
    for commit in commits:
        if not any(hunk.path in names or hunk.old_path in names for hunk in commit.patch):
            continue
        present += commit.patch
        if commit.place is None:
            undone += beyond(commit.patch, ())
        elif commit.place > place:
            undone += (
                hunk
                for hunk in beyond(commit.patch, commit.accepted)
                if {hunk.path, hunk.old_path} & commit.changed
            )
    return Outcome(present=tuple(present), undone=tuple(undone))


def _lines(share: Share) -> Iterable[Line]:
    lost = _lost(share, ())
    insisted = _lost(share, share.united) if lost and share.united else lost
    causes = share.causes if lost else ()
    family = families((*share.accepted, *(each for cause in causes for each in cause.patch)))
    known = [(cause, grouped(cause.patch, family)) for cause in causes]
    for hunk in share.accepted:
        if id(hunk) not in lost:
            yield Line(task_id=share.task_id, work=share.work, hunk=hunk, fate=HunkFate.PRESENT)
            continue
        cause = _cause(hunk, family[hunk.path], known)
        if cause is None and id(hunk) not in insisted:
            cause = Cause(by=UNION, why=_UNION_KEEPS)
        yield Line(
            task_id=share.task_id,
            work=share.work,
            hunk=hunk,
            fate=None if cause is None else cause.fate,
            by="" if cause is None else cause.by,
            why="" if cause is None else cause.why,
        )


def _lost(share: Share, only_added: Sequence[str]) -> frozenset[int]:
    """The identities of the share's hunks that are in no outcome."""
    found = frozenset(map(id, share.accepted))
    for each in share.outcomes:
        found &= frozenset(
            id(hunk) for hunk in missing(share.accepted, each.present, each.undone, only_added)
        )
    return found


def _cause(
    hunk: Hunk, name: str, causes: Sequence[tuple[Cause, Mapping[str, Sequence[Hunk]]]]
) -> Cause | None:
    """What replaced a hunk: first what changed its very lines, then what holds for its file."""
    for cause, patch in causes:
        if takes_back(hunk, patch.get(name, ())):
            return cause
    names = {hunk.path, hunk.old_path}
    for cause, _ in causes:
        if cause.paths is None or names & cause.paths:
            return cause
    return None
