"""``dispatch attach RUN``: watch a run that another process works on."""

import asyncio
import contextlib
import os
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from attrs import define, field

from ..fsm.next_steps import next_steps
from ..fsm.told_events import told
from ..state.clean_text import clean
from ..state.clock import SystemClock
from ..state.colour import Colour, is_coloured
from ..state.document import DOCUMENT, load_run_of
from ..state.enums import RunStatus
from ..state.errors import DispatchError, ExitCode, Interrupted
from ..state.event_log import EVENTS, Event, EventLog
from ..state.journal import COMPLETED, with_coloured_label, wrapped
from ..state.lock import holder
from ..state.operator_channel import OperatorChannel
from ..state.picture import Picture
from ..state.records import Run
from ..state.redact import Redactor, secrets_of
from ..state.streams import Stream
from ..state.terminal import Terminal
from .folders import has_worktrees, open_run
from .live_view import latest_events, live_view
from .logs import followed
from .status import given_answers

LOOK_SECONDS: Final = 1.0
HISTORY: Final = 20  # lines of what happened before
UNBROKEN: Final = 10_000  # columns where nobody sees it: a line for each event
# A long run's document takes long to load: so many times as long it is not loaded again.
REST: Final = 100


def run(args: Namespace) -> int:
    """Show the run until no process works on it any more; then how it stands, also as exit code.

    With ``--json`` all its events are printed instead, from the first, as they happen.
    """
    folder, document = open_run(args.repo, args.name)
    picture = Picture(sys.stdout)
    coloured = is_coloured(Colour(args.color), sys.stdout, os.environ)
    try:
        if args.json:
            last = _print_events(folder)
        else:
            last = asyncio.run(_watch(folder, document, picture, coloured))
    except KeyboardInterrupt:
        if holder(folder) is not None:
            raise Interrupted(
                f"Run {args.name} goes on.", f"Watch it again: dispatch attach {args.name}"
            ) from None
        raise
    document = load_run_of(folder)
    if args.json:
        return _code_of(document, last)
    print(f"No process works on run {document.name}: {document.status}")
    given = given_answers(folder, document)
    for step in next_steps(document, given=given, worktrees=has_worktrees(folder)):
        print(f"  {' '.join(clean(step).split())}")
    return _code_of(document, last)


def _print_events(folder: Path) -> Event:
    """The last event there was; empty without one."""
    last: Event = {}
    while holder(folder) is not None and not os.path.lexists(folder / EVENTS):
        time.sleep(LOOK_SECONDS)  # it has only begun
    with contextlib.suppress(FileNotFoundError), EventLog(folder) as log:
        for line, event in followed(folder, log):
            print(line.decode(), flush=True)
            last = event
    return last


async def _watch(folder: Path, document: Run, picture: Picture, coloured: bool) -> Event:
    """The last event there was; empty without one."""
    terminal = None
    if picture.isatty() and sys.stdin.isatty():
        terminal = Terminal(picture, sys.stdin.fileno(), picture.aside)
    latest = Latest(folder, document)
    asker = Asker(folder, terminal)
    with latest_events(folder) as events:
        teller = Teller(events, picture, terminal or picture, coloured)
        async with live_view(picture, latest.run, teller.new, coloured=coloured):
            try:
                while holder(folder) is not None:
                    if not picture.can_show():
                        teller.new()
                    asker.ask(latest.run())
                    await asyncio.sleep(LOOK_SECONDS)
            finally:
                await asker.stop()
        teller.new()
    return teller.last


@define(eq=False)
class Latest:
    """The document as it is in the folder, not loaded more often than it is worth."""

    folder: Path
    document: Run
    mark: tuple[int, int] = (0, 0)
    due: float = 0.0

    def run(self) -> Run:
        """It, or the one before where it cannot be read."""
        now = time.monotonic()
        with contextlib.suppress(DispatchError, OSError):  # the next one can be read again
            found = (self.folder / DOCUMENT).stat()
            mark = found.st_ino, found.st_mtime_ns
            if mark != self.mark and now >= self.due:
                self.document, self.mark = load_run_of(self.folder), mark
                self.due = time.monotonic() + REST * (time.monotonic() - now)
        return self.document


@define(eq=False)
class Teller:
    """Gives on what is new of the events, and writes a line of each that is worth one."""

    events: Callable[[], Sequence[Event]]
    picture: Picture
    stream: Stream
    coloured: bool
    has_begun: bool = False
    last: Event = field(factory=dict)

    def new(self) -> Sequence[Event]:
        """The events since the last call."""
        events = self.events()
        self.last = events[-1] if events else self.last
        lines = [line for event in events if (line := told(event)) is not None]
        # What happened before the watching began is in the log.
        shown = lines if self.has_begun else lines[-HISTORY:]
        self.has_begun = True
        columns = self.picture.size()[0] or UNBROKEN
        for label, text in shown:
            lined = wrapped(label, text, columns)
            self.stream.write(f"{with_coloured_label(lined) if self.coloured else lined}\n")
        self.stream.flush()
        return events


class Asker:
    """Has open questions answered at the terminal, where there is one; else does nothing."""

    def __init__(self, folder: Path, terminal: Terminal | None) -> None:
        self._at_terminal = terminal is not None
        self._channel = OperatorChannel(
            folder,
            stream=terminal or sys.stdout,
            now=SystemClock().now,
            terminal=terminal,
            redactor=Redactor(secrets_of(os.environ)),
        )
        self._asking: dict[str, asyncio.Task[object]] = {}

    def ask(self, run: Run) -> None:
        """Ask what is open and was not asked; what is answered elsewhere is asked no more."""
        waiting = {each.id: each for each in run.escalations if each.answer is None}
        for name, asking in self._asking.items():
            if name not in waiting:
                asking.cancel()
        for name, each in waiting.items():
            if self._at_terminal and name not in self._asking:
                self._asking[name] = asyncio.create_task(self._channel.ask_here(each))

    async def stop(self) -> None:
        """Ask nothing any more."""
        for asking in self._asking.values():
            asking.cancel()
        await asyncio.gather(*self._asking.values(), return_exceptions=True)


def _code_of(run: Run, last: Event) -> int:
    """The exit code of the process that worked on it last; one that was killed told none."""
    if run.status in (RunStatus.DONE, RunStatus.FAILED):
        return ExitCode.DONE if run.status is RunStatus.DONE else ExitCode.FAILED
    return int(last["exitCode"]) if last.get("type") == COMPLETED else ExitCode.INTERRUPTED
