"""Repairs put into a chain of commits: folded where that replays cleanly, else appended.

Everything happens in object space and depends on the arguments only: done again after a kill it
makes the same commits.
"""

from collections.abc import Mapping, Sequence

from attrs import evolve, frozen

from ..policy.hunks import missing_hunks
from ..state.records import Identity
from .ports import Repository


@frozen(kw_only=True)
class Link:
    """One commit of a chain: whose it is and what it is made from; null: an empty share so far.

    ``level`` is the level between whose boundaries it stands.
    """

    task_id: str | None  # null: it is the operator's
    level: int
    commit: str | None
    message: str
    time: int
    fix: int | None = None  # which of the task's fixes it is; null: the task's own commit
    edit: int | None = None  # which of the operator's edits it is
    author: Identity | None = None  # null: the run's

    @property
    def owner(self) -> str | int:
        """The task's id, or which of the operator's edits it is."""
        owner = self.edit if self.task_id is None else self.task_id
        assert owner is not None  # every commit is somebody's
        return owner


@frozen(kw_only=True)
class Repair:
    """A fix to be put in; ``commit`` follows the commit of the repair before it, or the tip.

    ``level`` is the one at whose end it stands if it is appended.
    """

    task_id: str
    level: int
    fix: int
    commit: str
    message: str
    time: int


@frozen(kw_only=True)
class Rebuilt:
    """The new chain, in the same order, with appended repairs at its end, and its last commit."""

    links: tuple[Link, ...]
    tip: str
    folded: bool


def rebuild(
    repository: Repository,
    identity: Identity,
    start: str,
    links: Sequence[Link],
    repairs: Sequence[Repair],
) -> Rebuilt:
    """The chain on ``start`` with all repairs in it; its last tree is the last repair's.

    ``repairs`` are commits one after the other on the chain's tip.  A repair is folded into the
    last commit of its task, siblings are made again on top, and that holds only if every merge
    is clean, no sibling's change is another one than before, and the last tree is the same.
    Otherwise all repairs are appended as they are.
    """
    before = [link.commit for link in links if link.commit is not None]
    old_tip = before[-1] if before else start
    if not repairs:
        return Rebuilt(links=tuple(links), tip=old_tip, folded=True)
    final = repairs[-1].commit
    folded = _fold(repository, identity, start, links, _by_link(links, repairs, old_tip))
    if folded is not None:
        tip = next((each.commit for each in reversed(folded) if each.commit is not None), start)
        if repository.tree_of(tip) == repository.tree_of(final):
            return Rebuilt(links=folded, tip=tip, folded=True)
    appended = tuple(
        Link(
            task_id=each.task_id,
            level=each.level,
            commit=each.commit,
            message=each.message,
            time=each.time,
            fix=each.fix,
        )
        for each in repairs
    )
    return Rebuilt(links=(*links, *appended), tip=final, folded=False)


def _by_link(
    links: Sequence[Link], repairs: Sequence[Repair], old_tip: str
) -> Mapping[int, list[tuple[str, str]]]:
    """For the place of a link in the chain, the (before, after) commits folded into it."""
    last = {link.task_id: place for place, link in enumerate(links)}
    found: dict[int, list[tuple[str, str]]] = {}
    before = old_tip
    for repair in repairs:
        found.setdefault(last[repair.task_id], []).append((before, repair.commit))
        before = repair.commit
    return found


def _fold(
    repository: Repository,
    identity: Identity,
    start: str,
    links: Sequence[Link],
    repairs: Mapping[int, list[tuple[str, str]]],
) -> tuple[Link, ...] | None:
    """The chain with every repair in its task's commit; null when that is not clean."""
    made: list[Link] = []
    old_parent, parent = start, start
    for place, link in enumerate(links):
        commit: str | None = None
        steps = list(repairs.get(place, ()))
        if link.commit is not None:
            steps.insert(0, (old_parent, link.commit))
        for before, after in steps:
            merge = repository.merge(commit or parent, repository.tree_of(after), before)
            if merge.conflicts:
                return None
            if merge.tree == repository.tree_of(parent):
                commit = None
            else:
                author = link.author or identity
                commit = repository.commit(merge.tree, parent, link.message, author, link.time)
        if link.commit is not None:
            if commit is None:
                return None  # a commit that was there must not vanish
            if place not in repairs and not _same_change(
                repository, (old_parent, link.commit), (parent, commit)
            ):
                return None
            old_parent = link.commit
        made.append(evolve(link, commit=commit))
        parent = commit or parent
    return tuple(made)


def _same_change(repository: Repository, old: tuple[str, str], new: tuple[str, str]) -> bool:
    if old == new:
        return True
    before, after = repository.diff(*old), repository.diff(*new)
    return not missing_hunks(before, after) and not missing_hunks(after, before)
