"""How a command is started inside its sandbox: one class per tier of isolation."""

import shutil
from typing import Final, Protocol

from .policy import Sandbox

# The system's own, never one that PATH or the worktree offers.
_SYSTEM_PATH: Final = "/usr/local/bin:/usr/bin:/bin"


class Launcher(Protocol):
    """Turns a command and its sandbox into the program to start."""

    @property
    def tier(self) -> str:
        """The name announced at the start and kept in the document."""
        ...

    def argv(self, command: str, sandbox: Sandbox) -> list[str]:
        """The program and its arguments; it is started in the folder the command is to run in."""
        ...


class PlainLauncher:
    """No isolation beyond the environment and the limits: the command can touch what we can."""

    tier = "none"

    def argv(self, command: str, sandbox: Sandbox) -> list[str]:
        """The shell with the command, as it is."""
        return [shell(), "-c", command]


def shell() -> str:
    """bash where the system has it, else sh."""
    return shutil.which("bash", path=_SYSTEM_PATH) or "/bin/sh"
