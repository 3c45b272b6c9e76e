"""Where the runs of a repository are, as every verb that looks at one finds them."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..gitops.layout import Layout
from ..gitops.names import RUN_FOLDER, check_run_name
from ..gitops.user_git import locate
from ..state.errors import UsageError
from ..state.lock import LOCK
from ..state.near import nearest_of
from ..state.run_files import DOCUMENT

if TYPE_CHECKING:
    from ..state.records import Run


def runs_folder(repo: Path) -> Path:
    """The folder that holds the runs of the repository at ``repo``; it may not exist."""
    return locate(repo).root / RUN_FOLDER


def run_names(folder: Path) -> tuple[str, ...]:
    """The runs that are there, sorted; files and folders that are no runs are left out."""
    if not folder.is_dir():
        return ()
    return tuple(sorted(each.name for each in folder.iterdir() if _is_run(each)))


def folder_of(repo: Path, name: str) -> Path:
    """The folder of a run that is there; raises UsageError, naming those that are."""
    folder = runs_folder(repo)
    known = run_names(folder)
    if check_run_name(name) not in known:
        hint = nearest_of(name, "Known runs", known)
        raise UsageError(f"There is no run {name} in {folder.parent}.", hint)
    return folder / name


def open_run(repo: Path, name: str) -> "tuple[Path, Run]":
    """A run's folder and its document, only to be read."""
    from ..state.document import load_run_of  # its records take longer to load than all else here

    folder = folder_of(repo, name)
    return folder, load_run_of(folder)


def has_worktrees(folder: Path) -> bool:
    """Whether a run's folder has any, which ``teardown`` removes."""
    worktrees = Layout(folder).worktrees
    return worktrees.is_dir() and any(worktrees.iterdir())


def _is_run(folder: Path) -> bool:
    # One that was killed in its first moments has a lock, but no document yet.
    marks = (DOCUMENT, LOCK)
    # Whatever stands in a document's place: who reads it says what is wrong with it.
    return not folder.is_symlink() and any(os.path.lexists(folder / mark) for mark in marks)
