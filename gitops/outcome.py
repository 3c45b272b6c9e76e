"""What a run did to the tree, for whoever looks: from its store, or from the user's repository."""

from pathlib import Path

from ..state.work import FileChange
from . import diffs
from .layout import Layout
from .names import RUN_FOLDER, check_commit, check_run_name
from .program import Place, git
from .user_git import locate


class Outcome:
    """Commits and trees of a run, only to be read."""

    def __init__(self, target: Path, run_name: str) -> None:
        user = locate(target)
        store = Layout(user.root / RUN_FOLDER / check_run_name(run_name)).store
        # Once the store is gone, what was published is all that is left, and is in the user's.
        self.git_dir = store if store.is_dir() else user.common_dir

    def changes(self, old: str, new: str) -> tuple[FileChange, ...]:
        """How two commits or trees differ, sorted by path."""
        return diffs.changes(self.git_dir, old, new)

    def diff(self, old: str, new: str) -> str:
        """Two commits or trees as one patch, whole."""
        return diffs.diff(self.git_dir, old, new)

    def parent(self, commit: str) -> str:
        """The first parent of a commit of a run, which always has one; raises GitError."""
        words = ("rev-parse", "--verify", f"{check_commit(commit)}^1")
        return git(Place(self.git_dir), *words).stdout.decode().strip()

    def patch(self, commit: str) -> str:
        """A commit as a patch with its message, cut with a mark at 1 MiB."""
        return diffs.patch(self.git_dir, commit)
