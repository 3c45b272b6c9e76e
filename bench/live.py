"""What the live view of 50 agents at work takes of a core, in ``run`` and in ``attach``.

Run it with ``python bench/live.py``.  A second of a busy run is played: one frame, the events and
lines of the trace that 50 agents give in it, and in ``attach`` its share of loading the document.
"""

import contextlib
import os
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from attrs import evolve
from transition import a_run, an_attempt

from dispatch.commands.attach import REST, Latest, Teller
from dispatch.commands.live_view import View, latest_events
from dispatch.state.clock import SystemClock
from dispatch.state.document_store import DocumentStore
from dispatch.state.enums import TaskStatus
from dispatch.state.event_log import Event
from dispatch.state.journal import EventJournal
from dispatch.state.picture import Picture
from dispatch.state.records import Run

AGENTS: Final = 50
SECONDS: Final = 30  # that are played
EVENTS: Final = 25  # in each: a turn takes some seconds, a tool call one
LINES: Final = 15
GOAL: Final = 0.03  # of a core
SIZE: Final = (70, 200)  # rows and columns of the terminal


def main() -> int:
    """Measure both, print them, and say whether the goal holds."""
    with TemporaryDirectory(dir=Path.cwd()) as folder, a_terminal() as picture:
        root = Path(folder)
        run = working(AGENTS)
        DocumentStore.create(root, run)
        journal = EventJournal(root, stream=picture, now=SystemClock().now)
        with latest_events(root) as events:
            in_run = played(journal, picture, lambda: run, events, lines=LINES) / SECONDS
        latest = Latest(root, run)
        with latest_events(root) as events:
            teller = Teller(events, picture, picture, coloured=True)
            in_attach = played(journal, picture, lambda: run, teller.new, lines=0) / SECONDS
        began = time.process_time()
        latest.run()
        load = time.process_time() - began
        in_attach += min(load, 1 / REST)
        journal.close()
    print(f"{AGENTS} agents: {in_run:.2%} of a core in run, {in_attach:.2%} in attach")
    print(f"their document takes {load:.2f} s to load: attach does it every {REST * load:.0f} s")
    good = max(in_run, in_attach) < GOAL
    print(f"goal (below {GOAL:.0%}): {'holds' if good else 'MISSED'}")
    return 0 if good else 1


def played(
    journal: EventJournal,
    picture: Picture,
    run: Callable[[], Run],
    events: Callable[[], Sequence[Event]],
    *,
    lines: int,
) -> float:
    """Seconds of a core that the view takes of so many of a run's; writing events is not its."""
    view = View(picture=picture, run=run, events=events, coloured=True)
    view.draw()
    took = 0.0
    for second in range(SECONDS):
        for number in range(EVENTS):
            name = f"1t{(second * EVENTS + number) % AGENTS}.implementer.4"
            journal.event(
                "tool.called", attempt=name, turn=second, tool="run_shell", ok=True, seconds=1.0
            )
        began = time.process_time()
        for number in range(lines):
            picture.write(f"[implementer 1t{number}] → read_file(path=src/part.py)\n")
        view.draw()
        took += time.process_time() - began
    return took


def working(agents: int) -> Run:
    """A run with so many agents at work."""
    run = a_run(agents)
    return evolve(
        run,
        tasks=tuple(
            evolve(
                task,
                level=1,
                status=TaskStatus.RUNNING,
                commit_sha=None,
                attempts=(
                    *task.attempts,
                    evolve(an_attempt(f"{task.id}.implementer.4"), outcome=None, ended_at=None),
                ),
            )
            for task in run.tasks
        ),
    )


@contextlib.contextmanager
def a_terminal() -> Iterator[Picture]:
    """A picture on a terminal that somebody reads as fast as it comes."""
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, SIZE)

    def read() -> None:
        with contextlib.suppress(OSError):
            while os.read(ours, 65536):
                pass

    threading.Thread(target=read, daemon=True).start()
    with os.fdopen(theirs, "w", encoding="utf-8") as stream:
        yield Picture(stream, {"TERM": "xterm-256color"})
    os.close(ours)


if __name__ == "__main__":
    sys.exit(main())
