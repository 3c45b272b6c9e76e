"""Records what a function does to the files of one folder, call by call, while it does it."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from attrs import define, field, frozen

ACKNOWLEDGED: Final = "acknowledged"
FOLDER: Final = 0  # no file has this inode


@frozen
class Act:
    """One call: what, of which inode, under which names, and what was written."""

    what: str
    inode: int = FOLDER
    names: tuple[str, ...] = ()
    data: bytes = b""


@define
class Trail:
    """The calls so far, in order."""

    acts: list[Act] = field(factory=list)

    def acknowledge(self) -> None:
        """Somebody is told that it is done."""
        self.acts.append(Act(ACKNOWLEDGED))


@contextlib.contextmanager
def recorded(folder: Path) -> Iterator[Trail]:
    """Record calls of ``os`` about files in ``folder``; all other threads must rest meanwhile."""
    trail = Trail()
    add = trail.acts.append
    real: dict[str, Callable[..., Any]] = {
        name: getattr(os, name) for name in ("open", "write", "fsync", "rename", "link", "unlink")
    }

    def inode(name: Any) -> int:
        return os.lstat(folder / name).st_ino

    def opened(name: Any, flags: int, *rest: Any, **named: Any) -> int:
        descriptor: int = real["open"](name, flags, *rest, **named)
        if flags & os.O_CREAT:
            add(Act("create", inode(name), (Path(name).name,)))
        if flags & os.O_TRUNC:
            add(Act("truncate", inode(name)))
        return descriptor

    def written(descriptor: int, data: Any) -> int:
        count: int = real["write"](descriptor, data)
        add(Act("write", os.fstat(descriptor).st_ino, data=bytes(data[:count])))
        return count

    def synced(descriptor: int) -> None:
        real["fsync"](descriptor)
        found = os.fstat(descriptor).st_ino
        add(Act("fsync", FOLDER if found == folder.stat().st_ino else found))

    def renamed(old: Any, new: Any, **named: Any) -> None:
        act = Act("rename", inode(old), (Path(old).name, Path(new).name))
        real["rename"](old, new, **named)
        add(act)

    def linked(old: Any, new: Any, **named: Any) -> None:
        real["link"](old, new, **named)
        add(Act("link", inode(old), (Path(new).name,)))

    def unlinked(name: Any, **named: Any) -> None:
        real["unlink"](name, **named)
        add(Act("unlink", names=(Path(name).name,)))

    doubles = dict(zip(real, (opened, written, synced, renamed, linked, unlinked), strict=True))
    try:
        for name, double in doubles.items():
            setattr(os, name, double)
        yield trail
    finally:
        for name, original in real.items():
            setattr(os, name, original)
