"""A file system of its own for one folder, which a test fills, makes read-only and enlarges."""

import contextlib
import ctypes
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import frozen

_LIBC = ctypes.CDLL(None, use_errno=True)
_READ_ONLY, _REMOUNT, _DETACH = 1, 32, 2

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount file systems")


@frozen
class TinyDisk:
    """A tmpfs at ``path``."""

    path: Path

    @property
    def ballast(self) -> Path:
        """The file that fills it."""
        return self.path / "ballast"

    def fill(self) -> None:
        """Leave not a byte."""
        with self.ballast.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(b"\0" * 4096):
                pass

    def free(self) -> None:
        """Take the ballast away."""
        self.ballast.unlink()

    def set(self, *, kib: int = 64 * 1024, read_only: bool = False) -> None:
        """Another size, or another mode."""
        _mount(self.path, _REMOUNT | (_READ_ONLY if read_only else 0), kib)


@contextlib.contextmanager
def tiny_disk(path: Path, kib: int = 64 * 1024) -> Iterator[TinyDisk]:
    """Put a file system of that size under a folder, with what is in it."""
    kept = path.with_name(f"{path.name}.kept")
    shutil.copytree(path, kept, symlinks=True)
    _mount(path, 0, kib)
    try:
        shutil.copytree(kept, path, symlinks=True, dirs_exist_ok=True)
        yield TinyDisk(path)
    finally:
        if _LIBC.umount2(os.fsencode(path), _DETACH):
            raise OSError(ctypes.get_errno(), "umount")


def _mount(path: Path, flags: int, kib: int) -> None:
    options = f"size={kib}k,mode=0755".encode()
    if _LIBC.mount(b"none", os.fsencode(path), b"tmpfs", flags, options):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), str(path))
