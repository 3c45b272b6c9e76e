"""What commands try that want out of their sandbox, as a table.

Each is a shell command.  Variables name its victims, which ``hostile_world`` makes: ``OPERATOR``
(a home), ``STATE`` (the run's folder), ``OTHER`` (another agent's tree), ``REPO`` with its git
folder ``COMMON`` and our worktree's part of it, ``ADMIN``; ``VICTIM`` is a process that knows it,
``OUTSIDE`` the folder of all, ``NAME`` a name nobody else uses, ``PY`` an interpreter.  The command
starts in its own worktree.  Nothing it names is anybody else's.
"""

from collections.abc import Mapping
from typing import Final

from . import hostile_calls as calls
from . import hostile_files as files
from .hostile_attack import Attack

_GROUPS: Final = (
    files.reading,
    files.reading_processes,
    files.writing,
    files.writing_git,
    files.planting,
    files.metadata,
    calls.sockets,
    calls.kernel,
    calls.machine,
    calls.processes,
    calls.surviving,
    calls.shared,
    calls.names_and_lists,
)
_POINTER: Final = "a rule is for all that is below a folder, so the file cannot be left out; it is \
compared afterwards, and git is told of its folder by variables"
_METADATA: Final = "Landlock has no right for it; the kernel asks only for the owner"
_NAMES: Final = "there is no process namespace, and programs need /proc; it tells names, no content"
_SHARED: Final = "semaphores need the folder, and it is everybody's; it cannot be listed"

# What succeeds under Landlock, and why nothing holds it there.
LANDLOCK_GAPS: Final[Mapping[str, str]] = {
    "git: write the pointer": _POINTER,
    "git: write the pointer by a rename": _POINTER,
    "git: write the pointer by a folder": _POINTER,
    "git: write the pointer by removing it": _POINTER,
    "git: write the pointer by a link": _POINTER,
    "git: write the pointer by unmounting": _POINTER,
    "metadata: mode": _METADATA,
    "metadata: mode of a folder": _METADATA,
    "metadata: times": _METADATA,
    "metadata: attributes": _METADATA,
    "metadata: whether a file is there": _METADATA,
    "metadata: a watch on a folder": _METADATA,
    "shared: write /dev/shm": _SHARED,
    "shared: read memory by its name": _SHARED,
    "look: SysV memory": _NAMES,
    "look: a process's arguments": _NAMES,
    "look: processes": _NAMES,
    "look: a process's status": _NAMES,
    "look: sockets": _NAMES,
    "look: mounts of a process": _NAMES,
    "look: keys of the kernel": _NAMES,
}


def attacks() -> tuple[Attack, ...]:
    """All of them, by group."""
    return tuple(attack for group in _GROUPS for attack in group())
