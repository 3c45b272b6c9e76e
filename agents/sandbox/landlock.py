"""Tier 2: Landlock.  A command reaches only its own files, for machines without user namespaces.

It runs below a launcher of ours, which takes every capability from it, lets it gain none, puts it
under a Landlock ruleset and the filter of system calls, and ends what is left of it.  What it lacks
beside tier 1 are namespaces: it sees which processes there are, which files exist and their
owners, and it has no network, not even with itself.
"""

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from attrs import evolve

from ...state.enums import SandboxTier
from . import ruleset
from .launcher import Inside, Launch
from .limited import limited
from .policy import CommandLimits, Sandbox
from .ruleset import DEVICE, NAMED_FILES, READ, READ_AND_RUN, WRITE, Rule
from .seccomp import is_supported, program
from .system_files import MERGED, SYSTEM

PROGRAM: Final = Path(__file__).with_name("confined.py")

_DEVICES: Final = ("/dev/full", "/dev/null", "/dev/random", "/dev/urandom", "/dev/zero")
# Where libraries keep semaphores and memory that processes share.
_SHARED_MEMORY: Final = "/dev/shm"
_FIXED: Final = (
    *(Rule(Path(path), READ_AND_RUN) for path in (*SYSTEM, *MERGED)),
    Rule(Path("/proc"), READ),
    *(Rule(Path(path), DEVICE) for path in _DEVICES),
    Rule(Path(_SHARED_MEMORY), NAMED_FILES),
)


def unavailable(version: int | None = None) -> str | None:
    """Why this machine cannot hold commands with Landlock; null: it can.

    ``version`` is the kernel's, which is asked by default.
    """
    if not is_supported():
        return "there is no filter of system calls for this processor"
    found = ruleset.abi() if version is None else version
    if found == 0:
        return "the kernel offers no Landlock"
    if found < ruleset.MIN_ABI:
        return f"the kernel's Landlock is of version {found}; {ruleset.MIN_ABI} is needed"
    return None


class LandlockLauncher:
    """Starts commands through a launcher of ours, run by a Python interpreter."""

    tier = SandboxTier.LANDLOCK
    reaches_hosts = False

    def __init__(self, python: str) -> None:
        """``python``: the interpreter, by an absolute path; it needs only its standard library."""
        self._begin = (python, "-I", "-S", str(PROGRAM))

    def inside(self, sandbox: Sandbox) -> Inside:
        """They are where they are; git is told of its folder, since no file can stand in."""
        variables = {} if sandbox.shadow is None else sandbox.shadow.variables
        return Inside(
            home=sandbox.home,
            temporary=sandbox.temporary,
            variables=tuple(sorted(variables.items())),
        )

    @contextlib.contextmanager
    def launch(self, words: Sequence[str], cwd: Path, sandbox: Sandbox) -> Iterator[Launch]:
        """Our launcher, with the ruleset and the filter as descriptors."""
        with contextlib.ExitStack() as open_files:
            filter_file = os.memfd_create("seccomp", os.MFD_CLOEXEC)
            open_files.callback(os.close, filter_file)
            # No address family at all: the kernel's rules hold only TCP, and no socket's path.
            os.write(filter_file, program((), shared=True))
            os.lseek(filter_file, 0, os.SEEK_SET)
            rules = ruleset.make((*_FIXED, *_folders(sandbox)))
            open_files.callback(os.close, rules)
            descriptors = (rules, filter_file)
            yield Launch(
                argv=(
                    *self._begin,
                    *map(str, (os.getpid(), *descriptors)),
                    *limited(words, _counted_here(sandbox.limits)),
                ),
                descriptors=descriptors,
            )


def _folders(sandbox: Sandbox) -> tuple[Rule, ...]:
    readable = list(sandbox.read_only)
    writable = [sandbox.worktree, sandbox.home, sandbox.temporary]
    if sandbox.shadow is not None:
        readable += sandbox.shadow.borrowed
        writable.append(sandbox.shadow.folder)
    return (
        *(Rule(path, READ_AND_RUN) for path in readable),
        *(Rule(path, WRITE) for path in writable),
    )


def _counted_here(limits: CommandLimits) -> CommandLimits:
    """The kernel counts the processes of a user, not of a command: those of now come on top."""
    tasks = Path("/proc/loadavg").read_text(encoding="utf-8").split()[3].partition("/")[2]
    return evolve(limits, processes=limits.processes + int(tasks))
