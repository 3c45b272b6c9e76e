"""Words on the command line that are nearly known ones."""

import itertools
from collections.abc import Sequence
from pathlib import Path

from ..state.errors import UsageError


def refuse_mistyped_verb(arguments: Sequence[str], verbs: Sequence[str]) -> None:
    """A first word that is nearly a verb starts no run, unless a run of that name is there."""
    word = arguments[0] if arguments else "-"
    if word.startswith("-") or not (near := _nearest(word, verbs)):
        return
    given = [value for flag, value in itertools.pairwise(arguments) if flag == "--repo"]
    if not (Path(given[0] if given else ".") / "dispatch" / word).is_dir():
        raise UsageError(
            f"There is no verb and no run {word!r}; did you mean `dispatch {near}`?",
            f"To start a run of that name: `dispatch run {word}`",
        )


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """A question with the nearest known word; empty when none is near."""
    near = _nearest(word, known)
    return f"Did you mean {near}?" if near else ""


def _nearest(word: str, known: Sequence[str]) -> str | None:
    """The known word that a slip of the fingers makes into ``word``."""
    distance, near = min((_distance(word, each), each) for each in known)
    return near if distance <= (2 if len(near) > 4 else 1) else None


def _distance(one: str, other: str) -> int:
    """Letters added, left out, exchanged or swapped with their neighbour."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for i, left in enumerate(one, 1):
        row = [i]
        for j, right in enumerate(other, 1):
            row.append(min(last[j] + 1, row[-1] + 1, last[j - 1] + (left != right)))
            if i > 1 and j > 1 and left == other[j - 2] and one[i - 2] == right:
                row[j] = min(row[j], before[j - 2] + 1)
        before, last = last, row
    return last[-1]
