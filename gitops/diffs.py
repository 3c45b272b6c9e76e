"""How two trees differ: as records, and as text for people and agents."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ..state.enums import ChangeKind
from ..state.work import FileChange
from .names import check_commit
from .program import Place, git, shown

RENAME_LIMIT: Final = 1000  # files on one side; beyond it renames show as deleted and added
PATCH_LIMIT: Final = 1024 * 1024  # bytes
PATCH_CUT: Final = "\n[The patch is longer than 1 MiB; the rest was cut.]\n"
_AS_PATCH: Final = (
    "--patch",
    "--full-index",
    "--find-renames",
    f"-l{RENAME_LIMIT}",
    "--no-ext-diff",
    "--no-textconv",
    "--no-color",
)
_DELETED: Final = "000000"
_KINDS: Final = {
    "A": ChangeKind.ADDED,
    "D": ChangeKind.DELETED,
    "M": ChangeKind.MODIFIED,
    "T": ChangeKind.MODIFIED,
    "R": ChangeKind.RENAMED,
}


def changes(store: Path, old: str, new: str) -> tuple[FileChange, ...]:
    """How two commits or trees differ, sorted by path; binary files count no lines."""
    if old == new:
        return ()
    output = git(
        Place(store),
        "diff-tree",
        "-r",
        "-z",
        "--raw",
        "--numstat",
        "--find-renames",
        f"-l{RENAME_LIMIT}",
        "--no-ext-diff",
        "--no-textconv",
        check_commit(old),
        check_commit(new),
    )
    fields = iter(output.stdout.split(b"\0")[:-1])
    found = list[tuple[bytes, bytes | None, ChangeKind, str]]()
    lines = dict[bytes, tuple[int, int]]()
    for head in fields:
        if head.startswith(b":"):
            found.append(_raw(head, fields))
        else:
            path, added, deleted = _numstat(head, fields)
            lines[path] = (added, deleted)
    return tuple(
        FileChange(
            path=shown(path),
            kind=kind,
            old_path=None if old_path is None else shown(old_path),
            added_lines=lines.get(path, (0, 0))[0],
            deleted_lines=lines.get(path, (0, 0))[1],
            mode=mode,
        )
        for path, old_path, kind, mode in sorted(found, key=lambda each: each[0])
    )


def patch(store: Path, commit: str) -> str:
    """A commit as a patch with its message, cut with a mark at ``PATCH_LIMIT`` bytes."""
    command = ("diff-tree", *_AS_PATCH, "--root", "--pretty=email", check_commit(commit))
    output = git(Place(store), *command, limit=PATCH_LIMIT, cut=True)
    text = output.stdout.decode("utf-8", "replace")
    return text + PATCH_CUT if output.truncated else text


def diff(store: Path, old: str, new: str) -> str:
    """Two commits or trees as one patch, whole; raises GitError when it is over 256 MiB."""
    if old == new:
        return ""
    command = ("diff-tree", *_AS_PATCH, check_commit(old), check_commit(new))
    return git(Place(store), *command).stdout.decode("utf-8", "replace")


def _raw(head: bytes, fields: Iterator[bytes]) -> tuple[bytes, bytes | None, ChangeKind, str]:
    old_mode, mode, _, _, status = head[1:].decode().split(" ")
    path, old_path = next(fields), None
    if status[0] == "R":
        path, old_path = next(fields), path
    return path, old_path, _KINDS[status[0]], old_mode if mode == _DELETED else mode


def _numstat(head: bytes, fields: Iterator[bytes]) -> tuple[bytes, int, int]:
    added, deleted, path = head.split(b"\t", 2)
    if not path:  # a rename: both names follow
        next(fields)
        path = next(fields)
    return path, _count(added), _count(deleted)


def _count(number: bytes) -> int:
    return 0 if number == b"-" else int(number)
