"""A handful of points of the sweep; and that it fails when the program has a defect."""

import subprocess
import sys
from pathlib import Path

import pytest
from fakes.thoroughness import thorough

SWEEP = Path(__file__).parent / "sweep.py"
SKIPPED = "SKIPPED"


def swept(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """The sweep of the smallest story, or of those given, as from a shell."""
    words = [sys.executable, str(SWEEP), "--stories", "single", "--jobs", "2", *arguments]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    if done.stdout.startswith(SKIPPED):
        pytest.skip(done.stdout)
    return done


def totals(text: str) -> list[int]:
    """The last row of the table: points, then problems by kind."""
    row = next(line for line in text.splitlines() if line.startswith("| all | all |"))
    points, _, *problems = (cell.strip() for cell in row.split("|")[3:-1])
    return [int(points), *map(int, problems)]


def test_a_few_kills_torn_writes_and_errors_change_nothing_in_the_end() -> None:
    """The whole sweep is `make sweep`, and `make sweep-full`."""
    modes = ("cut", "torn", "twice", "kill", "alone", "short", "EINTR")
    done = swept("--modes", *modes, "--offset", "100", "--stride", "130", "--count", "1")
    assert (done.returncode, totals(done.stdout)[1:]) == (0, [0, 0, 0, 0, 0]), done.stdout
    assert totals(done.stdout)[0] >= len(modes)


@pytest.mark.parametrize(
    ("defect", "points"),
    [
        ("leave-locks", "cut --calls rename --offset 5 --stride 1 --count 2"),
        pytest.param("leave-processes", "alone --calls link --stride 1 --count 3", marks=thorough),
        ("delete-lock", "cut --offset 100 --count 1"),
        pytest.param(
            "overwrite-document", "torn --offset 40 --stride 12 --count 5", marks=thorough
        ),
        # Before each save of the document, as it is given its second name.
        pytest.param(
            "ask-without-looking",
            "cut --calls linkat --offset 14 --stride 1 --count 5",
            marks=thorough,
        ),
        pytest.param(
            "commit-without-looking",
            "cut --calls linkat --offset 16 --stride 1 --count 6",
            marks=thorough,
        ),
        (
            "ask-programs-again",
            "cut --stories delegated --calls linkat --offset 19 --stride 1 --count 4",
        ),
    ],
)
def test_a_planted_defect_makes_the_sweep_fail(defect: str, points: str) -> None:
    done = swept("--plant", defect, "--modes", *points.split())
    assert done.returncode == 1, done.stdout
    assert sum(totals(done.stdout)[1:]) > 0
