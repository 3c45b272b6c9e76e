"""What it costs that a transition survives a power cut: with ``syncfs`` before it, and without.

Run it with ``python bench/durability.py``; it measures the disk of the folder it is started in.
Each transition is that of a document of 64 KiB after which ten small files are new, as git objects
are.  With and without take turns, so that both meet the same machine.  Goal: 99 of 100 transitions
below 25 ms.
"""

import sys
import time
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import Final

from attrs import evolve
from transition import a_run, step

from dispatch.state import document_store
from dispatch.state.document import DOCUMENT
from dispatch.state.document_store import DocumentStore
from dispatch.state.durable import sync_file_system
from dispatch.state.records import Run

TASKS: Final = 9
ROUNDS: Final = 400
NEW_FILES: Final = 10
FILE_BYTES: Final = 2048
GOAL_MS: Final = 25.0


def main() -> int:
    """Measure, print the table, and say whether the goal holds."""
    with TemporaryDirectory(dir=Path.cwd()) as folder:
        synced, unsynced, written = measure(Path(folder))
    print(f"a transition of {written / 1024:.0f} KiB, {NEW_FILES} new files: p50, p99, worst")
    for name, times in (("with syncfs", synced), ("without", unsynced)):
        print(f"{name:>12} " + " ".join(f"{each:>7.2f} ms" for each in shown(times)))
    ratio = shown(synced)[0] / shown(unsynced)[0]
    good = shown(synced)[1] < GOAL_MS
    print(f"ratio {ratio:.1f}; goal (p99 < {GOAL_MS:g} ms): {'holds' if good else 'MISSED'}")
    return 0 if good else 1


def measure(folder: Path) -> tuple[list[float], list[float], int]:
    """Milliseconds of transitions with and without ``syncfs``, and the size of the document."""
    store = DocumentStore.create(folder / "run", a_run(TASKS))
    times: dict[bool, list[float]] = {True: [], False: []}
    try:
        for place in range(2 * ROUNDS):
            synced = place % 2 == 0
            for number in range(NEW_FILES):
                (folder / f"{place}-{number}").write_bytes(bytes(FILE_BYTES))
            vars(document_store)["sync_file_system"] = sync_file_system if synced else _nothing
            start = time.perf_counter()
            store.update(lambda run: back(step(run, place)))  # noqa: B023
            times[synced].append((time.perf_counter() - start) * 1000)
    finally:
        vars(document_store)["sync_file_system"] = sync_file_system
    return times[True], times[False], (folder / "run" / DOCUMENT).stat().st_size


def back(run: Run) -> Run:
    """The run with the last attempt of each task only, so that the size stays what it is."""
    tasks = tuple(
        evolve(task, attempts=task.attempts[-1:]) if len(task.attempts) > 3 else task
        for task in run.tasks
    )
    return evolve(run, tasks=tasks)


def shown(times: list[float]) -> tuple[float, float, float]:
    """The middle, the 99th of 100, and the worst."""
    cuts = quantiles(times, n=100)
    return cuts[49], cuts[98], max(times)


def _nothing(folder: Path) -> None:
    """Leave everything to the kernel."""


if __name__ == "__main__":
    sys.exit(main())
