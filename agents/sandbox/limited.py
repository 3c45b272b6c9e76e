"""A command with the limits that the kernel holds it to, set by the shell that becomes it.

They are set inside the sandbox: there the number of processes is counted for the sandbox alone.
"""

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Final

from .launcher import BEGIN, shell
from .policy import CommandLimits

_KIB: Final = 1024
_POSIX_BLOCK: Final = 512


def limited(words: Sequence[str], limits: CommandLimits) -> tuple[str, ...]:
    """The words of a program that takes the limits upon itself and becomes ``words``."""
    program = shell()
    has_bash = PurePosixPath(program).name == "bash"
    block = _KIB if has_bash else _POSIX_BLOCK
    asked = {
        "c": 0,
        "f": limits.file_bytes // block,
        "d": limits.memory_bytes // _KIB,
        "t": limits.cpu_seconds,
        "n": limits.open_files,
        **({"u": limits.processes} if has_bash else {"p": limits.processes}),
    }
    # A limit that is lower already cannot be raised, and need not be.
    set_them = "; ".join(f"ulimit -{letter} {value} 2>/dev/null" for letter, value in asked.items())
    return (program, "-c", f"{set_them}; {BEGIN}", program, *words)
