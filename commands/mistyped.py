"""Words on the command line that are nearly known ones."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from ..policy.names import RESERVED_NAMES, run_name_problems
from ..state.errors import UsageError

# What people say to other programs, and what they would mean here.
ELSEWHERE: Final[Mapping[str, str]] = {
    "abort": "stop",
    "approve": "answer",
    "cancel": "stop",
    "check": "doctor",
    "config": "schema",
    "continue": "run",
    "delete": "clean",
    "events": "logs",
    "help": "--help",
    "kill": "stop",
    "list": "status",
    "log": "logs",
    "ls": "status",
    "ps": "status",
    "remove": "clean",
    "restart": "retry",
    "resume": "run",
    "rm": "clean",
    "settings": "schema",
    "setup": "init",
    "show": "report",
    "start": "run",
    "tail": "logs",
    "version": "--version",
}


def refuse_mistyped_verb(arguments: Sequence[str], verbs: Sequence[str]) -> None:
    """A first word that is nearly a verb starts no run, unless a run of that name is there."""
    word = arguments[0] if arguments else "-"
    near = _meant(arguments, verbs) or _nearest(word, verbs)
    if word.startswith("-") or not near:
        return
    given = [value for flag, value in itertools.pairwise(arguments) if flag == "--repo"]
    if not (Path(given[0] if given else ".") / "dispatch" / word).is_dir():
        start = f"To start a run of that name: `dispatch run {word}`"
        raise UsageError(
            f"There is no verb and no run {word!r}; did you mean `dispatch {near}`?",
            "" if run_name_problems(word, RESERVED_NAMES) else start,
        )


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """A question with the nearest known word; empty when none is near."""
    near = _nearest(word, known)
    return f"Did you mean {near}?" if near else ""


def _meant(arguments: Sequence[str], verbs: Sequence[str]) -> str:
    """What somebody means who is used to another program; empty when nothing is known."""
    word, *rest = arguments or ("",)
    if word == "help" and rest and rest[0] in verbs:
        return f"{rest[0]} --help"
    meant = ELSEWHERE.get(word, "")
    return meant if meant in (*verbs, "--help", "--version") else ""


def _nearest(word: str, known: Sequence[str]) -> str | None:
    """The known word that a slip of the fingers makes into ``word``."""
    distance, near = min((_distance(word, each), each) for each in known)
    slips = 2 if len(near) > 4 else 1 if len(near) > 2 else 0  # every letter is near two letters
    return near if distance <= slips else None


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
