"""Which names may become folders and refs."""

import re
from typing import Final

from ..policy.names import name_problems
from ..state.errors import GitError, UsageError

RUN_FOLDER: Final = "dispatch"  # of the user's repository: a folder in it for each run
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]*")
_REF: Final = re.compile(r"refs(/[A-Za-z0-9_][A-Za-z0-9._-]*)+")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")


def check_run_name(name: str) -> str:
    """The name itself when a run could have it; raises UsageError."""
    if problems := name_problems(name):
        raise UsageError(problems[0])
    return name


def check_worktree_name(name: str) -> str:
    """The name itself when it may name a worktree; raises GitError."""
    if not _fits(_NAME, name):
        raise GitError(f"'{name}' is not a worktree name.")
    return name


def check_ref(ref: str) -> str:
    """The full ref name itself when it is one that we make; raises GitError."""
    if not _fits(_REF, ref):
        raise GitError(f"'{ref}' is not a full ref name.")
    return ref


def check_commit(commit: str) -> str:
    """The object id itself when it is 40 hex digits; raises GitError."""
    if not _COMMIT.fullmatch(commit):
        raise GitError(f"'{commit}' is not a full object id.")
    return commit


def branch_ref(branch: str) -> str:
    """The full ref name of a branch given by its short or full name; raises GitError."""
    return check_ref(branch if branch.startswith("refs/") else f"refs/heads/{branch}")


def _fits(pattern: re.Pattern[str], name: str) -> bool:
    # Git refuses refs with these, so nothing that becomes part of a ref may have them.
    parts = name.split("/")
    return (
        pattern.fullmatch(name) is not None
        and ".." not in name
        and not any(part.endswith((".", ".lock")) for part in parts)
    )
