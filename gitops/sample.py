"""A repository made from a folder, and a look at a branch: for the demonstration."""

from pathlib import Path

from .program import Place, git
from .user_git import locate

BRANCH = "main"
_SHOWN = "--format=%h %s%d%n%w(0,4,4)%(trailers)"


def make_repository(root: Path) -> None:
    """Make a folder a repository with everything in it committed."""
    place = Place(root / ".git", work_tree=root)
    git(None, "init", "--quiet", f"--initial-branch={BRANCH}", str(root))
    git(place, "add", "--all", cwd=root)
    git(place, "commit", "--quiet", "--message=The sample project.", cwd=root)


def branch_graph(root: Path, branch: str) -> str:
    """A branch's commits as git draws them, each with its trailers."""
    output = locate(root).run("log", "--graph", _SHOWN, f"refs/heads/{branch}", "--")
    return output.stdout.decode("utf-8", "replace").rstrip()
