"""Pushing a run's branch on the operator's word: as he would do it, with his keys and hooks."""

import os
import shlex
import subprocess
from pathlib import Path
from typing import Final

from ..state.errors import GitError, UsageError
from .names import branch_ref
from .program import git_path
from .user_git import locate

PUSH_SECONDS: Final = 1800.0


def require_remote(target: Path, remote: str) -> None:
    """Raise UsageError when the repository has no remote of that name."""
    known = locate(target).run("remote").stdout.decode("utf-8", "replace").split()
    if remote not in known:
        raise UsageError(
            f"There is no remote {remote!r}.",
            f"Name one by --remote: {', '.join(known)}."
            if known
            else f"This repository has none; add one: git remote add {shlex.quote(remote)} URL",
        )


def require_tip(target: Path, branch: str, commit: str) -> None:
    """Raise UsageError when a branch of the user's is not where the run left it."""
    tip = locate(target).tip(branch_ref(branch))
    if tip != commit:
        raise UsageError(
            f"Branch {branch} is at {tip or 'no commit'}, and the run ended at {commit}.",
            "Push it yourself if that is what you want.",
        )


def push(target: Path, remote: str, branch: str) -> None:
    """Push a branch under its own name, never by force; what git says goes to stderr.

    Raises GitError, also where the remote's branch would not be fast-forwarded.
    """
    user = locate(target)
    ref = branch_ref(branch)
    # Named, as a variable of his environment may name another repository.
    words = [git_path(), "--git-dir", str(user.git_dir), "push", remote, f"{ref}:{ref}"]
    try:
        # Not hardened: without his helpers, keys and hooks it would not be his push.
        done = subprocess.run(
            words, cwd=user.root, stdout=2, env=dict(os.environ), timeout=PUSH_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise GitError(f"git push did not end within {PUSH_SECONDS:g} seconds.") from None
    if done.returncode:
        raise GitError(
            f"git push exited {done.returncode}; its words are above.",
            "Nothing else was done; the same command tries again.",
        )
