"""The search for programs and what they need: links, interpreters, virtual environments."""

import itertools
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from .unseen import Unseen, is_open, secrets_inside

MAX_SHOWN: Final = 512  # places; each is a mount of every command
MAX_ENTRIES: Final = 4096  # of one folder that are looked at
MAX_FOLLOWED: Final = 16  # links and interpreters, one after the other
MAX_LINE_BYTES: Final = 512

# What a launcher shows of the system anyway.
SYSTEM: Final = frozenset(
    map(Path, ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc/ssl/certs"))
)
_LOCAL: Final = Path("/usr/local")
_NIX: Final = Path("/nix/store")  # programs name their libraries there
_SHARED: Final = tuple(map(Path, ("/opt", "/usr", "/nix", "/snap")))  # nobody keeps sources there
_PROGRAM_FOLDERS: Final = ("bin", "sbin", "libexec", "shims")
_PYTHON: Final = re.compile(r"python[0-9.]*t?", re.ASCII)
# One of these tells an installation from a folder of sources that happens to have a ``bin``.
_INSTALLED: Final = ("pyvenv.cfg", "conda-meta", "include", "release", "VERSION")


class Search:
    """What was found so far; every place goes through ``show``."""

    def __init__(self, forbidden: Unseen, target: Path | None) -> None:
        """``forbidden`` has the last word; nothing in ``target`` is trusted."""
        self._target = None if target is None else target.resolve()
        self.left_out = dict[str, None]()  # lines, in the order of the search
        self._forbidden = forbidden
        self._shown = dict[Path, None]()
        self._followed = set[Path]()

    def is_shown(self, path: Path) -> bool:
        """Whether commands see it."""
        return any(each in SYSTEM or each in self._shown for each in (path, *path.parents))

    def outermost(self) -> tuple[Path, ...]:
        """What is visible, sorted, without what lies in something else that is."""
        return tuple(
            sorted(
                path
                for path in self._shown
                if not any(parent in self._shown for parent in path.parents)
            )
        )

    def show(self, path: Path) -> bool:
        """Make a place visible, here and where it leads; whether it is, but for its secrets."""
        real = path.resolve()
        if not os.access(real, os.R_OK):
            return False
        for each in dict.fromkeys((path, real)):
            if self.is_shown(each):
                continue
            if reason := self._forbidden.refusal(each):
                self.left_out[f"{path}: {reason}"] = None
                return False
            whole = _NIX if each.is_relative_to(_NIX) else each
            for part in _without(whole, secrets_inside(whole)):
                if len(self._shown) >= MAX_SHOWN:
                    self.left_out[f"{part}: there are more than {MAX_SHOWN} places"] = None
                    return False
                self._shown[part] = None
        return True

    def installation(self, folder: Path) -> bool:
        """Make an installation visible, and the one that a virtual environment was made from."""
        if self._is_of_target(folder):
            return self._untrusted(folder)
        if not is_open(folder) or not self.show(folder):
            return False
        base = _base_of(folder)
        if base is not None:
            self.program(base / "python")
        self._programs(folder / "bin")
        return True

    def search_path(self, value: str) -> Iterator[str]:
        """The folders of ``PATH`` that commands can use, each with what its programs need.

        Relative entries go: a ``git`` in the worktree must not stand in for git.
        """
        for entry in value.split(os.pathsep):
            folder = Path(entry)
            if not entry.startswith("/") or not is_open(folder):
                continue
            if self._is_of_target(folder) and folder.is_symlink():
                continue
            if not any(folder.is_relative_to(each) for each in SYSTEM):
                folder = folder.resolve()  # what links there may be gone, or lie beside secrets
                if not self._around(folder):
                    continue
            yield str(folder)
            self._programs(folder)

    def program(self, path: Path) -> None:
        """Make visible what a program is linked to, where that is installed, what interprets it."""
        for _ in range(MAX_FOLLOWED):
            path = Path(os.path.normpath(path))
            if path in self._followed or not os.access(path, os.R_OK):
                return
            self._followed.add(path)
            modules = _node_modules(path)
            if modules is not None and not self._is_of_target(modules):
                self.show(modules)  # what a package needs lies beside it, or around it
            if path.parent.name not in _PROGRAM_FOLDERS or not self._around(path.parent):
                in_shared = any(path.parent.is_relative_to(each) for each in _SHARED)
                self.show(path.parent if in_shared else path)
            if path.is_symlink():
                path = path.parent.resolve() / path.readlink()
            elif (interpreter := _interpreter(path)) is not None:
                path = interpreter
            else:
                return

    def _untrusted(self, folder: Path) -> bool:
        """Make a folder of the target's visible, and the Python it links to; nothing else.

        The repository may have brought it along, with links to whatever its author wants to read.
        """
        if folder.is_symlink() or not is_open(folder) or not self.show(folder):
            return False
        for programs in (folder / "bin", _base_of(folder)):
            if programs is not None and _is_python(programs / "python"):
                self.program(programs / "python")
        return True

    def _is_of_target(self, folder: Path) -> bool:
        parent = folder.parent.resolve()  # what it leads to itself is for the target to say
        return self._target is not None and parent.is_relative_to(self._target)

    def _around(self, programs: Path) -> bool:
        """Make a folder of programs visible, with the installation it is part of."""
        prefix = programs.parent
        if self.is_shown(programs):
            return True
        if (
            programs.name in _PROGRAM_FOLDERS
            and _is_installation(prefix)
            and not self._forbidden.refusal(prefix)
            and not self._forbidden.refusal(prefix.resolve())
        ):
            return self.installation(prefix)
        return self.show(programs)

    def _programs(self, folder: Path) -> None:
        """Follow the programs of a folder; of the system's only what it does not know itself."""
        folder = folder.resolve()
        if folder in self._followed or not is_open(folder) or self._is_of_target(folder):
            return
        self._followed.add(folder)
        is_system = any(folder.is_relative_to(each) for each in SYSTEM)
        links_only = is_system and not folder.is_relative_to(_LOCAL)
        with os.scandir(folder) as entries:
            found = sorted(itertools.islice(entries, MAX_ENTRIES), key=lambda each: each.name)
        interpreters = set[Path | None]()
        for entry in found:
            if entry.is_symlink():
                if _leaves(entry.path) and not self.is_shown(Path(os.path.realpath(entry.path))):
                    self.program(Path(entry.path))
            elif not links_only and entry.is_file():
                interpreters.add(_interpreter(Path(entry.path)))
        for interpreter in sorted(each for each in interpreters if each is not None):
            if not self.is_shown(interpreter.resolve()):
                self.program(interpreter)


def _node_modules(path: Path) -> Path | None:
    """The outermost folder of packages for Node that a program is part of."""
    return next((each for each in reversed(path.parents) if each.name == "node_modules"), None)


def _is_python(path: Path) -> bool:
    """Whether a path leads to an interpreter of Python, by no other name at any link."""
    for _ in range(MAX_FOLLOWED):
        if not _PYTHON.fullmatch(path.name) or not os.access(path, os.X_OK):
            return False
        if not path.is_symlink():
            return path.resolve().parent.name == "bin" and path.is_file()
        path = path.parent.resolve() / path.readlink()
    return False


def _is_installation(folder: Path) -> bool:
    if any(folder.is_relative_to(each) for each in _SHARED):
        return True
    return any(os.access(folder / name, os.F_OK) for name in _INSTALLED)


def _leaves(link: str) -> bool:
    """Whether it is worth a look where a link leads: most of the system's stay beside it."""
    target = str(Path(link).readlink())
    return ".." in target or (target.startswith("/") and not target.startswith("/usr/lib/"))


def _without(root: Path, secrets: tuple[Path, ...]) -> Iterator[Path]:
    """The root, or all of its parts that do not lead to a secret."""
    if root in secrets:
        return
    if not any(secret.is_relative_to(root) for secret in secrets):
        yield root
        return
    for part in sorted(root.iterdir()) if is_open(root) else ():
        yield from _without(part, secrets)


def _base_of(environment: Path) -> Path | None:
    """The folder with the interpreter that a virtual environment of Python was made from."""
    for line in _head(environment / "pyvenv.cfg").decode(errors="replace").splitlines():
        name, _, value = line.partition("=")
        if name.strip() == "home" and value.strip().startswith("/"):
            return Path(value.strip())
    return None


def _interpreter(script: Path) -> Path | None:
    """What a script's first line names; null for other programs and what ``PATH`` leads to."""
    first, _, rest = _head(script).partition(b"\n")
    if not first.startswith(b"#!"):
        return None
    words = first[2:].split()
    # Installers write this where the path is too long, or has spaces, for a first line.
    if words == [b"/bin/sh"] and rest.startswith(b"'''exec' "):
        words = [rest[len(b"'''exec' ") :].split(b' "$0"', 1)[0].strip(b'"')]
    if not words or not words[0].startswith(b"/") or words[0] == b"/usr/bin/env":
        return None
    return Path(os.fsdecode(words[0]))


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_LINE_BYTES)
    except OSError:
        return b""
