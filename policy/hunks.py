"""Proof by content that a merge dropped nothing: the accepted lines against the committed ones.

A clean merge may be clean and wrong.  After a fan-in, what a task's tree changed against its
boundary is looked for in what its commit changed against the level's tip.  Places and context
are ignored, because siblings move them; so is how lines are grouped, because a diff groups them
differently when its neighbours change.  What remains is, for each file, how many lines of which
text were removed and added, and whether files came, went or changed their mode.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from attrs import field, frozen

from .patches import Hunk, parse_patch

__all__ = ["Hunk", "missing_hunks", "parse_patch"]

Lines = Counter[str]


def missing_hunks(accepted: str, committed: str, earlier: str = "") -> tuple[Hunk, ...]:
    """The accepted hunks that are neither committed nor were there before, in their order.

    All three are git patches: ``accepted`` from the boundary to the task's tree, ``committed``
    from the tip before the task's commit to its tree, ``earlier`` from the boundary to that tip.
    A line that a sibling changed alike is in ``earlier`` and counts as present.  Lines that only
    changed places within a file are not insisted on one by one (a diff may choose others to call
    moved), but the file must have been touched.  Raises ValueError for a patch that is cut.
    """
    wanted, present = parse_patch(accepted), (*parse_patch(committed), *parse_patch(earlier))
    family = _families((*wanted, *present))
    by_family: dict[str, list[Hunk]] = {}
    for hunk in wanted:
        by_family.setdefault(family[hunk.path], []).append(hunk)
    there: dict[str, list[Hunk]] = {}
    for hunk in present:
        there.setdefault(family[hunk.path], []).append(hunk)
    missing = {
        id(hunk)
        for name, hunks in by_family.items()
        for hunk in (
            *_missing_facts(hunks, there.get(name, [])),
            *_missing_lines(hunks, there.get(name, [])),
        )
    }
    return tuple(hunk for hunk in wanted if id(hunk) in missing)


def _families(hunks: Iterable[Hunk]) -> Mapping[str, str]:
    """Each path's family: paths joined by renames hold the same lines."""
    parent: dict[str, str] = {}

    def root(path: str) -> str:
        parent.setdefault(path, path)
        while parent[path] != path:
            parent[path] = parent[parent[path]]
            path = parent[path]
        return path

    for hunk in hunks:
        parent[root(hunk.path)] = root(hunk.old_path or hunk.path)
    return {path: root(path) for path in list(parent)}


def _missing_facts(wanted: Sequence[Hunk], present: Sequence[Hunk]) -> Iterator[Hunk]:
    placed = {(hunk.path, hunk.fact) for hunk in present}
    anywhere = {hunk.fact for hunk in present if hunk.fact}
    for hunk in wanted:
        if hunk.is_presence and (hunk.path, hunk.fact) not in placed:
            yield hunk
        # A mode or a binary content follows its file to where a sibling renamed it.
        if hunk.fact and not hunk.is_presence and not _among(hunk.fact, anywhere):
            yield hunk


def _among(fact: str, facts: Iterable[str]) -> bool:
    # Two patches may shorten the same object id to different lengths.
    return any(fact.startswith(each) or each.startswith(fact) for each in facts)


def _missing_lines(wanted: Sequence[Hunk], present: Sequence[Hunk]) -> Iterator[Hunk]:
    runs = [hunk for hunk in wanted if not hunk.fact]
    if not runs:
        return
    if not any(not hunk.fact for hunk in present):
        yield from runs
        return
    need, have = _Ledger.of(runs), _Ledger.of(present)
    lost = need.without_moves().minus(have)
    unmatched = Counter((hunk.removed, hunk.added) for hunk in present)
    matched = []
    for hunk in runs:
        if unmatched[hunk.removed, hunk.added] > 0:
            unmatched[hunk.removed, hunk.added] -= 1
            matched.append(hunk)
        elif lost.take(hunk):
            yield hunk
    # The same run may stand twice in a file and once in the commit: one of the two is lost.
    yield from (hunk for hunk in matched if lost.take(hunk))


@frozen
class _Ledger:
    """How often each text was removed and added."""

    removed: Lines = field(factory=Counter)
    added: Lines = field(factory=Counter)

    @classmethod
    def of(cls, hunks: Iterable[Hunk]) -> "_Ledger":
        ledger = cls()
        for hunk in hunks:
            ledger.removed.update(hunk.removed)
            ledger.added.update(hunk.added)
        return ledger

    def without_moves(self) -> "_Ledger":
        return _Ledger(self.removed - self.added, self.added - self.removed)

    def minus(self, other: "_Ledger") -> "_Ledger":
        return _Ledger(self.removed - other.removed, self.added - other.added)

    def take(self, hunk: Hunk) -> bool:
        """Strike a hunk's lines; whether any was there to strike."""
        lines = (
            *((self.removed, line) for line in hunk.removed),
            *((self.added, line) for line in hunk.added),
        )
        struck = False
        for ledger, line in lines:
            if ledger[line] > 0:
                ledger[line] -= 1
                struck = True
        return struck
