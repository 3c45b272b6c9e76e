"""``dispatch logs RUN``: what happened, line by line, also while it happens."""

import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from attrs import define, field

from ..state.clean_text import clean
from ..state.errors import ExitCode
from ..state.event_log import Event, EventLog
from ..state.lock import holder
from .folders import folder_of

LOOK_SECONDS: Final = 0.2
LOOKS_BETWEEN: Final = 5  # looks without a new event before the process is looked for
MAX_VALUE: Final = 120  # characters of one field

_HEAD: Final = ("v", "seq", "ts", "type")


def run(args: Namespace) -> int:
    """Print the events asked for; with ``--follow`` until no process works on the run any more."""
    folder = folder_of(args.repo, args.name)
    wanted = _Wanted(task=args.task, role=args.role, since=args.since)
    count = 0
    try:
        with EventLog(folder) as log:
            for line, event in followed(folder, log) if args.follow else log.new():
                if wanted.takes(event):
                    count += 1
                    print(line.decode() if args.json else shown(event), flush=args.follow)
    except FileNotFoundError:
        print(f"dispatch: run {args.name} has told nothing yet.", file=sys.stderr)
        return ExitCode.DONE
    if not count:
        print("dispatch: no event is as you asked for.", file=sys.stderr)
    return ExitCode.DONE


def followed(folder: Path, log: EventLog) -> Iterator[tuple[bytes, Event]]:
    """The events of a run until nobody works on it, or its folder went."""
    looks = 0
    while True:
        # Asked for before the events: what a process told before it ended is not missed.
        is_over = looks % LOOKS_BETWEEN == 0 and (log.is_gone or holder(folder) is None)
        for each in log.new():
            looks = 0
            yield each
        if is_over:
            return
        looks += 1
        time.sleep(LOOK_SECONDS)


def shown(event: Event) -> str:
    """An event as a line for people."""
    parts = [f"{event['seq']:>6}  {_value(event.get('ts'))}  {_value(event.get('type')):<22}"]
    parts += [f"{_value(key)}={_value(event[key])}" for key in event if key not in _HEAD]
    return " ".join(parts).rstrip()


@define(kw_only=True)
class _Wanted:
    """Which events are asked for; which attempt is whose is learnt on the way."""

    task: str | None
    role: str | None
    since: int
    _tasks: dict[object, object] = field(factory=dict)

    def takes(self, event: Event) -> bool:
        """Whether to show it; every event must come by, in order."""
        attempt = event.get("attempt")
        if "task" in event:
            self._tasks[attempt] = event["task"]
        if event["seq"] <= self.since:
            return False
        task = event["task"] if "task" in event else self._tasks.get(attempt)
        mine = self.task in (None, task) or self.task in event.get("tasks", ())
        return mine and self.role in (None, event.get("role") or _role(attempt))


def _role(attempt: object) -> str:
    """The role in an attempt's id, ``<subject>.<role>.<n>``."""
    return str(attempt).rpartition(".")[0].rpartition(".")[2]


def _value(value: object) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case list():
            text = ",".join(map(str, value)) or "-"
        case _:
            text = str(value)
    line = " ".join(clean(text).split())
    line = line if len(line) <= MAX_VALUE else f"{line[: MAX_VALUE - 1]}…"
    return f'"{line}"' if " " in line or not line else line
