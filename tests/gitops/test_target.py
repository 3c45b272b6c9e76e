"""What of the user's repository is refused, warned of and recorded."""

from collections.abc import Callable
from pathlib import Path

import pytest
from fakes.git_repos import BASE_FILES, User, a_user, write

from dispatch.gitops.target import UNCOMMITTED_LIMIT, open_target
from dispatch.state.errors import RefMoved, UsageError
from dispatch.state.records import Identity


def test_a_repository_is_opened_from_any_folder_in_it(tmp_path: Path) -> None:
    user = a_user(tmp_path)
    target = open_target(user.root / "lib")
    assert (target.root, target.git_dir, target.common_dir, target.head, target.branch) == (
        user.root,
        user.root / ".git",
        user.root / ".git",
        user.head,
        "main",
    )
    assert target.warnings == ()


def test_a_detached_head_and_a_linked_working_tree_are_fine(tmp_path: Path) -> None:
    user = a_user(tmp_path)
    user.git("worktree", "add", "--quiet", "--detach", str(tmp_path / "other"))
    target = open_target(tmp_path / "other")
    assert (target.branch, target.common_dir) == (None, user.root / ".git")


def _no_repository(user: User, at: Path) -> Path:
    return user.home


def _nothing(user: User, at: Path) -> Path:
    return at / "nowhere"


def _bare(user: User, at: Path) -> Path:
    user.git("clone", "--quiet", "--bare", str(user.root), str(at / "bare"))
    return at / "bare"


def _no_commits(user: User, at: Path) -> Path:
    user.git("init", "--quiet", str(at / "empty"))
    return at / "empty"


def _shallow(user: User, at: Path) -> Path:
    user.commit()
    user.git("clone", "--quiet", "--depth=1", f"file://{user.root}", str(at / "shallow"))
    return at / "shallow"


def _partial(user: User, at: Path) -> Path:
    user.git("config", "remote.origin.promisor", "true")
    return user.root


def _sha256(user: User, at: Path) -> Path:
    user.git("init", "--quiet", "--object-format=sha256", str(at / "sha256"))
    return at / "sha256"


def _reftable(user: User, at: Path) -> Path:
    user.git("config", "core.repositoryFormatVersion", "1")
    user.git("config", "extensions.refStorage", "reftable")
    return user.root


def _tracked(user: User, at: Path) -> Path:
    user.write({"dispatch/notes.md": "mine\n"})
    user.commit()
    return user.root


def _link(user: User, at: Path) -> Path:
    (user.root / "dispatch").symlink_to(at)
    return user.root


def _odd_path(user: User, at: Path) -> Path:
    return a_user(at / "two\nlines").root


def _unfinished(name: str) -> Callable[[User, Path], Path]:
    def begin(user: User, at: Path) -> Path:
        place = user.root / ".git" / name
        place.mkdir() if "-" in name else place.write_text(user.head)
        return user.root

    return begin


@pytest.mark.parametrize(
    ("begin", "words"),
    [
        (_no_repository, "is not a git repository"),
        (_nothing, "is not a folder"),
        (_bare, "is a bare repository"),
        (_no_commits, "has no commits"),
        (_shallow, "is a shallow clone"),
        (_partial, "is a partial clone"),
        (_sha256, "SHA-256"),
        (_reftable, "ref"),
        (_tracked, "tracks dispatch/notes.md"),
        (_link, "is a symbolic link"),
        (_odd_path, "control characters"),
        (_unfinished("MERGE_HEAD"), "A merge is unfinished"),
        (_unfinished("rebase-merge"), "A rebase is unfinished"),
        (_unfinished("rebase-apply"), "A rebase or `git am` is unfinished"),
        (_unfinished("CHERRY_PICK_HEAD"), "A cherry-pick is unfinished"),
        (_unfinished("REVERT_HEAD"), "A revert is unfinished"),
        (_unfinished("BISECT_LOG"), "A bisect is unfinished"),
    ],
)
def test_what_a_run_cannot_start_from_is_refused_in_a_sentence(
    tmp_path: Path, begin: Callable[[User, Path], Path], words: str
) -> None:
    """[W-41] Before anything is made: the folder is as it was."""
    user = a_user(tmp_path)
    path = begin(user, tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UsageError, match=words):
        open_target(path)
    assert sorted(tmp_path.rglob("*")) == before


def test_submodules_filters_and_sparse_checkouts_are_warned_of(tmp_path: Path) -> None:
    user = a_user(tmp_path, {".gitattributes": "*.bin filter=lfs\n", "a": "a"})
    user.git("update-index", "--add", "--cacheinfo", f"160000,{user.head},vendor/sub")
    user.git("commit", "--quiet", "-m", "submodule")
    (user.root / ".git/info/sparse-checkout").write_text("/*\n")
    assert open_target(user.root).warnings == (
        "Submodules stay empty in the run's worktrees: vendor/sub.",
        "Filters (such as Git LFS) are not run; files that .gitattributes gives one are seen as "
        "git stores them and cannot be changed by tasks.",
        "The checkout is sparse; the run's worktrees are full.",
    )


def test_the_identity_is_the_repositorys_then_the_users_then_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[W-62] Known before the first agent is paid for."""
    user = a_user(tmp_path)
    monkeypatch.setenv("HOME", str(user.home))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("GIT_CONFIG_GLOBAL", raising=False)
    target = open_target(user.root)
    assert target.identity() == Identity(name="dispatch", email="dispatch@localhost")
    user.git("config", "--global", "user.name", "Glo Bal")
    user.git("config", "--global", "user.email", "glo@example.org")
    assert target.identity() == Identity(name="Glo Bal", email="glo@example.org")
    user.git("config", "user.email", "here@example.org")
    assert target.identity() == Identity(name="Glo Bal", email="here@example.org")


def test_uncommitted_paths_are_named_whatever_their_names(tmp_path: Path) -> None:
    """[W-19, UM-11]"""
    user = a_user(tmp_path)
    assert open_target(user.root).uncommitted() == ()
    user.write({'with "quotes" and\nlines': "x", "é.txt": "x", "a.txt": "changed\n"})
    (user.root / "lib/b.txt").unlink()
    assert open_target(user.root).uncommitted() == (
        "a.txt",
        "lib/b.txt",
        'with "quotes" and\nlines',
        "é.txt",
    )


def test_folders_of_runs_are_nothing_to_commit_also_before_git_ignores_them(tmp_path: Path) -> None:
    """As another run has them that was started at the same moment."""
    user = a_user(tmp_path)
    user.write({"dispatch/r/lock": "", "dispatch.txt": ""})
    assert open_target(user.root).uncommitted() == ("dispatch.txt",)


def test_no_more_uncommitted_paths_are_named_than_anybody_reads(tmp_path: Path) -> None:
    user = a_user(tmp_path)
    user.write({f"{number:05}": "" for number in range(UNCOMMITTED_LIMIT + 5)})
    assert len(open_target(user.root).uncommitted()) == UNCOMMITTED_LIMIT


def test_a_branch_is_new_or_reused_where_it_is_expected(tmp_path: Path) -> None:
    """[BR-01, BR-02, BR-04]"""
    user = a_user(tmp_path)
    target = open_target(user.root)
    assert target.branch_tip("dispatch/run") is None
    assert not target.reuses_branch("dispatch/run", user.head)
    user.git("branch", "dispatch/run")
    assert target.branch_tip("dispatch/run") == user.head
    assert target.reuses_branch("dispatch/run", user.head)


def test_a_branch_that_is_elsewhere_is_never_clobbered(tmp_path: Path) -> None:
    """[BR-03, BR-05, IN-05] Both commits are named."""
    user = a_user(tmp_path)
    first = user.head
    user.git("branch", "dispatch/run")
    second = user.commit()
    with pytest.raises(RefMoved) as refusal:
        open_target(user.root).reuses_branch("dispatch/run", second)
    assert refusal.value.message == (
        f"Branch dispatch/run already exists at {first}, not at {second}: refusing to clobber it."
    )


def test_the_working_tree_that_has_a_branch_is_found(tmp_path: Path) -> None:
    user = a_user(tmp_path)
    other = tmp_path / "other"
    user.git("worktree", "add", "--quiet", "-b", "side", str(other))
    target = open_target(user.root)
    assert target.checked_out_at("main") == user.root
    assert target.checked_out_at("side") == other
    assert target.checked_out_at("none") is None


def test_the_run_folder_is_excluded_once_and_in_no_tracked_file(tmp_path: Path) -> None:
    """[W-40]"""
    user = a_user(tmp_path)
    exclude = user.root / ".git/info/exclude"
    exclude.write_bytes(b"mine")
    target = open_target(user.root)
    target.exclude_run_folder()
    target.exclude_run_folder()
    assert exclude.read_bytes() == b"mine\n/dispatch/\n"
    write(user.root / "dispatch/run", {"run-state.yaml": "x"})
    assert user.git("status", "--porcelain") == ""
    assert (user.root / ".gitignore").read_text() == BASE_FILES[".gitignore"]
