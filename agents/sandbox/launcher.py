"""How a command is started inside its sandbox: one class per tier of isolation."""

import os
import shutil
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Final, Protocol

from attrs import frozen

from ...state.enums import SandboxTier
from . import bridge
from .policy import Sandbox

# The system's own, never one that PATH or the worktree offers.
SYSTEM_PATH: Final = "/usr/local/bin:/usr/bin:/bin"
# The last line of the shell that becomes a command: it tells, by a byte over that in front of what
# the command is told, that everything around it stands.  What fails before is not its failure.
BEGIN: Final = '{ echo >&0; } 2>/dev/null; exec "$@"'


@frozen(kw_only=True)
class Launch:
    """The program to start, and the descriptors it inherits."""

    argv: tuple[str, ...]
    descriptors: tuple[int, ...] = ()


@frozen(kw_only=True)
class Inside:
    """Where a command finds its own folders, and whether the network is kept from it."""

    home: Path
    temporary: Path
    is_offline: bool = True  # unless its sandbox names hosts
    variables: tuple[tuple[str, str], ...] = ()  # that say more of its folders
    bridge: tuple[str, ...] = ()  # words of the program that leads to the hand-off, if there is one


class Launcher(Protocol):
    """Turns a command and its sandbox into the program to start."""

    @property
    def tier(self) -> SandboxTier:
        """The name announced at the start and kept in the document."""
        ...

    @property
    def reaches_hosts(self) -> bool:
        """Whether the hosts that a sandbox names can be reached from inside."""
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
    reaches_hosts = True

    def inside(self, sandbox: Sandbox) -> Inside:
        """They are where they are, and so is the network."""
        return Inside(
            home=sandbox.home,
            temporary=sandbox.temporary,
            is_offline=False,
            bridge=bridge_words(Path(bridge.__file__), sandbox.hand_off),
        )

    def launch(
        self, words: Sequence[str], cwd: Path, sandbox: Sandbox
    ) -> AbstractContextManager[Launch]:
        """The words, begun by a shell as everywhere."""
        return nullcontext(Launch(argv=(shell(), "-c", BEGIN, shell(), *words)))


def bridge_words(program: Path, hand_off: Path | None) -> tuple[str, ...]:
    """How a command starts what leads from its streams to our socket; nothing where there is none.

    The interpreter is ours, which every sandbox with a way to us can see.
    """
    if hand_off is None:
        return ()
    return (os.path.realpath(sys.executable), "-I", "-S", str(program), str(hand_off))


def shell() -> str:
    """bash where the system has it, else sh."""
    return shutil.which("bash", path=SYSTEM_PATH) or "/bin/sh"
