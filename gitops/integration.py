"""Merges and picks in object space: no worktree is touched, and no program of the user's is run."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ..state.errors import GitError
from ..state.git_values import Merge
from ..state.records import Identity
from .names import check_commit
from .objects import adopt, make_commit, tree_of
from .program import Place, git, shown

_NOBODY: Final = Identity(name="dispatch", email="dispatch@localhost")
_TRIES: Final = 3  # when the user's repository throws away objects while we copy them
_ABSENT: Final = f"0 {'0' * 40}\t"


def merge(store: Path, ours: str, theirs_tree: str, base: str) -> Merge:
    """Merge a tree that was made on commit ``base`` into commit ``ours``; renames are followed.

    With conflicts the tree holds the conflicting hunks between markers.
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
            Place(store),
            "merge-tree",
            "--write-tree",
            "-z",
            "--name-only",
            "--no-messages",
            *sides,
            accept=(0, 1),
        )
        tree, *paths = output.stdout.split(b"\0")
        merged = Merge(
            tree.decode(), tuple(sorted({shown(path) for path in paths if path.strip()}))
        )
        try:
            adopt(store, ours_tree, merged.tree)
        except GitError:
            if not left:
                raise
        else:
            break
    if bool(output.code) != bool(merged.conflicts):
        raise GitError(f"git merge-tree exited {output.code} and named {merged.conflicts}.")
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
