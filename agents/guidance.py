"""What a repository says to those who work on it: its guides and skills, gathered for a prompt.

It is the repository's text, not ours: whoever puts it into a prompt marks it as such.
"""

import errno
from pathlib import Path
from typing import Final

from attrs import frozen

from ..state.errors import UsageError
from .tools.beneath import Opener
from .tools.outputs import plain
from .tools.paths import Refused
from .tools.tree import MAX_ENTRIES, Tree

MAX_TOTAL_BYTES: Final = 64 * 1024
MAX_SHOWN_BYTES: Final = 24 * 1024  # of one file
MAX_SKILLS: Final = 200  # of one folder

OPTIONAL: Final = ("AGENTS.md", "CONVENTIONS.md", "README.md")  # named when they are missing
TOP: Final = (*OPTIONAL, "CLAUDE.md")
SKILL_FOLDERS: Final = ("skills", ".agents/skills")

_OWN_SKILL: Final = "dispatch"  # tells people how to use us, not agents how to work
_ABSENT: Final = frozenset({errno.ENOENT, errno.ENOTDIR})
_UNREADABLE: Final = frozenset({errno.EACCES, errno.EPERM, errno.EIO})


@frozen(kw_only=True)
class GuidanceFile:
    """One file: its path in the repository, its size, and as much of its text as is shown."""

    path: str
    bytes: int
    text: str
    note: str = ""  # what is not shown, and why


@frozen(kw_only=True)
class Guidance:
    """All of it, sorted by path; ``left_out`` are sentences about what could not be taken."""

    files: tuple[GuidanceFile, ...]
    missing_optional: tuple[str, ...]
    left_out: tuple[str, ...] = ()

    @property
    def total_bytes(self) -> int:
        """The size of all files together, whether shown or not."""
        return sum(file.bytes for file in self.files)

    def render(self) -> str:
        """One text: a header per file, then what is shown of it; empty when there is nothing."""
        blocks = [
            "\n".join(part for part in (f"# === {file.path} ===", file.text, file.note) if part)
            for file in self.files
        ]
        return "\n".join([*blocks, *(f"[{sentence}]" for sentence in self.left_out)])


def collect(root: Path, *, opener: Opener | None = None) -> Guidance:
    """Read the guides at the top of a repository and its skills; what is not there is fine.

    Links are followed only inside the repository.  Raises UsageError for a file that cannot be
    read, OSError when ``root`` is not there.
    """
    tree = Tree(root, opener=opener)
    files: list[GuidanceFile] = []
    left_out: list[str] = []
    known: dict[bytes, str] = {}
    room = MAX_TOTAL_BYTES
    found, missing = [], []
    for path in (*TOP, *_skills(tree)):
        try:
            data = _read(tree, path)
        except Refused as error:
            left_out.append(str(error))
            continue
        if data is None:
            missing.append(path)
        else:
            found.append((path, data))
    for path, data in found:
        file = _shown(path, data, room, known.setdefault(data, path))
        room -= len(file.text.encode())
        files.append(file)
    return Guidance(
        files=tuple(sorted(files, key=lambda file: file.path)),
        missing_optional=tuple(name for name in OPTIONAL if name in missing),
        left_out=tuple(left_out),
    )


def skills_problem(root: Path) -> str | None:
    """Why a repository has no skills, as a sentence; null when it has a folder of them."""
    try:
        _, is_folder = Tree(root).start(SKILL_FOLDERS[0])
    except Refused:
        return f"The skills directory was not found: {root / SKILL_FOLDERS[0]}."
    return None if is_folder else f"{root / SKILL_FOLDERS[0]} is not a directory."


def _skills(tree: Tree) -> list[str]:
    """Where skills may be: one file in each folder of the skill folders, sorted."""
    paths = []
    for folder in SKILL_FOLDERS:
        try:
            names, is_folder = tree.start(folder)
            listing = tree.listing(names, MAX_ENTRIES) if is_folder else []
        except (Refused, OSError):
            continue
        skills = [name for name, is_skill in listing if is_skill and name != _OWN_SKILL]
        paths += [f"{folder}/{name}/SKILL.md" for name in skills[:MAX_SKILLS]]
    return paths


def _read(tree: Tree, path: str) -> bytes | None:
    """The content; null when it is not there; raises Refused for what must not be followed."""
    try:
        return tree.read(path)
    except Refused as refusal:
        code = refusal.__cause__.errno if isinstance(refusal.__cause__, OSError) else None
        if code in _ABSENT:
            return None
        if code in _UNREADABLE:
            raise UsageError(
                f"Failed to read {tree.root / path}: permission denied.",
                hint="Make it readable, or remove it.",
            ) from refusal
        raise


def _shown(path: str, data: bytes, room: int, first: str) -> GuidanceFile:
    if first != path:
        return GuidanceFile(path=path, bytes=len(data), text="", note=f"[the same text as {first}]")
    limit = min(MAX_SHOWN_BYTES, max(0, room))
    text = plain(data[:limit].decode(errors="ignore" if len(data) > limit else "replace"))
    cut = len(data) - limit
    note = f"[cut: the last {cut} of {len(data)} bytes are not shown]" if cut > 0 else ""
    return GuidanceFile(path=path, bytes=len(data), text=text.rstrip("\n"), note=note)
