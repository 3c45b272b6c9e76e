"""What is claimed is on the disk before the claim, on whichever file system; torn objects go."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from fakes.audit_trail import GIT, RENAME, SYNC, trail
from fakes.git_repos import TIME, WRITER, User, a_run, a_user, store_text, write

from dispatch.gitops.store import RunRepository
from dispatch.state.errors import GitError

BRANCH = "dispatch/run"


def before(events: Sequence[tuple[str, str]], claim: tuple[str, str], folder: Path) -> bool:
    """Whether the file system of a folder is synced before a claim."""
    at = events.index(claim)
    return (SYNC, str(folder)) in events[:at]


def a_commit(user: User, run: RunRepository) -> str:
    """A commit with a new file, made in a worktree."""
    path = run.ensure_worktree("1a", user.head, None)
    write(path, {"new.txt": "new\n"})
    return run.commit(run.snapshot(path, user.head).tree, user.head, "m", WRITER, TIME)


def test_a_ref_of_the_store_is_set_after_a_sync(tmp_path: Path) -> None:
    user = a_user(tmp_path)
    run = a_run(user)
    commit = a_commit(user, run)
    with trail() as events:
        run.move("refs/dispatch/submitted/1a", commit, None)
    assert before(events, (RENAME, "1a"), user.root / "dispatch/run/git")


def test_a_worktree_is_handed_out_after_a_sync(tmp_path: Path) -> None:
    user = a_user(tmp_path)
    run = a_run(user)
    with trail() as events:
        run.ensure_worktree("1a", user.head, None)
    assert before(events, (RENAME, "built-at"), user.root / "dispatch/run/git/worktrees/1a")


def test_the_users_repository_is_synced_before_and_after_its_refs_move(tmp_path: Path) -> None:
    """It may lie on another file system than the run: that of a linked worktree does."""
    user = a_user(tmp_path)
    linked = tmp_path / "elsewhere"
    user.git("worktree", "add", "--quiet", "--detach", str(linked))
    run = RunRepository(linked, linked / "dispatch/run", "run")
    synced = (SYNC, str(user.root / ".git"))
    moved = [synced, (GIT, "update-ref"), synced]
    with trail() as events:
        run.ensure_store(user.head, BRANCH)
    assert [each for each in events if each in moved] == moved
    path = run.ensure_worktree("1a", user.head, None)
    write(path, {"new.txt": "new\n"})
    commit = run.commit(run.snapshot(path, user.head).tree, user.head, "m", WRITER, TIME)
    run.note(commit, "by ann\n", WRITER, TIME)
    with trail() as events:
        run.publish(BRANCH, commit, None)
    assert [each for each in events if each in moved] == moved * 2  # the notes, and the branch


def test_torn_objects_are_removed_at_the_start_and_made_again(tmp_path: Path) -> None:
    """A power cut empties, cuts or zeroes files that nothing had synced."""
    user = a_user(tmp_path)
    run = a_run(user)
    path = run.ensure_worktree("1a", user.head, None)
    store = user.root / "dispatch/run/git"
    known = set(store.glob("objects/??/*"))
    write(path, {f"{number}.txt": f"{number}\n" * 500 for number in range(4)})
    tree = run.snapshot(path, user.head).tree
    new = sorted(set(store.glob("objects/??/*")) - known)
    for number, file in enumerate(new):
        whole = file.read_bytes()
        torn = (b"", whole[: len(whole) // 2], bytes(len(whole)), whole + b"x", whole)
        file.chmod(0o600)
        file.write_bytes(torn[number % len(torn)])
    with pytest.raises(GitError, match="is empty"):
        store_text(user, "fsck", "--strict", "--no-dangling")
    again = a_run(user)
    assert store_text(user, "fsck", "--strict", "--no-dangling") == ""
    assert again.snapshot(path, user.head).tree == tree
    assert store_text(user, "fsck", "--strict", "--no-dangling") == ""
