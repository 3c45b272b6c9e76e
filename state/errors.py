"""Errors a user can meet: one sentence, a hint what to do, an exit code."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Final


class ExitCode(IntEnum):
    """What the process tells its caller; the table in the manual is made from these."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    WAITING = 3
    BUDGET = 4
    LOCKED = 5
    STORAGE = 6
    INTERRUPTED = 130


EXIT_MEANING: Final[Mapping[ExitCode, str]] = {
    ExitCode.DONE: "done",
    ExitCode.FAILED: "failed: the run, or what was asked for",
    ExitCode.USAGE: "the command line, the configuration or the repository does not allow it",
    ExitCode.WAITING: "the run waits for an answer of the operator",
    ExitCode.BUDGET: "the budget is spent; the run goes on with a higher one",
    ExitCode.LOCKED: "another process is working on the run",
    ExitCode.STORAGE: "the disk or the machine refuses; once it does not, the same command goes on",
    ExitCode.INTERRUPTED: "interrupted; what was done is kept, the same command goes on",
}


class DispatchError(Exception):
    """The root of all refusals; ``message`` says what and where, ``hint`` what to do next."""

    exit_code: ExitCode = ExitCode.FAILED

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        gap = "\n" if "\n" in self.message else " "  # below a list, not at the end of its last line
        return f"{self.message}{gap}{self.hint}".rstrip()


class UsageError(DispatchError):
    """The command line, the repository or a file of the user's does not allow what was asked."""

    exit_code = ExitCode.USAGE


class ConfigError(UsageError):
    """A configuration file is wrong; ``problems`` holds one line each, ``path:line: what``."""

    def __init__(self, message: str, problems: tuple[str, ...] = (), hint: str = "") -> None:
        super().__init__("\n  ".join((message, *problems)), hint)
        self.problems = problems


class DocumentError(DispatchError):
    """A run's document cannot be read or is not legal; ``problems`` as in ConfigError."""

    def __init__(self, message: str, problems: tuple[str, ...] = (), hint: str = "") -> None:
        super().__init__("\n  ".join((message, *problems)), hint)
        self.problems = problems


class LockedError(DispatchError):
    """Another live process owns the run."""

    exit_code = ExitCode.LOCKED


class StorageError(DispatchError):
    """The disk or the machine refuses; the last document is intact and nobody's work at fault."""

    exit_code = ExitCode.STORAGE


class Paused(DispatchError):
    """The run cannot go on now; nothing failed, the document is as it was last saved."""


class WaitingForOperator(Paused):
    """Only the operator can say how to go on; the question is open and nothing is lost."""

    exit_code = ExitCode.WAITING


class BudgetSpent(Paused):
    """A cap of the run is reached; with a higher one the run goes on."""

    exit_code = ExitCode.BUDGET


class ProviderStopped(Paused):
    """A provider does not answer, and no other model is left; no work is at fault."""


class Interrupted(DispatchError):
    """The user or the system asked us to stop; what was done is kept."""

    exit_code = ExitCode.INTERRUPTED


class GitError(DispatchError):
    """Git refused; the message names the subcommand, the exit code and what git said."""


class RefMoved(GitError):
    """A ref is not where the document says; the message shows both commits."""


class IllegalEvent(DispatchError):
    """An event has no row in the table of the state it arrived in."""
