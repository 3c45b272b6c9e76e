"""A control group for each command, where the kernel lets us make one.

It counts the processes of the whole command, also those of root, and its memory, and holds every
process whatever it does.  Where no group may be made, the limits that each process carries remain.

We make groups where that is ours to do: in a hierarchy of version 1 only when our own group is its
root, since any other belongs to who put us there; in version 2 below a group that has been handed
to us with both controllers.
"""

import contextlib
import hashlib
import os
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from attrs import frozen

from .policy import CommandLimits

MOUNT: Final = Path("/sys/fs/cgroup")
OWN_GROUPS: Final = Path("/proc/self/cgroup")
PREFIX: Final = "dispatch-"
LAUNCHER_PROCESSES: Final = 4  # of the sandbox itself
MAX_ROUNDS: Final = 100
ROUND_SECONDS: Final = 0.005
ABANDONED_SECONDS: Final = 600.0  # in which a command has long entered its group
MAX_MEMBERS: Final = 100_000  # of one group, looked at in one round

_OWN_PROCESSES: Final = "/proc/self/ns/pid"
_PROCESSES: Final = "pids"
_MEMORY: Final = "memory"
_MEMBERS: Final = "cgroup.procs"
_ENTER: Final = f'echo $$ > "$0/{_MEMBERS}" && exec "$@"'
_SHELL: Final = "/bin/sh"


@frozen(kw_only=True)
class Place:
    """A folder where groups are made, and the files of a group that take its limits."""

    folder: Path
    processes: str = ""
    memory: str = ""


@contextlib.contextmanager
def grouped(
    mark: str, limits: CommandLimits, places: Sequence[Place] | None = None
) -> Iterator[tuple[str, ...]]:
    """The words that put what they precede into a group of its own; none where there is none.

    ``mark`` is the command's.  At the end what is left in the group is ended and the group removed.
    """
    made = list[Path]()
    words: tuple[str, ...] = ()
    try:
        for place in find_places() if places is None else places:
            group = place.folder / _name(mark)
            with contextlib.suppress(OSError):  # then the limits of each process remain
                group.mkdir()
                made.append(group)
                _limit(group, place, limits)
                words += (_SHELL, "-c", _ENTER, str(group))
        yield words
    finally:
        for group in made:
            _end(group)


def end_groups(run_mark: str, places: Sequence[Place] | None = None) -> int:
    """End and remove the groups that a killed dispatch left behind; how many there were."""
    found = [
        group
        for place in (find_places() if places is None else places)
        for group in sorted(place.folder.glob(f"{_prefix(run_mark)}*"))
    ]
    for group in found:
        _end(group)
    return len(found)


def remove_abandoned(places: Sequence[Place] | None = None) -> int:
    """Remove the groups that hold nothing and are nobody's, whosever they were; how many.

    Those of a machine in the machine that was killed are in the way of no run that could still
    ask for them.  The kernel removes none with a process in it, and one that is just made for a
    command is not old.
    """
    removed = 0
    for place in find_places() if places is None else places:
        for group in sorted(place.folder.glob(f"{PREFIX}*")):
            with contextlib.suppress(OSError):
                if time.time() - group.stat().st_mtime >= ABANDONED_SECONDS:
                    group.rmdir()
                    removed += 1
    return removed


def find_places(mount: Path = MOUNT, own: Path = OWN_GROUPS) -> tuple[Place, ...]:
    """Where groups may be made on this machine; empty: nowhere."""
    try:
        lines = own.read_text(encoding="utf-8").splitlines()
    except OSError:
        return ()
    groups = {names: path for _, names, path in (line.split(":", 2) for line in lines)}
    places = list[Place]()
    if groups.get(_PROCESSES) == "/":
        places.append(Place(folder=mount / _PROCESSES, processes="pids.max"))
    if groups.get(_MEMORY) == "/":
        places.append(Place(folder=mount / _MEMORY, memory="memory.limit_in_bytes"))
    if "" in groups and not places:
        places += _handed_over(mount, groups[""])
    return tuple(place for place in places if os.access(place.folder / _MEMBERS, os.W_OK))


def _handed_over(mount: Path, own: str) -> Iterator[Place]:
    """The nearest group above our own that may have groups with both controllers.

    Our own cannot: only the root of the hierarchy may hold processes and groups with limits.
    """
    group = mount / own.lstrip("/")
    for above in (group, *group.parents) if group == mount else group.parents:
        if not above.is_relative_to(mount):
            return
        with contextlib.suppress(OSError):
            offered = (above / "cgroup.subtree_control").read_text(encoding="utf-8").split()
            if {_PROCESSES, _MEMORY} <= set(offered) and os.access(above, os.W_OK):
                yield Place(folder=above, processes="pids.max", memory="memory.max")
                return


def _name(mark: str) -> str:
    run_mark, _, command = mark.rpartition("/")
    return _prefix(run_mark) + command


def _prefix(run_mark: str) -> str:
    # The hierarchy may be shared with machines in the machine, whose runs have the same paths.
    whose = f"{Path(_OWN_PROCESSES).readlink()}:{run_mark}"
    return f"{PREFIX}{hashlib.sha256(os.fsencode(whose)).hexdigest()[:16]}-"


def _limit(group: Path, place: Place, limits: CommandLimits) -> None:
    if place.processes:
        (group / place.processes).write_text(str(limits.processes + LAUNCHER_PROCESSES))
    if place.memory:
        (group / place.memory).write_text(str(limits.memory_bytes))


def _end(group: Path) -> None:
    """End every process in a group and remove it; bounded, since it may be made without end."""
    for _ in range(MAX_ROUNDS):
        with contextlib.suppress(OSError):
            group.rmdir()
        if not group.exists():
            return
        with contextlib.suppress(OSError):
            (group / "pids.max").write_text("0")  # nothing can be started any more
        with contextlib.suppress(OSError):
            (group / "cgroup.kill").write_text("1")
        for pid in _members(group):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(ROUND_SECONDS)


def _members(group: Path) -> tuple[int, ...]:
    try:
        with (group / _MEMBERS).open(encoding="utf-8") as file:
            found = [int(line) for line, _ in zip(file, range(MAX_MEMBERS), strict=False)]
    except OSError:
        return ()
    # A process of a namespace that we do not see is told as 0, and 0 is for kill our own group.
    return tuple(pid for pid in found if pid > 0)
