"""Worktrees: made, reused, rebuilt and removed, with nothing in them lost."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes.git_repos import BASE_FILES, TIME, WRITER, User, a_run, a_user, store_text, write

from dispatch.gitops.cleanup import teardown
from dispatch.gitops.store import RunRepository
from dispatch.state.errors import GitError, RefMoved, UsageError

LEVEL = "dispatch/run-level-1"


def files_of(folder: Path) -> dict[str, str]:
    """The paths and texts below a folder, without its ``.git``."""
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path != folder / ".git"
    }


def committed(run: RunRepository, worktree: Path, base: str) -> str:
    """A commit of what a worktree holds."""
    tree = run.snapshot(worktree, base).tree
    return run.commit(tree, base, "work", WRITER, TIME)


def rescued(user: User) -> dict[str, str]:
    """The rescue refs of the store and the paths that each one's commit changed."""
    refs = store_text(user, "for-each-ref", "--format=%(refname)", "refs/dispatch/rescue")
    command = ("diff-tree", "-r", "--no-commit-id", "--name-only")
    return {ref: store_text(user, *command, ref) for ref in refs.split()}


def test_a_level_gets_a_worktree_on_its_branch_at_the_boundary(tmp_path: Path) -> None:
    """[WT-01, WT-02]"""
    user = a_user(tmp_path)
    run = a_run(user)
    assert run.existing_worktree("level-1") is None
    path = run.ensure_worktree("level-1", user.head, LEVEL)
    assert path == user.root / "dispatch/run/worktrees/level-1"
    assert run.existing_worktree("level-1") == path
    assert files_of(path) == BASE_FILES
    assert run.tip(f"refs/heads/{LEVEL}") == user.head == run.tip("refs/heads/dispatch/run")
    assert user.git("rev-parse", "--abbrev-ref", "HEAD", cwd=path) == LEVEL
    assert user.git("status", "--porcelain", cwd=path) == ""


def test_a_task_gets_a_detached_worktree_that_git_understands(tmp_path: Path) -> None:
    user = a_user(tmp_path)
    path = a_run(user).ensure_worktree("1a-task", user.head, None)
    assert user.git("rev-parse", "--abbrev-ref", "HEAD", cwd=path) == "HEAD"
    assert user.git("rev-parse", "HEAD", cwd=path) == user.head
    assert user.git("fsck", "--strict", cwd=path) == ""


def test_the_users_list_of_working_trees_does_not_change(tmp_path: Path) -> None:
    user = a_user(tmp_path)
    before = user.git("worktree", "list")
    a_run(user).ensure_worktree("level-1", user.head, LEVEL)
    assert user.git("worktree", "list") == before


def test_a_worktree_that_is_as_it_should_be_is_reused_with_what_is_ignored(tmp_path: Path) -> None:
    """[WT-03]"""
    user = a_user(tmp_path)
    run = a_run(user)
    path = run.ensure_worktree("level-1", user.head, LEVEL)
    write(path, {"cache/x": "kept"})
    inode = (path / "a.txt").stat().st_ino
    assert run.ensure_worktree("level-1", user.head, LEVEL) == path
    assert (path / "a.txt").stat().st_ino == inode
    assert files_of(path) == {**BASE_FILES, "cache/x": "kept"}


def test_a_branch_that_is_elsewhere_is_refused_with_both_commits(tmp_path: Path) -> None:
    """[WT-04, WT-09, W-39]"""
    user = a_user(tmp_path)
    run = a_run(user)
    path = run.ensure_worktree("level-1", user.head, LEVEL)
    write(path, {"a.txt": "other\n"})
    other = committed(run, path, user.head)
    run.move(f"refs/heads/{LEVEL}", other, user.head)
    with pytest.raises(RefMoved, match=f"{other}, which does not match the persisted boundary"):
        run.ensure_worktree("level-1", user.head, LEVEL)


def test_a_branch_is_in_one_worktree_only(tmp_path: Path) -> None:
    """[WT-08]"""
    user = a_user(tmp_path)
    run = a_run(user)
    run.ensure_worktree("level-1", user.head, LEVEL)
    with pytest.raises(GitError, match="is checked out in worktree level-1"):
        run.ensure_worktree("again", user.head, LEVEL)
    run.remove_worktree("level-1")
    run.ensure_worktree("again", user.head, LEVEL)


def test_a_commit_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    """[WT-07]"""
    user = a_user(tmp_path)
    run = a_run(user)
    for commit in ("0" * 40, "main", ""):
        with pytest.raises(GitError):
            run.ensure_worktree("level-2", commit, None)
        assert run.existing_worktree("level-2") is None


def test_unexpected_content_is_kept_under_a_ref_before_the_worktree_is_rebuilt(
    tmp_path: Path,
) -> None:
    """[WT-05, W-61] Also what is ignored goes: the next one begins clean."""
    user = a_user(tmp_path)
    run = a_run(user)
    path = run.ensure_worktree("level-1", user.head, LEVEL)
    write(path, {"a.txt": "unfinished\n", "new.txt": "n", "cache/x": "x"})
    (path / "lib/b.txt").unlink()
    assert run.ensure_worktree("level-1", user.head, LEVEL) == path
    assert files_of(path) == BASE_FILES
    assert rescued(user) == {"refs/dispatch/rescue/level-1/1": "a.txt\nlib/b.txt\nnew.txt"}
    write(path, {"a.txt": "again\n"})
    run.ensure_worktree("level-1", user.head, LEVEL)
    assert rescued(user) == {
        "refs/dispatch/rescue/level-1/1": "a.txt\nlib/b.txt\nnew.txt",
        "refs/dispatch/rescue/level-1/2": "a.txt",
    }


def test_content_that_a_commit_has_is_not_rescued(tmp_path: Path) -> None:
    """The level's worktree moves on to its tip, and keeps what is ignored."""
    user = a_user(tmp_path)
    run = a_run(user)
    path = run.ensure_worktree("level-1", user.head, LEVEL)
    write(path, {"a.txt": "done\n", "cache/x": "x"})
    tip = committed(run, path, user.head)
    run.move(f"refs/heads/{LEVEL}", tip, user.head)
    write(path, {"a.txt": BASE_FILES["a.txt"]})
    run.ensure_worktree("level-1", tip, LEVEL)
    assert files_of(path) == {**BASE_FILES, "a.txt": "done\n", "cache/x": "x"}
    assert rescued(user) == {}
    assert user.git("status", "--porcelain", cwd=path) == ""


def test_what_no_tree_can_hold_is_set_aside(tmp_path: Path) -> None:
    user = a_user(tmp_path)
    run = a_run(user)
    path = run.ensure_worktree("1a", user.head, None)
    user.git("init", "--quiet", "nested", cwd=path)
    write(path, {"nested/work.txt": "precious", "new.txt": "n"})
    os.mkfifo(path / "pipe")
    run.ensure_worktree("1a", user.head, None)
    aside = user.root / "dispatch/run/set-aside/1a.1"
    assert sorted(each.name for each in aside.iterdir()) == ["nested", "pipe"]
    assert (aside / "nested/work.txt").read_text() == "precious"
    assert rescued(user) == {"refs/dispatch/rescue/1a/1": "new.txt"}
    assert files_of(path) == BASE_FILES


def _no_pointer(path: Path, admin: Path) -> None:
    (path / ".git").unlink()


def _empty_pointer(path: Path, admin: Path) -> None:
    (path / ".git").write_text("")


def _foreign_pointer(path: Path, admin: Path) -> None:
    (path / ".git").write_text("gitdir: /nonexistent\n")


def _no_files(path: Path, admin: Path) -> None:
    shutil.rmtree(path)


def _a_file_instead(path: Path, admin: Path) -> None:
    shutil.rmtree(path)
    path.write_text("not a folder")


def _a_link_instead(path: Path, admin: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def _no_admin(path: Path, admin: Path) -> None:
    shutil.rmtree(admin)


def _half_checked_out(path: Path, admin: Path) -> None:
    (admin / "built-at").unlink()
    (path / "a.txt").unlink()


def _half_removed(path: Path, admin: Path) -> None:
    (admin / "built-at").unlink()
    shutil.rmtree(path / "lib")
    shutil.rmtree(admin)
    admin.mkdir()


def _stale_locks(path: Path, admin: Path) -> None:
    for name in ("index.lock", "HEAD.lock", "found-index.lock"):
        (admin / name).write_text("")


def _no_index(path: Path, admin: Path) -> None:
    (admin / "built-index").unlink()
    (admin / "index").unlink()


def _index_of_the_agents(path: Path, admin: Path) -> None:
    (admin / "index").write_bytes(b"garbage")


def _head_elsewhere(path: Path, admin: Path) -> None:
    (admin / "HEAD").write_text("ref: refs/heads/other\n")


@pytest.mark.parametrize(
    "damage",
    [
        _no_pointer,
        _empty_pointer,
        _foreign_pointer,
        _no_files,
        _a_file_instead,
        _a_link_instead,
        _no_admin,
        _half_checked_out,
        _half_removed,
        _stale_locks,
        _no_index,
        _index_of_the_agents,
        _head_elsewhere,
    ],
)
def test_whatever_is_left_of_a_worktree_it_is_made_whole(
    tmp_path: Path, damage: Callable[[Path, Path], None]
) -> None:
    """[W-50] After a kill at any point, and after people."""
    user = a_user(tmp_path)
    run = a_run(user)
    path = run.ensure_worktree("level-1", user.head, LEVEL)
    damage(path, user.root / "dispatch/run/git/worktrees/level-1")
    again = RunRepository(user.root, user.root / "dispatch/run", "run")
    again.ensure_store(user.head, "dispatch/run")
    assert again.ensure_worktree("level-1", user.head, LEVEL) == path
    assert files_of(path) == BASE_FILES
    assert user.git("status", "--porcelain", cwd=path) == ""
    assert user.git("rev-parse", "--abbrev-ref", "HEAD", cwd=path) == LEVEL
    assert user.git("worktree", "list", cwd=path).count("\n") == 1


def test_a_worktree_works_where_the_whole_repository_was_moved_to(tmp_path: Path) -> None:
    user = a_user(tmp_path)
    path = a_run(user).ensure_worktree("level-1", user.head, LEVEL)
    write(path, {"a.txt": "unfinished\n"})
    moved = User((user.root).rename(tmp_path / "moved"), user.home)
    run = a_run(moved)
    path = run.ensure_worktree("level-1", moved.head, LEVEL)
    assert files_of(path) == BASE_FILES
    # The old pointer is what was changed, so it went aside, and the work under a ref.
    assert rescued(moved) == {"refs/dispatch/rescue/level-1/1": "a.txt"}
    assert user.git("status", "--porcelain", cwd=path) == ""


@pytest.mark.parametrize("name", ["", "..", ".git", "a/b", "/abs", "A", "-x", "a..b", "x.lock"])
def test_worktree_names_that_could_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    """[W-38]"""
    user = a_user(tmp_path)
    run = a_run(user)
    with pytest.raises(GitError, match="is not a worktree name"):
        run.ensure_worktree(name, user.head, None)
    with pytest.raises(GitError):
        run.snapshot(tmp_path / "other", user.head)


def test_restoring_brings_back_a_tree_and_leaves_what_is_ignored(tmp_path: Path) -> None:
    user = a_user(tmp_path)
    run = a_run(user)
    path = run.ensure_worktree("1a", user.head, None)
    write(path, {"a.txt": "work\n", "new.txt": "n", "cache/x": "x"})
    accepted = run.snapshot(path, user.head)
    write(path, {"a.txt": "spoilt\n", "junk": "j", "deep/er/junk": "j", "cache/x": "y"})
    (path / "new.txt").unlink()
    os.mkfifo(path / "pipe")
    run.restore(path, accepted.tree)
    assert run.snapshot(path, user.head) == accepted
    assert files_of(path) == {
        **BASE_FILES,
        "a.txt": "work\n",
        "new.txt": "n",
        "cache/x": "y",
    }
    assert rescued(user) == {}
    run.restore(path, accepted.tree)
    with pytest.raises(GitError, match="no worktree 9z"):
        run.restore(path.with_name("9z"), accepted.tree)


def test_removing_a_worktree_keeps_its_content_and_may_be_repeated(tmp_path: Path) -> None:
    user = a_user(tmp_path)
    run = a_run(user)
    path = run.ensure_worktree("1a", user.head, None)
    write(path, {"new.txt": "n"})
    (path / "lib").chmod(0o500)
    run.remove_worktree("1a")
    run.remove_worktree("1a")
    assert not path.exists()
    assert run.existing_worktree("1a") is None
    assert store_text(user, "show", "refs/dispatch/removed/1a/1:new.txt") == "n"


def test_teardown_counts_what_it_removed_and_keeps_the_work(tmp_path: Path) -> None:
    """[WT-06, W-50, CLI-03]"""
    user = a_user(tmp_path)
    run = a_run(user)
    for name in ("1a", "1b", "1c"):
        run.ensure_worktree(name, user.head, None)
    folder = user.root / "dispatch/run"
    write(folder, {"worktrees/1a/new.txt": "n", "report.md": "r"})
    shutil.rmtree(folder / "worktrees/1b")
    assert teardown(folder) == 2
    assert teardown(folder) == 0
    assert sorted((folder / "worktrees").iterdir()) == []
    assert (folder / "report.md").exists()
    assert rescued(user) == {"refs/dispatch/rescue/1a/1": "new.txt"}
    assert teardown(user.root / "dispatch/never") == 0


def test_teardown_goes_on_over_what_it_cannot_remove_and_says_so(tmp_path: Path) -> None:
    """[W-50]"""
    user = a_user(tmp_path)
    run = a_run(user)
    for name in ("1a", "1b"):
        run.ensure_worktree(name, user.head, None)
    folder = user.root / "dispatch/run"
    (folder / "worktrees/Not Ours").mkdir()
    with pytest.raises(GitError, match="Removed 2 worktrees, but not 1: Not Ours"):
        teardown(folder)
    assert (folder / "worktrees/Not Ours").is_dir()


def test_ignored_paths_are_shared_whole_or_not_at_all(tmp_path: Path) -> None:
    """[W-41]"""
    user = a_user(tmp_path)
    user.write({"cache/deep/x": "x", "lib/x.o": "object"})
    (user.root / "cache/link").symlink_to("deep/x")
    (user.root / "cache/deep/x").chmod(0o755)
    os.mkfifo(user.root / "cache/pipe")
    run = a_run(user)
    path = run.ensure_worktree("1a", user.head, None)
    run.share(path, ["cache", "lib/x.o", "cache/none", "missing.o"])
    run.share(path, ["cache", "lib/x.o"])
    assert (path / "cache/link").readlink() == Path("deep/x")
    assert os.access(path / "cache/deep/x", os.X_OK)
    assert sorted(each.name for each in (path / "cache").iterdir()) == ["deep", "link"]
    assert (path / "lib/x.o").read_text() == "object"
    assert run.snapshot(path, user.head).changes == ()


@pytest.mark.parametrize("path", ["../home", "/etc", "", ".", ".git", "seen.txt", "cache/../.git"])
def test_only_ignored_paths_of_the_repository_can_be_shared(tmp_path: Path, path: str) -> None:
    user = a_user(tmp_path)
    user.write({"seen.txt": "x", "cache/x": "x"})
    run = a_run(user)
    worktree = run.ensure_worktree("1a", user.head, None)
    with pytest.raises(UsageError, match=r"leads out of the repository|is not ignored"):
        run.share(worktree, [path])
    assert files_of(worktree) == BASE_FILES
