"""Disks that can be cut off at one instant: a file system in an image that lies in another one.

The outer file system is frozen (``FIFREEZE``, ``fsfreeze(8)``) while the image is copied: until it
is thawed no write of the inner one arrives, so the copy is what a disk holds at a power cut, with
all finished writes and nothing that was only in memory.  That needs no reflinks; a plain copy
would mix instants, because the kernel goes on writing while it is read.

Each image is mounted in a mount and process namespace of its own, all at the same path: documents
hold absolute paths, and what one run leaves running must not be seen by another.  The kernel
unmounts and detaches when the namespace ends, however it ends.
"""

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

FILE_SYSTEM: Final = "ext4"
IMAGE_BYTES: Final = 96 * 1024**2
OUTER_BYTES: Final = 4 * IMAGE_BYTES  # sparse
ROOM_BYTES: Final = 2 * 1024**3  # for all images that there are at a time

_MEMORY: Final = Path("/dev/shm")
_FREEZE, _THAW = 0xC0045877, 0xC0045878
_NAMESPACES: Final = (
    *("unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"),
    "--mount-proc",
)
_TOOLS: Final = ("mkfs.ext4", "e2fsck", "mount", "umount", "unshare", "cp")


def reason_against() -> str:
    """Why this machine cannot do it; empty: it can."""
    if os.geteuid() != 0:
        return "it needs root, to mount images"
    missing = [name for name in _TOOLS if shutil.which(name) is None]
    if missing:
        return f"there is no {', '.join(missing)}"
    if not Path("/dev/loop-control").exists():
        return "there are no loop devices"
    tried = subprocess.run([*_NAMESPACES, "true"], capture_output=True, check=False)
    return "" if tried.returncode == 0 else "no namespaces may be made here"


def place() -> Path | None:
    """Where images are best made: in memory if there is room, so that no real disk is waited for.

    Null: the usual folder for temporary files.
    """
    found = os.statvfs(_MEMORY) if _MEMORY.is_dir() else None
    return _MEMORY if found and found.f_bavail * found.f_frsize > ROOM_BYTES else None


class Disk:
    """The outer file system, mounted at ``folder`` as long as ``opened`` lasts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def copied(self, image: Path) -> None:
        """Copy the image ``disk.img`` as it is at one instant."""
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(descriptor, _FREEZE, 0)
            try:
                copy_image(self.image, image)
            finally:
                fcntl.ioctl(descriptor, _THAW, 0)
        finally:
            os.close(descriptor)

    @property
    def image(self) -> Path:
        """The image that a run works in."""
        return self.folder / "disk.img"


@contextlib.contextmanager
def opened(place: Path) -> Iterator[Disk]:
    """Make and mount an outer file system below ``place``; at the end it is unmounted."""
    outer, folder = place / "outer.img", place / "outer"
    # Without a journal of its own: it is only there to be frozen.
    make_image(outer, OUTER_BYTES, "-O", "^has_journal")
    folder.mkdir()
    _call("mount", "-o", "loop", str(outer), str(folder))
    try:
        yield Disk(folder)
    finally:
        _call("umount", str(folder))
        outer.unlink()


def make_image(image: Path, size: int, *options: str) -> None:
    """An empty file system in a sparse file of ``size`` bytes."""
    with image.open("wb") as file:
        file.truncate(size)
    lazy = "lazy_itable_init=0,lazy_journal_init=0"
    _call(f"mkfs.{FILE_SYSTEM}", "-q", "-F", "-E", lazy, *options, str(image))


def copy_image(source: Path, target: Path) -> None:
    """Copy an image without its holes."""
    _call("cp", "--sparse=always", str(source), str(target))


def started_inside(program: Path, *arguments: str, said: Path) -> "subprocess.Popen[bytes]":
    """Start a Python program in namespaces of its own; what it prints goes to the file ``said``."""
    with said.open("ab") as file:
        return subprocess.Popen(
            [*_NAMESPACES, sys.executable, str(program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        )


@contextlib.contextmanager
def mounted(image: Path, folder: Path) -> Iterator[None]:
    """Mount an image at a folder; only inside of namespaces of one's own."""
    folder.mkdir(exist_ok=True)
    _call("mount", "-o", "loop", str(image), str(folder))
    try:
        yield
    finally:
        _call("umount", str(folder))


def checked(image: Path) -> str:
    """What the file system's own check finds wrong with an image that is not mounted."""
    done = subprocess.run(["e2fsck", "-f", "-n", str(image)], capture_output=True, check=False)
    return "" if done.returncode == 0 else done.stdout.decode()[-500:]


def _call(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, check=False)
    if done.returncode:
        raise OSError(f"{_line(words)}: {done.stderr.decode().strip()}")


def _line(words: Sequence[str]) -> str:
    return " ".join(words)
