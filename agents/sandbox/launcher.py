"""How a command is started inside its sandbox: one class per tier of isolation."""

import shutil
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Final, Protocol

from attrs import frozen

from ...state.enums import SandboxTier
from .policy import Sandbox

# The system's own, never one that PATH or the worktree offers.
SYSTEM_PATH: Final = "/usr/local/bin:/usr/bin:/bin"


@frozen(kw_only=True)
class Launch:
    """The program to start, and the descriptors it inherits."""

    argv: tuple[str, ...]
    descriptors: tuple[int, ...] = ()


@frozen(kw_only=True)
class Inside:
    """Where a command finds its own folders, and the variables that say more of them."""

    home: Path
    temporary: Path
    variables: tuple[tuple[str, str], ...] = ()


class Launcher(Protocol):
    """Turns a command and its sandbox into the program to start."""

    @property
    def tier(self) -> SandboxTier:
        """The name announced at the start and kept in the document."""
        ...

    def inside(self, sandbox: Sandbox) -> Inside:
        """The command's own folders as it sees them."""
        ...

    def launch(
        self, words: Sequence[str], cwd: Path, sandbox: Sandbox
    ) -> AbstractContextManager[Launch]:
        """What to start to have ``words`` run in ``cwd``; left once it has been started."""
        ...


class PlainLauncher:
    """No isolation beyond the environment and the time limit: a command can touch what we can."""

    tier = SandboxTier.NONE

    def inside(self, sandbox: Sandbox) -> Inside:
        """They are where they are."""
        return Inside(home=sandbox.home, temporary=sandbox.temporary)

    def launch(
        self, words: Sequence[str], cwd: Path, sandbox: Sandbox
    ) -> AbstractContextManager[Launch]:
        """The words, as they are."""
        return nullcontext(Launch(argv=tuple(words)))


def shell() -> str:
    """bash where the system has it, else sh."""
    return shutil.which("bash", path=SYSTEM_PATH) or "/bin/sh"
