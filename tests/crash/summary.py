"""The table of a sweep."""

import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from attrs import field, frozen
from crash.points import KINDS, Finding
from crash.recording import Stride

BEGIN, END = "<!-- sweep:begin -->", "<!-- sweep:end -->"
ROOT: Final = Path(__file__).parents[2]
_HEAD: Final = ("story", "mode", "points", "states", *KINDS)


@frozen(kw_only=True)
class Row:
    """One story in one mode; ``states`` are distinct disk states, null where none was recorded."""

    story: str
    mode: str
    points: int
    states: int | None
    wrong: Mapping[str, int] = field(factory=dict)  # points with a problem of a kind

    def cells(self) -> tuple[str, ...]:
        """What the table shows."""
        states = "" if self.states is None else f"{self.states:,}"
        counts = (str(self.wrong.get(kind, 0)) for kind in KINDS)
        return (self.story, self.mode, f"{self.points:,}", states, *counts)


def rows(findings: Iterable[Finding]) -> list[Row]:
    """Count points; one with several problems of a kind counts once for it."""
    grouped: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        grouped.setdefault((finding.story, finding.mode), []).append(finding)
    return [_row(story, mode, found) for (story, mode), found in grouped.items()]


def table(found: Sequence[Row]) -> list[str]:
    """The rows and their sum, in Markdown."""
    lines = [_HEAD, ("---", "---", *["---:"] * (len(_HEAD) - 2))]
    lines += [row.cells() for row in (*found, _sum("all", "all", found))]
    return [f"| {' | '.join(line)} |" for line in lines]


def write_table(path: Path, found: Sequence[Row], strides: Mapping[str, Stride]) -> None:
    """Renew what stands between the marks of a document."""
    text = path.read_text(encoding="utf-8")
    told = ", ".join(
        f"`{mode}` every {stride.step}" if stride.step > 1 else f"`{mode}` every point"
        for mode, stride in strides.items()
    )
    lines = [
        BEGIN,
        f"Made by `python tests/crash/sweep.py` at commit `{_commit()}`; tried: {told}; "
        f"in {', '.join(f'`{story}`' for story in dict.fromkeys(row.story for row in found))}.",
        "",
        *table(_by_mode(found)),
        END,
    ]
    pattern = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"{path} has no {BEGIN} … {END}")
    path.write_text(pattern.sub(lambda _: "\n".join(lines), text, count=1), encoding="utf-8")


def _by_mode(found: Sequence[Row]) -> list[Row]:
    """All stories of a mode in one row: what a reader wants to see."""
    modes = dict.fromkeys(row.mode for row in found)
    return [_sum("all", mode, [row for row in found if row.mode == mode]) for mode in modes]


def _sum(story: str, mode: str, found: Sequence[Row]) -> Row:
    recorded = [row.states for row in found if row.states is not None]
    return Row(
        story=story,
        mode=mode,
        points=sum(row.points for row in found),
        states=sum(recorded) if recorded else None,
        wrong={kind: sum(row.wrong.get(kind, 0) for row in found) for kind in KINDS},
    )


def _row(story: str, mode: str, found: Sequence[Finding]) -> Row:
    contents = {finding.content for finding in found if finding.content}
    return Row(
        story=story,
        mode=mode,
        points=len(found),
        states=len(contents) or None,
        wrong={
            kind: sum(1 for f in found if any(p.kind == kind for p in f.problems)) for kind in KINDS
        },
    )


def _commit() -> str:
    words = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12"]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()
