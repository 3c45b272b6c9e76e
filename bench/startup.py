"""How long ``--help``, ``status`` and ``logs`` take beside a bare interpreter.

Run it with the environment's own interpreter: ``.venv/bin/python bench/startup.py``.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from attrs import evolve
from transition import a_run

from dispatch.state.document_store import DocumentStore

ROUNDS: Final = 15
RUN: Final = "told"
TASKS: Final = 10
TOLD: Final = 5000  # events
BARE: Final = ("-c", "pass")
# Not from the folder it is called in, where ``dispatch`` is the runs'.
PROGRAM: Final = ("-P", "-m", "dispatch")
# What is measured, and how many times a bare interpreter it may take.
LIMITS: Final[tuple[tuple[str, tuple[str, ...], float], ...]] = (
    ("--help", (*PROGRAM, "--help"), 4.0),
    ("graph", (*PROGRAM, "graph"), 8.0),
    ("status", (*PROGRAM, "status"), 10.0),
    ("logs", (*PROGRAM, "logs", RUN), 10.0),
)


def milliseconds(arguments: Sequence[str], cwd: Path) -> float:
    """The median wall time of a process, after one that warms the caches."""
    times = []
    for _ in range(ROUNDS + 1):
        start = time.perf_counter()
        subprocess.run([sys.executable, *arguments], cwd=cwd, check=True, capture_output=True)
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times[1:])


def _tell(folder: Path) -> None:
    """A run of a few tasks that told as much as one of a hundred."""
    DocumentStore.create(folder, evolve(a_run(TASKS), name=RUN))
    (folder / "lock").touch()
    event = '{"v":1,"seq":%d,"ts":"2026-01-02T03:04:05.678Z","type":"task.started","task":"1a-x"}\n'
    (folder / "events.jsonl").write_text("".join(event % seq for seq in range(1, TOLD + 1)))


def main() -> int:
    """Print one line for each command; exit code 1 when one is over its limit."""
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["git", "init", "-q", folder], check=True)
        _tell(Path(folder, "dispatch", RUN))
        bare = milliseconds(BARE, Path(folder))
        print(f"{'bare python':<12} {bare:7.1f} ms")
        for name, arguments, limit in LIMITS:
            took = milliseconds(arguments, Path(folder))
            over = took / bare > limit
            failed = failed or over
            mark = "  OVER" if over else ""
            print(f"{name:<12} {took:7.1f} ms {took / bare:5.1f}x of at most {limit:g}x{mark}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
