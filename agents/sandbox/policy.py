"""What a command may touch and use, as data; no tool argument and no repository file reaches it."""

from pathlib import Path
from typing import Final

from attrs import field, frozen

from ...state.git_values import Shadow

MAX_TIMEOUT_SECONDS: Final = 24 * 3600.0


@frozen(kw_only=True)
class CommandLimits:
    """What a command may use; ``output_bytes`` are kept of its output.

    ``processes`` are of the whole command, the others of each of its processes: ``memory_bytes`` of
    what is private and writable (an address space may be larger: Go, Node and Java reserve much),
    ``file_bytes`` of one file, ``cpu_seconds`` of computing.  Where the memory of a whole command
    can be counted, ``memory_bytes`` is the limit of that, too.
    """

    timeout_seconds: float = 1800.0
    silence_seconds: float = 900.0
    output_bytes: int = 8 * 1024 * 1024
    grace_seconds: float = 2.0  # between asking a process to end and ending it
    processes: int = 1024
    memory_bytes: int = 16 * 1024**3
    file_bytes: int = 8 * 1024**3
    cpu_seconds: int = 4 * 3600
    open_files: int = 16_384


@frozen(kw_only=True)
class WayOut:
    """Where a command reaches something of ours: a port of its loopback address.

    With ``socket`` the port is one of the command's own network, and whoever starts the command
    sees to it that it leads to that socket.
    """

    port: int
    socket: Path | None = None


@frozen(kw_only=True)
class Sandbox:
    """The world of one command.

    ``worktree`` is the tree it works in, ``scratch`` a folder of its own that holds its home and
    its temporary files, ``read_only`` what else it may read, ``network`` the hosts it may reach,
    through ``proxy`` while it runs.  Without ``is_writable`` it can only read the tree;
    ``hand_off`` is a socket of ours that it may talk to, ``gateway`` where it asks its model.
    How much of this is enforced is the launcher's to say.
    """

    worktree: Path
    scratch: Path
    shadow: Shadow | None = None
    network: tuple[str, ...] = ()
    proxy: WayOut | None = None
    read_only: tuple[Path, ...] = ()
    limits: CommandLimits = field(factory=CommandLimits)
    is_writable: bool = True
    hand_off: Path | None = None
    gateway: WayOut | None = None

    @property
    def home(self) -> Path:
        """The folder that is the command's home."""
        return self.scratch / "home"

    @property
    def temporary(self) -> Path:
        """The folder that holds the command's temporary files."""
        return self.scratch / "tmp"
