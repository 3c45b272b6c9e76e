"""Every disk state that a run passes through, from one run of it.

Before each file-changing call the run is held; what its site looks like then is what a kill at
that instant leaves, so a copy of it stands for the kill.  For a torn write half of it is written
into the copy.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from attrs import define, field, frozen
from crash.sites import Site, content_of, copy
from crash.sysfault import TORN, Call, Fault, supervise

TWICE: Final = "twice"  # cut, and cut once more while it goes on
MAX_WAITING: Final = 48  # copies that nobody took yet; then the run is held until one goes
MAX_TRIES: Final = 50  # to copy a site in which a call is still being carried out
SECONDS_BETWEEN_LOOKS: Final = 0.01


@frozen(kw_only=True)
class Moment:
    """A point of a recorded run; ``copy`` is null where the state ``content`` was copied before."""

    mode: str
    at: int
    call: str
    content: str
    copy: Path | None


@frozen(kw_only=True)
class Stride:
    """Which points are tried: every ``step``-th from ``first`` on, counted from 1.

    Counted are calls ``among`` these names (empty: of any); ``most``: so many points, and no more.
    """

    step: int = 1
    first: int = 1
    most: int | None = None
    among: frozenset[str] = frozenset()

    def has(self, at: int) -> bool:
        """Whether this point is one of them."""
        number, rest = divmod(at - self.first, self.step)
        return number >= 0 and rest == 0 and (self.most is None or number < self.most)


@define(kw_only=True)
class Recorder:
    """Sends the moments of a run that is played under its eyes."""

    site: Site
    copies: Path
    strides: dict[str, Stride]
    send: Callable[[Moment], None]
    seen: set[str] = field(factory=set)
    counts: dict[str, int] = field(factory=dict)

    def record(self) -> int:
        """Play the story to its end; the last exit code."""
        return self.site.play(lambda program: supervise(program, look=self._look))

    def _look(self, call: Call) -> None:
        for mode, stride in self.strides.items():
            if mode == TORN and not call.is_plain_write:
                continue
            if stride.among and call.name not in stride.among:
                continue
            at = self.counts[mode] = self.counts.get(mode, 0) + 1
            if stride.has(at):
                self._keep(mode, at, call)

    def _keep(self, mode: str, at: int, call: Call) -> None:
        while sum(1 for _ in os.scandir(self.copies)) >= MAX_WAITING:
            time.sleep(SECONDS_BETWEEN_LOOKS)
        place = self.copies / f"{mode}-{at}"
        _copy_at_rest(self.site.place, place)
        if mode == TORN:
            _tear(call, self.site.place, place)
        content = content_of(place)
        known = content in self.seen and mode != TWICE
        if known:
            shutil.rmtree(place)
        if mode != TWICE:  # each of those is killed elsewhere once more
            self.seen.add(content)
        self.send(
            Moment(
                mode=mode,
                at=at,
                call=call.name,
                content=content,
                copy=None if known else place,
            )
        )


def faults(mode: str, stride: Stride, *, sticky: bool = False) -> Iterator[Fault]:
    """The points to try for real; whoever takes them stops when one was never reached."""
    at = stride.first
    while stride.has(at):
        yield Fault(at=at, mode=mode, sticky=sticky, among=stride.among)
        at += stride.step


def _copy_at_rest(place: Path, target: Path) -> None:
    """Copy a site in which no call begins, once those that had begun are over."""
    for _ in range(MAX_TRIES):
        before = _stamps(place)
        try:
            copy(place, target)
        except (OSError, shutil.Error):
            shutil.rmtree(target, ignore_errors=True)
            continue
        if _stamps(place) == before:
            return
        shutil.rmtree(target)
    raise TimeoutError(f"{place} does not come to rest")


def _stamps(place: Path) -> list[tuple[str, int, int, int]]:
    found = []
    waiting = [os.fspath(place)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    is_ = entry.stat(follow_symlinks=False)
                    found.append((entry.path, is_.st_ino, is_.st_size, is_.st_ctime_ns))
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except FileNotFoundError:
            continue
    return sorted(found)


def _tear(call: Call, place: Path, target: Path) -> None:
    """Write half of what a call is about to write, into the copy."""
    path, offset = call.target()
    if not path.startswith(f"{place}/") or path.endswith(" (deleted)"):
        return
    with (target / Path(path).relative_to(place)).open("r+b", buffering=0) as file:
        file.seek(offset)
        file.write(call.half())
