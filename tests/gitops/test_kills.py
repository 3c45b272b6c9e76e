"""Killed before any of its effects and started again, git's part of a run ends the same.

The child counts its own effects (files opened for writing, renames, removals, programs started)
through an audit hook and leaves without a word before the k-th.
"""

import os
import sys
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from fakes.git_repos import TIME, WRITER, User, a_user, store_text, write

from dispatch.gitops.store import RunRepository

EFFECTS = frozenset(
    {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.link", "shutil.rmtree"}
    | {"subprocess.Popen", "os.utime", "os.chmod"}
)
POINTS = 4  # kills in all, spread evenly over the effects


def work(user: User) -> str:
    """A level with two tasks, from store to publication; what came out, in words."""
    run = RunRepository(user.root, user.root / "dispatch/run", "run")
    base = user.head
    run.ensure_store(base, "dispatch/run")
    tip = base
    for task, text in (("1a", "a\n"), ("1b", "b\n")):
        path = run.ensure_worktree(task, base, None)
        write(path, {f"{task}.txt": text})
        tree = run.snapshot(path, base).tree
        run.keep(f"refs/dispatch/submitted/{task}", tree, base, WRITER, TIME)
        tip = run.commit(run.merge(tip, tree, base).tree, tip, task, WRITER, TIME)
        run.note(tip, f"by {task}", WRITER, TIME)
    branch = "refs/heads/dispatch/run-level-1"
    run.move(branch, tip, run.tip(branch))
    run.ensure_worktree("level-1", tip, branch)
    run.move("refs/heads/dispatch/run", tip, run.tip("refs/heads/dispatch/run"))
    if user_tip(user) is None:
        run.publish("dispatch/run", base, None)
    run.publish("dispatch/run", tip, user_tip(user))
    run.remove_worktree("1a")
    return store_text(user, "log", "--format=%H %T %s%n%N", "--notes=dispatch/run", branch)


def user_tip(user: User) -> str | None:
    """Where the user's copy of the branch is, as the document of a run would know it."""
    return user.git("for-each-ref", "--format=%(objectname)", "refs/heads/dispatch/run") or None


def test_a_killed_run_ends_like_one_that_was_not(tmp_path: Path) -> None:
    """[W-66, W-67]"""
    straight = a_user(tmp_path / "straight")
    effects, expected = counted(partial(work, straight)), work(straight)
    assert effects > 100
    for number in range(POINTS):
        point = 1 + effects * number // POINTS
        user = a_user(tmp_path / str(point))
        assert killed_before(point, partial(work, user)), point
        assert work(user) == expected, point
        assert work(user) == expected, point
        assert user_tip(user) == expected[:40]
        assert user.git("fsck", "--strict", "--no-dangling") == ""
        assert store_text(user, "fsck", "--strict", "--no-dangling") == ""
        git_folders = (user.root / ".git", user.root / "dispatch/run/git")
        left = [each for folder in git_folders for each in folder.rglob("*.lock")]
        left += (user.root / ".git/objects/pack").glob("*.keep")
        assert left == [], point


def counted(act: Callable[[], object]) -> int:
    """How many effects an act has, told by a child that does it."""
    reader, writer = os.pipe()
    if fork() == 0:
        total = 0

        def count(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal total
            total += is_effect(event, arguments)

        sys.addaudithook(count)
        act()
        os.write(writer, str(total).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as told:
        total = int(told.read())
    os.wait()
    return total


def killed_before(point: int, act: Callable[[], object]) -> bool:
    """Act in a child that is gone before its ``point``-th effect; whether it came so far."""
    child = fork()
    if child == 0:
        left = point

        def count(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal left
            left -= is_effect(event, arguments)
            if left == 0:
                os._exit(9)

        sys.addaudithook(count)
        act()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def is_effect(event: str, arguments: tuple[object, ...]) -> bool:
    """Whether an audit event changes something outside the process."""
    if event == "open":
        flags = arguments[2]
        return isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) != 0
    return event in EFFECTS


def fork() -> int:
    """A child that is this process; 0 in it."""
    sys.stdout.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of threads, of which there are none here
        return os.fork()


@pytest.mark.parametrize("wanted", [0o600, 0o666])
def test_the_count_sees_files_that_are_written(tmp_path: Path, wanted: int) -> None:
    """The hook has teeth: an act with two effects has two."""

    def act() -> None:
        os.close(os.open(tmp_path / "one", os.O_CREAT | os.O_WRONLY, wanted))
        (tmp_path / "one").rename(tmp_path / "two")

    assert counted(act) == 2
    (tmp_path / "two").unlink()
    assert killed_before(2, act)
    assert (tmp_path / "one").exists()
