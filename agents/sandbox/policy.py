"""What a command may touch and use, as data; no tool argument and no repository file reaches it."""

from pathlib import Path
from typing import Final

from attrs import field, frozen

MAX_TIMEOUT_SECONDS: Final = 24 * 3600.0


@frozen(kw_only=True)
class CommandLimits:
    """How long a command may run, be silent and talk; ``output_bytes`` are kept of its output."""

    timeout_seconds: float = 1800.0
    silence_seconds: float = 900.0
    output_bytes: int = 8 * 1024 * 1024
    grace_seconds: float = 2.0  # between asking a process to end and ending it


@frozen(kw_only=True)
class Sandbox:
    """The world of one command.

    ``worktree`` is the tree it works in, ``scratch`` a folder of its own that holds its home and
    its temporary files, ``read_only`` what else it may read.  How much of this is enforced is the
    launcher's to say.
    """

    worktree: Path
    writable: bool
    scratch: Path
    network: bool = False
    read_only: tuple[Path, ...] = ()
    limits: CommandLimits = field(factory=CommandLimits)

    @property
    def home(self) -> Path:
        """The command's home folder."""
        return self.scratch / "home"

    @property
    def temporary(self) -> Path:
        """The command's folder for temporary files."""
        return self.scratch / "tmp"
