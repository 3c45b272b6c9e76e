"""What a worktree holds: its content as a tree, and what in it must not leave a task.

Nothing in the worktree is believed: not its ``.git`` pointer, not its index, not the ignore rules
that may have been written there.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from attrs import frozen

from ..state.enums import ChangeKind
from ..state.errors import GitError
from ..state.git_values import Snapshot
from ..state.work import FileChange
from .diffs import changes
from .ignores import rules_of
from .layout import Layout, restore_pointer, set_settings
from .objects import adopt, tree_of
from .program import Place, git, shown
from .screening import LINK, foreign, is_not_text, is_privileged, leaves, unusable

PROBLEM_LIMIT: Final = 50  # sentences; an agent cannot act on more at once
_TRIES: Final = 3  # when the user's repository throws away objects while we copy them
_REPOSITORY: Final = b"160000"


@frozen
class Held:
    """What a worktree holds; ``strange`` are the paths that no tree can have."""

    snapshot: Snapshot
    strange: tuple[bytes, ...]


@frozen
class _Content:
    """Paths to take out of the index and to put in, and why others cannot be put in."""

    gone: tuple[bytes, ...]
    present: tuple[bytes, ...]
    problems: dict[bytes, str]


def snapshot(layout: Layout, name: str, base: str) -> Snapshot:
    """The content of a worktree as a tree and its changes since commit ``base``.

    Files are ignored by the rules of ``base`` only.  With ``problems`` the tree may lack what they
    name.  Raises GitError.
    """
    return look(layout, name, base).snapshot


def look(layout: Layout, name: str, base: str, index: Path | None = None) -> Held:
    """The same with the paths that the tree lacks; ``index`` is where to leave git's index."""
    for left in reversed(range(_TRIES)):
        try:
            return _look(layout, name, base, index)
        except GitError:
            if not left:
                raise
    raise AssertionError("unreachable")


def _look(layout: Layout, name: str, base: str, leave: Path | None) -> Held:
    set_settings(layout)
    with tempfile.TemporaryDirectory(prefix="dispatch-index-") as folder:
        index, rules = Path(folder) / "index", Path(folder) / "rules"
        rules.write_bytes(rules_of(layout.store, base))
        place = layout.place(name, index)
        _start_index(layout, name, base, index)
        content = _read(place, rules)
        problems = {**_problem_of_pointer(layout, name), **content.problems}
        _feed(place, ("--force-remove",), content.gone)
        refused = _feed(place, ("--add", "--remove", "--replace"), content.present)
        if refused:
            problems |= {path: f"Git refuses {shown(path)}: {refused}." for path in content.present}
        tree = git(place, "write-tree").stdout.decode().strip()
        if leave is not None:
            shutil.copy2(index, leave)
    base_tree = tree_of(layout.store, base)
    adopt(layout.store, base_tree, tree)
    found = changes(layout.store, base_tree, tree)
    sentences = sorted([*problems.values(), *_problems_of_changes(layout, name, base, found)])
    return Held(Snapshot(tree, found, tuple(sentences[:PROBLEM_LIMIT])), tuple(problems))


def _start_index(layout: Layout, name: str, base: str, index: Path) -> None:
    """Begin with the index of the checkout: what was not touched since need not be read again."""
    built = layout.admin(name) / "built-index"
    if built.is_file():
        # With its time: what was written in the same instant, git compares by content.
        shutil.copy2(built, index)
    else:
        git(Place(layout.store, index=index), "read-tree", base)


def _read(place: Place, rules: Path) -> _Content:
    assert place.work_tree is not None
    root = os.fsencode(place.work_tree)
    exclude = f"--exclude-from={rules}"
    ignored = _listed(place, "ls-files", "-z", "--others", "--ignored", "--directory", exclude)
    problems = dict(foreign(root, frozenset(ignored), _submodules(place)))
    gone, present = list[bytes](), list[bytes]()
    differing = iter(_listed(place, "diff-files", "-z", "--name-status", "--no-renames"))
    for status, path in zip(differing, differing, strict=True):
        (gone if status == b"D" else present).append(path)
    present += _listed(place, "ls-files", "-z", "--others", exclude)
    kept = list[bytes]()
    for path in present:
        problem = problems.get(path.rstrip(b"/")) or unusable(root, path)
        if problem is None:
            kept.append(path)
        else:
            problems[path.rstrip(b"/")] = problem
    for path in gone:
        if is_not_text(path):
            problems[path] = f"{shown(path)} was deleted, and its name is not UTF-8."
    return _Content(tuple(gone), tuple(kept), problems)


def _submodules(place: Place) -> frozenset[bytes]:
    records = _listed(place, "ls-files", "-z", "--stage")
    return frozenset(each.partition(b"\t")[2] for each in records if each.startswith(_REPOSITORY))


def _feed(place: Place, options: tuple[str, ...], paths: tuple[bytes, ...]) -> str:
    """Put paths into or out of the index; what git said when it refused, else empty."""
    if not paths:
        return ""
    stdin = b"\0".join(paths) + b"\0"
    output = git(place, "update-index", *options, "-z", "--stdin", stdin=stdin, accept=(0, 1, 128))
    return output.stderr if output.code else ""


def _problems_of_changes(
    layout: Layout, name: str, base: str, found: tuple[FileChange, ...]
) -> Iterator[str]:
    root = layout.worktree(name)
    there = [change for change in found if change.kind is not ChangeKind.DELETED]
    if not there:
        return
    for change in there:
        if change.mode == LINK and leaves(root, change.path):
            yield f"{change.path} is a symbolic link that leads out of the worktree."
        if is_privileged(root, change.path):
            yield (
                f"{change.path} has a setuid or setgid bit, which no commit can keep; take it away."
            )
    with tempfile.TemporaryDirectory(prefix="dispatch-index-") as folder:
        place = Place(layout.store, index=Path(folder) / "index")
        git(place, "read-tree", base)
        paths = "".join(f"{change.path}\0" for change in there).encode()
        fields = iter(
            _listed(place, "check-attr", "-z", "--cached", "--stdin", "filter", stdin=paths)
        )
        for path, _, value in zip(fields, fields, fields, strict=True):
            if value not in (b"unspecified", b"unset"):
                yield (
                    f"{shown(path)} belongs to the filter '{shown(value)}', which is not run here; "
                    "leave the file as it was."
                )


def _problem_of_pointer(layout: Layout, name: str) -> dict[bytes, str]:
    if restore_pointer(layout, name):
        return {}
    return {b".git": "The worktree's .git file was replaced; remove what is there now."}


def _listed(place: Place, *arguments: str, stdin: bytes = b"") -> list[bytes]:
    return git(place, *arguments, stdin=stdin).stdout.split(b"\0")[:-1]
