"""Merges and picks in object space: no worktree is touched, and no program of the user's is run."""

import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Final

from attrs import frozen

from ..state.errors import GitError
from ..state.git_values import Merge
from ..state.records import Identity
from .names import check_commit
from .objects import adopt, make_commit, tree_of
from .program import Place, git, shown

_NOBODY: Final = Identity(name="dispatch", email="dispatch@localhost")
_TRIES: Final = 3  # when the user's repository throws away objects while we copy them
_ABSENT: Final = f"0 {'0' * 40}\t"
_BASE, _OURS, _THEIRS = 1, 2, 3  # git's names of the stages of a conflict
_REGULAR: Final = frozenset({"100644", "100755"})
_NO_TEXT: Final = 255  # what git merge-file exits with for a binary file


@frozen
class _Side:
    """What one side of a conflict has at a path."""

    mode: str
    object_id: str


def merge(
    store: Path, ours: str, theirs_tree: str, base: str, united: Collection[str] = ()
) -> Merge:
    """Merge a tree that was made on commit ``base`` into commit ``ours``; renames are followed.

    With conflicts the tree holds the conflicting hunks between markers.  In a text file of
    ``united`` that both sides have, the lines of both are kept instead, and it is no conflict.
    """
    ours_tree = tree_of(store, ours)
    # Throw-away commits, so that the base is the given one whatever the history looks like.
    root = make_commit(store, tree_of(store, base), (), "base", _NOBODY, 0)
    sides = [
        make_commit(store, tree, (root,), name, _NOBODY, 0)
        for name, tree in (("ours", ours_tree), ("theirs", check_commit(theirs_tree)))
    ]
    for left in reversed(range(_TRIES)):
        output = git(
            Place(store), "merge-tree", "--write-tree", "-z", "--no-messages", *sides, accept=(0, 1)
        )
        tree, *records = output.stdout.split(b"\0")
        stages = _stages(records)
        if bool(output.code) != bool(stages):
            names = sorted(map(shown, stages))
            raise GitError(f"git merge-tree exited {output.code} and named {names}.")
        merged = _united(store, tree.decode(), stages, united)
        try:
            adopt(store, ours_tree, merged.tree)
        except GitError:
            if not left:
                raise
        else:
            break
    return merged


def pick(store: Path, onto: str, source_tree: str, paths: Sequence[str]) -> str:
    """The tree of commit ``onto`` with files ``paths`` as they are, or are not, in a tree."""
    wanted = {path.encode() for path in paths}
    there = dict[bytes, bytes]()
    listed = git(Place(store), "ls-tree", "-r", "-z", check_commit(source_tree)).stdout
    for record in listed.split(b"\0")[:-1]:
        path = record.partition(b"\t")[2]
        if path in wanted:
            there[path] = record
    # Removals first: a folder may come where a file was.
    lines = [_ABSENT.encode() + path for path in sorted(wanted - there.keys())]
    lines += [there[path] for path in sorted(there)]
    with tempfile.TemporaryDirectory(prefix="dispatch-index-") as folder:
        place = Place(store, index=Path(folder) / "index")
        git(place, "read-tree", check_commit(onto))
        git(
            place,
            "update-index",
            "--replace",
            "-z",
            "--index-info",
            stdin=b"".join(line + b"\0" for line in lines),
        )
        tree = git(place, "write-tree").stdout.decode().strip()
    adopt(store, tree_of(store, onto), tree)
    return tree


def _stages(records: Sequence[bytes]) -> Mapping[bytes, Mapping[int, _Side]]:
    """The base (1), ours (2) and theirs (3) of each conflicting path."""
    stages: dict[bytes, dict[int, _Side]] = {}
    for record in filter(None, records):
        head, _, path = record.partition(b"\t")
        mode, object_id, stage = head.decode().split(" ")
        stages.setdefault(path, {})[int(stage)] = _Side(mode, object_id)
    return stages


def _united(
    store: Path,
    tree: str,
    stages: Mapping[bytes, Mapping[int, _Side]],
    wanted: Collection[str],
) -> Merge:
    """The merge with the union of both sides in the wanted files."""
    unions = dict[bytes, bytes]()
    for path in sorted(stages):
        if shown(path) in wanted and (text := _union(store, stages[path])) is not None:
            unions[path] = text
    conflicts = tuple(sorted(map(shown, stages.keys() - unions.keys())))
    if not unions:
        return Merge(tree, conflicts)
    with tempfile.TemporaryDirectory(prefix="dispatch-index-") as folder:
        place = Place(store, index=Path(folder) / "index")
        git(place, "read-tree", tree)
        lines = []
        for path, text in unions.items():
            blob = git(place, "hash-object", "-w", "--stdin", stdin=text).stdout.strip()
            lines.append(f"{stages[path][_OURS].mode} ".encode() + blob + b"\t" + path + b"\0")
        git(place, "update-index", "-z", "--index-info", stdin=b"".join(lines))
        return Merge(git(place, "write-tree").stdout.decode().strip(), conflicts)


def _union(store: Path, sides: Mapping[int, _Side]) -> bytes | None:
    """Both sides' lines, those of ours first where they conflict; null where that has no meaning.

    That is where one side has no such file, where it is no regular file, and for binary files.
    """
    modes = {sides[stage].mode for stage in (_OURS, _THEIRS) if stage in sides}
    if not sides.keys() >= {_OURS, _THEIRS} or len(modes) != 1 or not modes <= _REGULAR:
        return None
    with tempfile.TemporaryDirectory(prefix="dispatch-union-") as folder:
        files = []
        for stage in (_OURS, _BASE, _THEIRS):
            side, file = sides.get(stage), Path(folder) / str(stage)
            blob = git(Place(store), "cat-file", "blob", side.object_id).stdout if side else b""
            file.write_bytes(blob)
            files.append(str(file))
        output = git(None, "merge-file", "-p", "--union", *files, accept=(0, _NO_TEXT))
    return None if output.code == _NO_TEXT else output.stdout
