"""The user works in the repository while a run is on: nobody is in anybody's way.

What contradicts the run stops it with both sides shown; finished work is there in any case.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes.asking_run import Asking, asking
from fakes.child_program import Ended, document, until
from fakes.garbage import collecting_garbage

from dispatch.state.enums import AttemptOutcome, FailureKind, RunStatus, TaskStatus
from dispatch.state.errors import ExitCode

BRANCH = "refs/heads/dispatch/r"


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The branch of a run whose user was on holiday."""
    run = two_levels(tmp_path_factory.mktemp("straight"))
    run.go.touch()
    assert run.program.run("run", "r").code == 0
    return tip(run)


@pytest.fixture
def run(tmp_path: Path) -> Asking:
    """The run."""
    return two_levels(tmp_path)


def two_levels(folder: Path) -> Asking:
    """A run whose first level is published when the agent of the second waits for ``go``."""
    return asking(folder, ("w",), later=("z",))


def tip(run: Asking) -> str:
    """Where the integration branch stands."""
    return run.user.git("rev-parse", BRANCH)


def while_it_works(run: Asking, act: Callable[[Asking], object]) -> Ended:
    """Start the run, do something when the second level's agent is at work, see how it ends."""
    with run.program.started("run", "r") as process:
        until(lambda: _is_waiting(run))
        act(run)
        run.go.touch()
        return process.wait()


def _is_waiting(run: Asking) -> bool:
    """Whether the second level's agent is at its command."""
    tasks = document(run.user, "r").get("tasks")
    assert tasks is None or isinstance(tasks, list)
    running = [task["id"] for task in tasks or () if task["status"] == "running"]
    return running == ["2a-z"] and bool(run.commands())


def check_done(run: Asking, ended: Ended, straight: str) -> None:
    """It ended as if nobody had done anything."""
    assert ended.code == 0, ended.err
    assert tip(run) == straight
    run.user.git("fsck", "--strict", "--no-dangling")


def _daily_work(run: Asking) -> None:
    """Commits, an amended one, a rebase, branches, a stash, things staged and not."""
    git = run.user.git
    run.user.write({"theirs.txt": "1\n"})
    run.user.commit("theirs")
    run.user.write({"theirs.txt": "2\n"})
    git("add", "theirs.txt")
    git("commit", "--quiet", "--amend", "--no-edit")
    git("switch", "--quiet", "--create", "side", "HEAD~1")
    run.user.write({"side.txt": "1\n"})
    run.user.commit("side")
    git("rebase", "--quiet", "main")
    git("tag", "v1")
    run.user.write({"staged.txt": "1\n", "a.txt": "changed\n"})
    git("add", "staged.txt")
    git("stash", "--quiet", "--include-untracked")
    git("stash", "pop", "--quiet")
    git("worktree", "add", "--quiet", "../elsewhere", "main")


def _housekeeping(run: Asking) -> None:
    git = run.user.git
    git("reflog", "expire", "--expire=now", "--all")
    git("pack-refs", "--all", "--prune")
    git("repack", "-a", "-d", "--quiet")
    git("worktree", "prune")
    git("gc", "--quiet", "--prune=now")


def _rename_main(run: Asking) -> None:
    run.user.git("branch", "--move", "main", "trunk")


def _drop_the_base(run: Asking) -> None:
    """No branch of the user's has the commit any more that the run began at."""
    run.user.git("switch", "--quiet", "--orphan", "new")
    run.user.write({"new.txt": "1\n"})
    run.user.commit("new")
    run.user.git("branch", "--delete", "--force", "main")
    _housekeeping(run)


def _stale_locks(run: Asking) -> None:
    """What a killed git of the user's left; none of them is ours to take away."""
    for name in ("index.lock", "HEAD.lock", "config.lock", "packed-refs.lock"):
        (run.user.root / ".git" / name).touch()


@pytest.mark.parametrize(
    "act", [_daily_work, _housekeeping, _rename_main, _drop_the_base, _stale_locks]
)
def test_what_changes_nothing(run: Asking, straight: str, act: Callable[[Asking], None]) -> None:
    """The user's files, index, branches and locks are afterwards what he made of them."""
    made: list[str] = []

    def do(run: Asking) -> None:
        act(run)
        made.extend(_theirs(run))

    ended = while_it_works(run, do)
    assert _theirs(run) == made
    for lock in (run.user.root / ".git").glob("*.lock"):
        lock.unlink()
    check_done(run, ended, straight)


def _theirs(run: Asking) -> list[str]:
    """Everything of the user's: files and git's, without objects and the run's own refs."""
    found = run.user.fingerprint()
    # The run's refs may be packed with the user's; ``for-each-ref`` tells them apart.
    packed = found.pop(".git/packed-refs", "")
    refs = run.user.git("for-each-ref", "--format=%(refname) %(objectname)").split("\n")
    own = ("refs/heads/dispatch/", "refs/notes/dispatch/", "refs/dispatch/")
    return [
        *(f"{name} {digest}" for name, digest in sorted(found.items())),
        *(each for each in refs if not each.startswith(own)),
        f"packed: {bool(packed)}",
    ]


def test_garbage_collected_all_the_time(run: Asking, straight: str) -> None:
    """From before the start until after the end."""
    run.go.touch()
    with collecting_garbage(run.user) as rounds:
        until(lambda: bool(rounds))
        ended = run.program.run("run", "r")
    check_done(run, ended, straight)


def test_a_worktree_that_is_deleted_while_an_agent_works_in_it(run: Asking, straight: str) -> None:
    """That attempt's work is gone, by the user's hand; another one makes it in a new tree."""
    ended = while_it_works(run, _delete_the_worktree)
    check_done(run, ended, straight)
    outcomes = [[each.outcome for each in task.attempts] for task in run.run.tasks]
    assert outcomes == [[AttemptOutcome.OK], [AttemptOutcome.CRASHED, AttemptOutcome.OK]]


def _delete_the_worktree(run: Asking) -> None:
    """As a user does who types it again when a file appeared meanwhile."""
    tree = run.folder / "worktrees" / "2a-z"

    def is_gone() -> bool:
        shutil.rmtree(tree, ignore_errors=True)
        return not tree.exists()

    until(is_gone)


def _delete_the_branch(run: Asking) -> None:
    run.user.git("update-ref", "-d", BRANCH)


def _move_the_branch(run: Asking) -> None:
    run.user.git("update-ref", BRANCH, "main")


def _check_it_out(run: Asking) -> None:
    run.user.git("worktree", "add", "--quiet", "../look", "dispatch/r")


@pytest.mark.parametrize(
    ("act", "kind", "words"),
    [
        (_delete_the_branch, FailureKind.REPOSITORY_CHANGED, "does not exist, expected it at"),
        (_move_the_branch, FailureKind.REPOSITORY_CHANGED, "already exists at"),
        (_check_it_out, FailureKind.GIT, "is checked out at"),
    ],
)
def test_what_contradicts_the_run_stops_it_and_is_left_as_it_is(
    run: Asking, straight: str, act: Callable[[Asking], None], kind: FailureKind, words: str
) -> None:
    """Both sides are named; put back, ``retry`` ends it without asking anybody again."""
    published: list[str] = []

    def do(run: Asking) -> None:
        published.append(tip(run))
        act(run)

    ended = while_it_works(run, do)
    assert ended.code == ExitCode.FAILED
    assert f"{BRANCH} {words}" in ended.err
    failure = run.run.failure
    assert failure is not None
    assert failure.kind is kind
    if kind is FailureKind.REPOSITORY_CHANGED:
        assert published[0] in failure.message
    assert [task.status for task in run.run.tasks] == [TaskStatus.COMPLETED, TaskStatus.COMMITTED]
    before = [task.attempts for task in run.run.tasks]
    if act is _check_it_out:
        run.user.git("worktree", "remove", "../look")
    else:
        run.user.git("update-ref", BRANCH, published[0])
    check_done(run, run.program.run("retry", "r"), straight)
    assert [task.attempts for task in run.run.tasks] == before


def test_a_lock_of_the_branch_that_stays_is_named_and_left(run: Asking, straight: str) -> None:
    """Nothing failed: when it is gone, the same command goes on."""
    lock = run.user.root / ".git" / f"{BRANCH}.lock"
    ended = while_it_works(run, lambda run: lock.touch())
    assert ended.code == ExitCode.STORAGE
    last = ended.err.splitlines()[-1]
    assert str(lock) in last
    assert "remove the lock file" in last
    assert lock.exists()
    assert (run.run.status, run.run.failure) == (RunStatus.EXECUTING, None)
    lock.unlink()
    check_done(run, run.program.run("run", "r"), straight)
    assert [len(task.attempts) for task in run.run.tasks] == [1, 1]
