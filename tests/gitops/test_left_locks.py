"""Locks that a killed git left on the run's own refs, and those that are somebody else's."""

import threading
from pathlib import Path

from fakes.git_repos import a_run, a_user, write

from dispatch.gitops.cleanup import clean
from dispatch.gitops.left_locks import remove_left_locks

OWN = (
    "refs/heads/dispatch/run.lock",
    "refs/notes/dispatch/run.lock",
    "refs/dispatch/run/base.lock",
    "refs/dispatch/run/rescue/1a-x.lock",
)
FOREIGN = (
    "HEAD.lock",
    "index.lock",
    "packed-refs.lock",
    "refs/heads/main.lock",
    "refs/heads/dispatch/run-2.lock",
    "refs/dispatch/run-2/base.lock",
)


def locks(git: Path) -> list[str]:
    return sorted(str(path.relative_to(git)) for path in git.rglob("*.lock"))


def test_a_start_removes_what_a_killed_git_left_on_the_runs_own_refs_and_nothing_else(
    tmp_path: Path,
) -> None:
    user = a_user(tmp_path)
    run = a_run(user)
    git = user.root / ".git"
    write(git, dict.fromkeys((*OWN, *FOREIGN), ""))
    run.ensure_store(user.head, "dispatch/run")
    assert locks(git) == sorted(FOREIGN)


def test_a_lock_that_somebody_holds_for_a_moment_is_left_to_him(tmp_path: Path) -> None:
    """As the user's gc does while it packs refs: the file that is there later is another one."""
    git = a_user(tmp_path).root / ".git"
    write(git, {OWN[0]: ""})

    def taken_again() -> None:
        (git / OWN[0]).unlink()
        write(git, {"other": ""})
        (git / "other").rename(git / OWN[0])

    timer = threading.Timer(0.2, taken_again)
    timer.start()
    remove_left_locks(git, "run")
    timer.join()
    assert locks(git) == [OWN[0]]


def test_clean_takes_a_run_whose_git_was_killed(tmp_path: Path) -> None:
    user = a_user(tmp_path)
    a_run(user)
    write(user.root / ".git", dict.fromkeys(OWN, ""))
    assert clean(user.root, "run", force=True).refs == (("refs/dispatch/run/base", user.head),)
    assert locks(user.root / ".git") == []
