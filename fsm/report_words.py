"""How the report says times, money, exit codes and places."""

from datetime import datetime

from ..state.errors import DocumentError
from ..state.work import CommandResult, Usage
from .markdown import code


def duration(started: str, ended: str) -> str:
    """``1h2m3s`` between two ISO-8601 times, never negative; raises DocumentError."""
    return length(seconds_between(started, ended))


def seconds_between(started: str, ended: str) -> float:
    """From one ISO-8601 time to another, negative where clocks were set back; DocumentError."""
    return (_time(ended, "now") - _time(started, "createdAt")).total_seconds()


def length(seconds: float) -> str:
    """``1h2m3s``, of whole seconds and never negative."""
    whole = max(0, int(seconds))
    hours, minutes = whole // 3600, whole // 60 % 60
    parts = [f"{hours}h"] if hours else []
    parts += [f"{minutes}m"] if hours or minutes else []
    return "".join((*parts, f"{whole % 60}s"))


def money(cost: float | None) -> str:
    """Dollars; an unknown price is said, never shown as zero."""
    return "unknown" if cost is None else f"${cost:.4f}"


def many(number: int, what: str) -> str:
    """So many of something, such as ``1 file`` and ``2 files``."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def turns(usage: Usage) -> str:
    """How many turns of a model."""
    return many(usage.turns, "turn")


def result_of(command: CommandResult) -> str:
    """How a command ended, in two or three words."""
    if command.timed_out:
        return "timed out"
    if command.signal is not None:
        return f"killed by signal {command.signal}"
    return "no exit code" if command.exit_code is None else f"exit {command.exit_code}"


def place(file: str | None, line: int | None) -> str:
    """A file and, when it is known, the line in it."""
    return code(f"{file or '(no file)'}{f':{line}' if line else ''}")


def _time(text: str, name: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise DocumentError(
            f"{name} is {text!r}, which is no time.",
            hint="It should look like 2026-11-21T09:30:00.000Z",
        )
    return time
