"""Proof by content that a merge dropped nothing: the accepted lines against the committed ones.

A clean merge may be clean and wrong.  After a fan-in, what a task's tree changed against its
boundary is looked for in what its commit changed against the level's tip.  Places and context
are ignored, because siblings move them; so is how lines are grouped, because a diff groups them
differently when its neighbours change.  What remains is, for each file, how many lines of which
text were removed and added, and whether files came, went or changed their mode.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from attrs import evolve, field, frozen

from .patches import EXISTS, GONE, Hunk, parse_patch

__all__ = [
    "Hunk",
    "beyond",
    "families",
    "grouped",
    "missing",
    "missing_hunks",
    "parse_patch",
    "takes_back",
]

Lines = Counter[str]


def missing_hunks(
    accepted: str, committed: str, earlier: str = "", only_added: Collection[str] = ()
) -> tuple[Hunk, ...]:
    """The accepted hunks that are neither committed nor were there before, in their order.

    All three are git patches: ``accepted`` from the boundary to the task's tree, ``committed``
    from the tip before the task's commit to its tree, ``earlier`` from the boundary to that tip.
    Raises ValueError for a patch that is cut.
    """
    present = (*parse_patch(committed), *parse_patch(earlier))
    return missing(parse_patch(accepted), present, only_added=only_added)


def missing(
    wanted: Sequence[Hunk],
    present: Sequence[Hunk],
    undone: Sequence[Hunk] = (),
    only_added: Collection[str] = (),
) -> tuple[Hunk, ...]:
    """The wanted hunks that are not among those that are ``present``, in their order.

    A line that a sibling changed alike counts as present.  Lines that only changed places within a
    file are not insisted on one by one (a diff may choose others to call moved), but the file must
    have been touched.  ``undone`` is what was changed afterwards: what it takes back is missing.
    Of the files in ``only_added`` it is enough that added lines are there: a union keeps what one
    side removed.
    """
    family = families((*wanted, *present, *undone))
    by_family, there, back = (grouped(hunks, family) for hunks in (wanted, present, undone))
    lenient = {family[path] for path in only_added if path in family}
    lost = {
        id(hunk)
        for name, hunks in by_family.items()
        for hunk in (
            *_missing_facts(hunks, _standing(there.get(name, []), back.get(name, []))),
            *_missing_lines(
                hunks, there.get(name, []), back.get(name, []), with_removed=name not in lenient
            ),
        )
    }
    return tuple(hunk for hunk in wanted if id(hunk) in lost)


def beyond(done: Sequence[Hunk], accepted: Sequence[Hunk]) -> tuple[Hunk, ...]:
    """What was done and not accepted: for each file one hunk with the lines, and the facts.

    How often a text was removed and added counts, as in ``missing``; moved lines are nothing.
    """
    family = families((*done, *accepted))
    meant = grouped(accepted, family)
    facts = {(hunk.path, hunk.fact) for hunk in accepted if hunk.fact}
    found = [hunk for hunk in done if hunk.fact and (hunk.path, hunk.fact) not in facts]
    for name, hunks in grouped(done, family).items():
        lines = _Ledger.of(hunks).without_moves()
        rest = lines.minus(_Ledger.of(meant.get(name, ())).without_moves())
        if rest.removed or rest.added:
            removed, added = tuple(rest.removed.elements()), tuple(rest.added.elements())
            found.append(evolve(hunks[0], fact="", removed=removed, added=added))
    return tuple(found)


def takes_back(hunk: Hunk, later: Iterable[Hunk]) -> bool:
    """Whether later hunks of the same files changed something of a hunk back.

    Lines are known by their text; a file that came, went, changed its mode or is binary has no
    lines to compare, so whatever happened to it as a whole counts.
    """
    removed, added = set(hunk.removed), set(hunk.added)
    return any(
        each.fact or removed.intersection(each.added) or added.intersection(each.removed)
        for each in later
    )


def families(hunks: Iterable[Hunk]) -> Mapping[str, str]:
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


def grouped(hunks: Iterable[Hunk], family: Mapping[str, str]) -> dict[str, list[Hunk]]:
    """Hunks by their family, in their order."""
    groups: dict[str, list[Hunk]] = {}
    for hunk in hunks:
        groups.setdefault(family[hunk.path], []).append(hunk)
    return groups


def _standing(present: Sequence[Hunk], undone: Sequence[Hunk]) -> list[Hunk]:
    """The facts of what is present that nothing undid."""
    opposite = {EXISTS: GONE, GONE: EXISTS}
    gone = {(hunk.path, opposite[hunk.fact]) for hunk in undone if hunk.is_presence}
    return [hunk for hunk in present if (hunk.path, hunk.fact) not in gone]


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


def _missing_lines(
    wanted: Sequence[Hunk],
    present: Sequence[Hunk],
    undone: Sequence[Hunk],
    *,
    with_removed: bool,
) -> Iterator[Hunk]:
    runs = [hunk for hunk in wanted if not hunk.fact]
    if not runs:
        return
    if not any(not hunk.fact for hunk in present):
        yield from runs
        return
    need, back = _Ledger.of(runs), _Ledger.of(undone)
    have = _Ledger.of(present).minus(_Ledger(removed=back.added, added=back.removed))
    lost = need.without_moves().minus(have)
    if not with_removed:
        lost = _Ledger(added=lost.added)
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
