"""What of the user's repository no agent may change, read without git, and fast while it stays.

Each file is read once and again only when its status says that it is another one.  Refs and notes
of runs are left out: the run compares them itself, whenever it moves one.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from io import BytesIO
from threading import Lock
from typing import Final

from dulwich.config import ConfigFile

from ..state.git_values import Fingerprint
from .user_git import UserGit

_OURS: Final = ("refs/heads/dispatch/", "refs/notes/dispatch/", "refs/dispatch/")
_INCLUDED_LIMIT: Final = 32  # files that settings include, also those that include each other
_SIZE_LIMIT: Final = 64 * 1024 * 1024  # bytes of a file that are read
_SETTINGS: Final = ("config", "config.worktree")
_INCLUDING: Final = ("include.path", "includeif.")
_MADE_BY_GC: Final = "refs"  # below info
_SAMPLE: Final = ".sample"  # hooks that git never runs

_Values = dict[str, str]
_Status = tuple[int, ...]  # empty: there is nothing


class Tripwire:
    """One user's repository, looked at again and again; safe to use from several threads."""

    def __init__(self, user: UserGit) -> None:
        self._user = user
        self._known: dict[str, tuple[_Status, _Values]] = {}
        self._lock = Lock()

    def look(self) -> Fingerprint:
        """What is there now."""
        with self._lock:
            return Fingerprint(
                settings=self._settings() | self._hooks(),
                refs=self._refs(),
                files=self._files(),
            )

    def _settings(self) -> _Values:
        found, seen = _Values(), set[str]()
        folders = dict.fromkeys((self._user.common_dir, self._user.git_dir))
        waiting = [str(folder / name) for folder in folders for name in _SETTINGS]
        while waiting and len(seen) < _INCLUDED_LIMIT:
            path = waiting.pop(0)
            if path in seen:
                continue
            seen.add(path)
            for key, value in self._read(path, _settings_of).items():
                if key.startswith(_INCLUDING):
                    waiting += (_included(path, each) for each in value.split("\0"))
                digest = _digest(value.encode("utf-8", "surrogateescape"))
                found[key] = f"{found.get(key, '')}{path}={digest};"
        return found

    def _hooks(self) -> _Values:
        folder = self._user.common_dir / "hooks"
        return {
            f"hooks/{entry.name}": str(_status(entry))
            for entry in _listed(str(folder))
            if not entry.name.endswith(_SAMPLE)
        }

    def _refs(self) -> _Values:
        common = str(self._user.common_dir)
        found = dict(self._read(f"{common}/packed-refs", _packed))
        found |= self._loose(f"{common}/refs", "refs/")
        found |= self._read(str(self._user.git_dir / "HEAD"), _one("HEAD"))
        return found

    def _loose(self, folder: str, prefix: str) -> _Values:
        found, known = _Values(), self._known
        for entry in _listed(folder):
            name = prefix + entry.name
            if entry.is_dir(follow_symlinks=False):
                if f"{name}/" not in _OURS:
                    found |= self._loose(entry.path, f"{name}/")
            elif not name.endswith(".lock"):
                status, before = _status(entry), known.get(name)
                if before is None or before[0] != status:
                    before = known[name] = (status, _one(name)(_content(entry.path)))
                found |= before[1]
        return found

    def _files(self) -> _Values:
        found = {"index": str(_status_of(str(self._user.git_dir / "index")))}
        for entry in _listed(str(self._user.common_dir / "info")):
            if entry.name != _MADE_BY_GC:
                found[f"info/{entry.name}"] = str(_status(entry))
        return found

    def _read(self, path: str, parse: Callable[[bytes], _Values]) -> _Values:
        """What a file holds; none there: nothing."""
        status, known = _status_of(path), self._known.get(path)
        if known is None or known[0] != status:
            known = self._known[path] = (status, parse(_content(path)) if status else {})
        return known[1]


def _settings_of(content: bytes) -> _Values:
    """Each key, in lower case but for the name in the middle, with its values."""
    found = dict[str, list[str]]()
    try:
        parsed = ConfigFile.from_file(BytesIO(content), expand_includes=False)
    except ValueError:  # git would not take it, either
        return {"unreadable": _digest(content)}
    for section in parsed.sections():
        head, *middle = (os.fsdecode(part) for part in section)
        for name, value in parsed.items(section):
            key = ".".join((head.lower(), *middle, os.fsdecode(name).lower()))
            found.setdefault(key, []).append(os.fsdecode(value))
    return {key: "\0".join(values) for key, values in found.items()}


def _included(path: str, value: str) -> str:
    return os.path.join(os.path.dirname(path), os.path.expanduser(value))  # noqa: PTH111, PTH118, PTH120 # strings


def _packed(content: bytes) -> _Values:
    lines = (line.partition(" ") for line in os.fsdecode(content).split("\n"))
    return {
        name: commit
        for commit, _, name in lines
        if name.startswith("refs/") and not name.startswith(_OURS)
    }


def _one(name: str) -> Callable[[bytes], _Values]:
    return lambda content: {name: os.fsdecode(content).strip()}


def _listed(folder: str) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError:
        return


def _content(path: str) -> bytes:
    """What can be read of a file at once; a pipe or a folder has nothing."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            return file.read(_SIZE_LIMIT)
    except OSError:
        return b""


def _status(entry: os.DirEntry[str]) -> _Status:
    try:
        return _told(entry.stat(follow_symlinks=False))
    except OSError:
        return ()


def _status_of(path: str) -> _Status:
    try:
        return _told(os.lstat(path))
    except OSError:
        return ()


def _told(is_: os.stat_result) -> _Status:
    # The time of the last change of any kind is the one that no program can set.
    return (is_.st_ino, is_.st_mode, is_.st_size, is_.st_mtime_ns, is_.st_ctime_ns)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
