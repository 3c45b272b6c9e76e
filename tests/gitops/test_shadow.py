"""Agents have a git of their own: it does what they ask, and nothing of it reaches anybody else."""

import os
import subprocess
from pathlib import Path

import pytest
from attrs import evolve, frozen
from fakes.git_repos import User, a_run, a_user, write

from dispatch.gitops.store import RunRepository
from dispatch.state.errors import GitError
from dispatch.state.git_values import Shadow

REMOTE = "https://user:token@example.org/repo.git"


@frozen
class Seat:
    """Where an agent sits: a worktree, and the git folder it is given."""

    user: User
    run: RunRepository
    worktree: Path
    by: str  # how git finds the folder

    @property
    def shadow(self) -> Shadow:
        """The git folder, as each command gets it."""
        return self.run.shadow(self.worktree)

    def git(self, *arguments: str) -> str:
        """What a git command prints that the agent gives; raises AssertionError where it fails."""
        shadow = self.shadow
        environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
        if self.by == "variables":
            environment |= shadow.variables
        elif self.by == "pointer":  # what a bind does, for one command
            (self.worktree / ".git").write_bytes(shadow.pointer.read_bytes())
        else:
            (self.worktree / ".git").unlink()
            shadow.folder.rename(self.worktree / ".git")
        try:
            done = subprocess.run(
                ["git", *arguments], cwd=self.worktree, env=environment, capture_output=True
            )
        finally:
            if self.by == "folder":
                (self.worktree / ".git").rename(shadow.folder)
        assert done.returncode == 0, (arguments, done.stderr.decode())
        return done.stdout.decode().rstrip("\n")


@pytest.fixture(params=["variables", "pointer", "folder"])
def seat(tmp_path: Path, request: pytest.FixtureRequest) -> Seat:
    """A task's worktree in the run of a user with a remote and packed history."""
    return a_seat(tmp_path, request.param)


def a_seat(tmp_path: Path, by: str = "variables") -> Seat:
    user = a_user(tmp_path)
    user.git("remote", "add", "origin", REMOTE)
    user.write({"a.txt": "one\ntwo\nthree\nfour\n"})
    user.commit("second")
    user.gc()
    run = a_run(user)
    return Seat(user, run, run.ensure_worktree("1a", user.head, None), by)


def everything(seat: Seat) -> dict[str, str]:
    """The user's repository, and the store but for its settings, which are written again."""
    store = seat.user.root / "dispatch/run/git"
    files = (path for path in sorted(store.rglob("*")) if path.is_file())
    found = {str(path): path.read_bytes().hex() for path in files}
    return {**found, **seat.user.fingerprint()}


def test_git_works_for_an_agent_and_touches_nobody(seat: Seat) -> None:
    """status, diff, log, show, blame, grep, add, commit, branch, stash: as in any repository."""
    before, base = everything(seat), seat.user.head
    assert seat.git("status", "--porcelain") == ""
    assert seat.git("rev-parse", "HEAD", "--abbrev-ref", "HEAD").split("\n") == [base, "work"]
    assert seat.git("log", "--format=%s") == "second\nbase"
    assert seat.git("grep", "-n", "two") == "a.txt:2:two"
    assert "second" in seat.git("show", "--stat", "HEAD")
    assert seat.git("blame", "-s", "-L4,4", "a.txt").startswith(base[:7])
    write(seat.worktree, {"a.txt": "ONE\n", "new.txt": "n\n", "cache/x": "ignored\n"})
    assert seat.git("status", "--porcelain") == " M a.txt\n?? new.txt"
    assert "+ONE" in seat.git("diff")
    seat.git("add", "a.txt")
    seat.git("commit", "--quiet", "--message", "mine")
    assert seat.git("log", "-1", "--format=%an <%ae>") == "agent <agent@localhost>"
    seat.git("stash", "--quiet", "--include-untracked")
    assert not (seat.worktree / "new.txt").exists()
    seat.git("stash", "pop", "--quiet")
    seat.git("checkout", "--quiet", "-b", "side", "HEAD~1")
    assert seat.git("branch", "--format=%(refname:short)") == "side\nwork"
    seat.git("merge", "--quiet", "work")
    assert seat.git("remote") == ""
    assert seat.git("config", "--list", "--local").find("token") == -1
    seat.run.shadow(seat.worktree)
    assert everything(seat) == before


def test_a_stash_outlives_the_program_and_goes_with_the_worktree(tmp_path: Path) -> None:
    """An interrupted agent goes on with it; nobody else ever finds it."""
    seat = a_seat(tmp_path)
    (seat.worktree / "new.txt").write_text("new\n")
    seat.git("stash", "--quiet", "--include-untracked")
    later = evolve(seat, run=a_run(seat.user))
    later.git("stash", "pop", "--quiet")
    assert (seat.worktree / "new.txt").read_text() == "new\n"
    folder = later.shadow.folder.parent
    later.run.remove_worktree("1a")
    assert not folder.exists()


def test_commits_of_an_agent_hide_nothing_and_prove_nothing(seat: Seat) -> None:
    """[W-18] What it did is its files compared with the base, whatever it committed."""
    base = seat.user.head
    write(seat.worktree, {"a.txt": "ONE\n", "kept.txt": "k\n", "gone.txt": "g\n"})
    seat.git("add", "--all")
    seat.git("commit", "--quiet", "--message", "mine")
    seat.git("update-index", "--assume-unchanged", "a.txt")
    (seat.worktree / "gone.txt").unlink()
    snapshot = seat.run.snapshot(seat.worktree, base)
    assert snapshot.problems == ()
    assert [(each.path, each.kind.value) for each in snapshot.changes] == [
        ("a.txt", "modified"),
        ("kept.txt", "added"),
    ]


def test_it_names_nothing_but_objects(tmp_path: Path) -> None:
    """Its settings, refs and logs are its own; what it borrows from are folders of objects."""
    seat = a_seat(tmp_path)
    shadow = seat.shadow
    store, theirs = seat.user.root / "dispatch/run/git/objects", seat.user.root / ".git/objects"
    assert shadow.borrowed == (store, theirs)
    texts = {
        path.relative_to(shadow.folder).as_posix(): path.read_bytes()
        for path in sorted(shadow.folder.rglob("*"))
        if path.is_file()
    }
    assert sorted(texts) == [
        *("HEAD", "config", "index", "info/exclude"),
        *("objects/info/alternates", "refs/heads/work"),
    ]
    assert b"token" not in b"".join(texts.values())
    assert texts["objects/info/alternates"] == f"{store}\n{theirs}\n".encode()
    assert shadow.pointer.read_text() == f"gitdir: {shadow.folder}\n"


def test_it_stays_for_one_agent_and_the_next_gets_a_new_one(tmp_path: Path) -> None:
    """Also when the tree is put back for the same agent after its commands were run."""
    seat = a_seat(tmp_path)
    write(seat.worktree, {"a.txt": "ONE\n"})
    tree = seat.run.snapshot(seat.worktree, seat.user.head).tree
    seat.git("stash", "--quiet")
    seat.run.restore(seat.worktree, tree)
    assert seat.git("stash", "list").startswith("stash@{0}")
    seat.run.ensure_worktree("1a", seat.user.head, None)
    assert seat.git("stash", "list") == ""
    assert seat.git("status", "--porcelain") == ""


def test_a_folder_that_an_agent_broke_is_replaced_without_following_it(tmp_path: Path) -> None:
    """[W-60] Links in it lead nowhere for us, half-made ones and files in its place are removed."""
    seat = a_seat(tmp_path)
    folder, victim = seat.shadow.folder, tmp_path / "victim"
    victim.mkdir()
    for name in ("objects", "refs", "info"):
        (folder / name).rename(folder / f"{name}.old")
        (folder / name).symlink_to(victim)
    seat.run.ensure_worktree("1a", seat.user.head, None)
    assert seat.git("log", "-1", "--format=%s") == "second"
    folder.rename(tmp_path / "moved")
    folder.symlink_to(victim)
    assert seat.git("log", "-1", "--format=%s") == "second"
    (folder.parent / "git.made-for").unlink()
    (folder.parent / "git.new/half").mkdir(parents=True)
    assert seat.git("log", "-1", "--format=%s") == "second"
    assert list(victim.iterdir()) == []


def test_without_a_worktree_there_is_none(tmp_path: Path) -> None:
    seat = a_seat(tmp_path)
    seat.run.remove_worktree("1a")
    with pytest.raises(GitError, match="There is no worktree 1a to make a git folder for"):
        seat.run.shadow(seat.worktree)
