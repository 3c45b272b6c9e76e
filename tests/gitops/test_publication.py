"""What reaches the user's repository, when it must not, and what the user may do meanwhile."""

import itertools
import subprocess
import threading
from pathlib import Path

import pytest
from fakes.git_repos import TIME, WRITER, User, a_run, a_user, make_tree, store_text, write

from dispatch.gitops.publication import Publication
from dispatch.gitops.store import RunRepository
from dispatch.gitops.user_git import locate
from dispatch.state.errors import GitError, RefMoved, StorageError

BRANCH = "dispatch/run"


def commits(user: User, run: RunRepository, *names: str) -> list[str]:
    """A row of commits, each with a file more, the first on the base."""
    tips, files = [user.head], dict[str, str]()
    for name in names:
        files[name] = f"{name}\n"
        tree = make_tree(user.root / "dispatch/run/git", files)
        tips.append(run.commit(tree, tips[-1], name, WRITER, TIME))
    return tips[1:]


def refs(user: User) -> dict[str, str]:
    """All refs of the user's repository."""
    lines = user.git("for-each-ref", "--format=%(refname) %(objectname)").split("\n")
    return dict(line.split(" ") for line in lines)


def keeps(user: User) -> list[str]:
    """The packs that the user's gc may not touch."""
    return sorted(each.name for each in (user.root / ".git/objects/pack").glob("*.keep"))


def test_the_branch_and_the_notes_arrive_whole(tmp_path: Path) -> None:
    """[CO-01, CO-02, BR-01] Published twice is published once."""
    user = a_user(tmp_path)
    run = a_run(user)
    run.publish(BRANCH, user.head, None)
    one, two = commits(user, run, "one", "two")
    run.note(one, "by ann\n", WRITER, TIME)
    for _ in range(2):
        run.publish(BRANCH, two, user.head)
    assert refs(user) == {
        "refs/dispatch/run/base": user.head,
        "refs/heads/dispatch/run": two,
        "refs/heads/main": user.head,
        "refs/notes/dispatch/run": run.tip("refs/notes/dispatch/run"),
    }
    assert user.git("notes", "--ref=dispatch/run", "show", one) == "by ann"
    assert user.git("fsck", "--strict", "--no-dangling") == ""
    assert store_text(user, "fsck", "--strict", "--no-dangling") == ""
    assert keeps(user) == []


def test_nothing_else_of_the_users_changes(tmp_path: Path) -> None:
    """Config, hooks, index, HEAD, working trees and files, to the byte."""
    user = a_user(tmp_path)
    user.write({"a.txt": "unsaved\n", "untracked": "u"})
    user.git("add", "untracked")
    user.git("worktree", "add", "--quiet", "--detach", str(tmp_path / "other"))
    before = user.fingerprint()
    run = a_run(user)
    path = run.ensure_worktree("1a", user.head, "dispatch/run-level-1")
    write(path, {"new": "n"})
    commit = run.commit(run.snapshot(path, user.head).tree, user.head, "m", WRITER, TIME)
    run.note(commit, "n", WRITER, TIME)
    run.publish(BRANCH, user.head, None)
    run.publish(BRANCH, commit, user.head)
    run.publish_ref("refs/dispatch/run/rescue/1a", commit)
    run.remove_worktree("1a")
    assert user.fingerprint() == before


def test_a_branch_that_is_elsewhere_is_refused_with_both_commits(tmp_path: Path) -> None:
    """[BR-03, BR-05]"""
    user = a_user(tmp_path)
    run = a_run(user)
    one, two = commits(user, run, "one", "two")
    mine = user.commit("mine")
    user.git("branch", BRANCH)
    for expected in (None, one):
        with pytest.raises(RefMoved) as refusal:
            run.publish(BRANCH, two, expected)
        assert f"refs/heads/dispatch/run already exists at {mine}" in refusal.value.message
        assert "refusing to clobber" in refusal.value.message
        assert (expected or "not to exist") in refusal.value.message
    assert user.git("rev-parse", f"refs/heads/{BRANCH}") == mine


def test_a_branch_that_the_user_deleted_is_not_made_again(tmp_path: Path) -> None:
    user = a_user(tmp_path)
    run = a_run(user)
    one, two = commits(user, run, "one", "two")
    run.publish(BRANCH, one, None)
    user.git("branch", "-D", BRANCH)
    with pytest.raises(RefMoved, match="refs/heads/dispatch/run does not exist"):
        run.publish(BRANCH, two, one)


def test_only_a_descendant_is_published(tmp_path: Path) -> None:
    """[CO-03]"""
    user = a_user(tmp_path)
    run = a_run(user)
    (one,) = commits(user, run, "one")
    (side,) = commits(user, run, "side")
    run.publish(BRANCH, one, None)
    with pytest.raises(RefMoved, match=f"{one}, which is not an ancestor of {side}"):
        run.publish(BRANCH, side, one)
    assert user.git("rev-parse", f"refs/heads/{BRANCH}") == one


def test_a_tip_that_was_rebuilt_gives_way_and_stays_reachable(tmp_path: Path) -> None:
    """[CO-03] Only from where we left it, and only when the run says that it was rebuilt."""
    user = a_user(tmp_path)
    run = a_run(user)
    (one,) = commits(user, run, "one")
    (other,) = commits(user, run, "other")
    run.publish(BRANCH, one, None)
    for _ in range(2):
        run.publish(BRANCH, other, one, (one,))
    assert refs(user) == {
        "refs/dispatch/run/base": user.head,
        f"refs/dispatch/run/superseded/{one}": one,
        "refs/heads/dispatch/run": other,
        "refs/heads/main": user.head,
    }
    with pytest.raises(RefMoved):
        run.publish(BRANCH, user.head, one, (one,))


def test_the_commits_between_two_are_listed_oldest_first(tmp_path: Path) -> None:
    """[CL-11] None between a commit and itself; an error where one does not lead to the other."""
    user = a_user(tmp_path)
    run = a_run(user)
    one, two, three = commits(user, run, "one", "two", "three")
    (side,) = commits(user, run, "side")
    assert run.commits_between(user.head, three) == (one, two, three)
    assert run.commits_between(one, three) == (two, three)
    assert run.commits_between(two, two) == ()
    for start, tip in ((side, three), (three, one)):
        with pytest.raises(GitError, match="does not lead back"):
            run.commits_between(start, tip)


def test_a_branch_that_is_checked_out_does_not_move(tmp_path: Path) -> None:
    """[W-48] In any of the user's working trees; where it is there already, nothing is asked."""
    user = a_user(tmp_path)
    run = a_run(user)
    run.publish(BRANCH, user.head, None)
    other = tmp_path / "other"
    user.git("worktree", "add", "--quiet", str(other), BRANCH)
    (one,) = commits(user, run, "one")
    with pytest.raises(GitError, match=f"is checked out at {other}"):
        run.publish(BRANCH, one, user.head)
    run.publish(BRANCH, user.head, user.head)
    user.git("checkout", "--quiet", "--detach", cwd=other)
    run.publish(BRANCH, one, user.head)
    assert user.git("rev-parse", f"refs/heads/{BRANCH}") == one


def test_a_symbolic_ref_leads_nowhere(tmp_path: Path) -> None:
    user = a_user(tmp_path)
    run = a_run(user)
    (one,) = commits(user, run, "one")
    main = user.head
    user.git("symbolic-ref", f"refs/heads/{BRANCH}", "refs/heads/other")
    user.git("branch", "other")
    with pytest.raises(GitError):
        run.publish(BRANCH, one, None)
    run.publish(BRANCH, one, main)
    assert user.git("rev-parse", "refs/heads/other") == main == user.head


def test_refs_of_the_run_arrive_and_keep_what_they_left(tmp_path: Path) -> None:
    user = a_user(tmp_path)
    run = a_run(user)
    (one,) = commits(user, run, "one")
    (two,) = commits(user, run, "two")
    ref = "refs/dispatch/run/rescue/1a"
    for commit in (one, one, two, one):
        run.publish_ref(ref, commit)
    assert refs(user) == {
        "refs/dispatch/run/base": user.head,
        ref: one,
        f"refs/dispatch/run/superseded/{one}": one,
        f"refs/dispatch/run/superseded/{two}": two,
        "refs/heads/main": user.head,
    }
    mine = user.commit("mine")
    user.git("update-ref", ref, mine)
    run.publish_ref(ref, one)
    assert refs(user)[f"refs/dispatch/run/superseded/{mine}"] == mine
    for outside in ("refs/heads/main", "refs/dispatch/run-2/x", "refs/dispatch/run"):
        with pytest.raises(GitError, match="is not below"):
            run.publish_ref(outside, one)


def test_notes_that_the_user_wrote_are_not_overwritten(tmp_path: Path) -> None:
    user = a_user(tmp_path)
    run = a_run(user)
    (one,) = commits(user, run, "one")
    user.git("notes", "--ref=dispatch/run", "add", "-m", "mine", user.head)
    run.note(one, "ours", WRITER, TIME)
    with pytest.raises(RefMoved, match="refs/notes/dispatch/run already exists at"):
        run.publish(BRANCH, one, None)
    assert user.git("notes", "--ref=dispatch/run", "show", user.head) == "mine"


def test_a_lock_that_somebody_holds_is_waited_for_and_never_removed(tmp_path: Path) -> None:
    user = a_user(tmp_path)
    run = a_run(user)
    (one,) = commits(user, run, "one")
    lock = user.root / ".git/refs/heads/dispatch/run.lock"
    write(lock.parent, {lock.name: ""})
    store = user.root / "dispatch/run/git"
    impatient = Publication(locate(user.root), store, "run", patience=0.1)
    with pytest.raises(StorageError, match=r"refs/heads/dispatch/run .* could not be changed"):
        impatient.branch(f"refs/heads/{BRANCH}", one, None)
    assert lock.exists()
    timer = threading.Timer(0.15, lock.unlink)
    timer.start()
    run.publish(BRANCH, one, None)
    timer.join()
    assert user.git("rev-parse", f"refs/heads/{BRANCH}") == one


def test_marks_of_a_publication_that_was_killed_are_taken_away(tmp_path: Path) -> None:
    """And nobody else's, such as those of a run with a longer name."""
    user = a_user(tmp_path)
    run = a_run(user)
    (one,) = commits(user, run, "one")
    packs = {"a.keep": "dispatch run\n", "b.keep": "dispatch run-2\n", "c.keep": ""}
    write(user.root / ".git/objects/pack", packs)
    run.publish(BRANCH, one, None)
    assert keeps(user) == ["b.keep", "c.keep"]
    write(user.root / ".git/objects/pack", packs)
    run.publish(BRANCH, one, None)  # killed after the branch had moved
    assert keeps(user) == ["b.keep", "c.keep"]


def test_the_user_may_throw_away_garbage_between_any_two_steps(tmp_path: Path) -> None:
    """What agents write may be the user's garbage already; ours must not go with it."""
    user = a_user(tmp_path)
    run = a_run(user)
    garbage = {"same.txt": "the user wrote this and dropped it\n", "deep/er/same.txt": "x\n"}

    def drop_and_write(path: Path) -> None:
        user.write(garbage)
        user.git("add", "--force", "--all", ":!dispatch")
        user.git("write-tree")  # the trees become garbage as well
        user.git("reset", "--quiet", "--hard")
        write(path, garbage)

    path = run.ensure_worktree("1a", user.head, None)
    drop_and_write(path)
    snapshot = run.snapshot(path, user.head)
    user.gc()
    kept = run.keep("refs/dispatch/submitted/1a", snapshot.tree, user.head, WRITER, TIME)
    user.gc()
    tree = run.merge(user.head, snapshot.tree, user.head).tree
    user.gc()
    picked = run.pick(user.head, snapshot.tree, ["same.txt"])
    user.gc()
    one = run.commit(tree, user.head, "one", WRITER, TIME)
    two = run.commit(picked, one, "two", WRITER, TIME)
    user.gc()
    run.publish_ref("refs/dispatch/run/rescue/1a", kept)
    user.gc()
    run.publish(BRANCH, one, None)
    user.gc()
    run.publish(BRANCH, two, one)
    user.gc()
    run.ensure_worktree("1b", two, None)
    assert user.git("fsck", "--strict", "--no-dangling") == ""
    assert store_text(user, "fsck", "--strict", "--no-dangling", "--full") == ""
    assert user.git("show", f"{one}:deep/er/same.txt") == "x"


def test_the_base_survives_though_the_user_drops_it(tmp_path: Path) -> None:
    user = a_user(tmp_path)
    base = user.commit("to be dropped")
    run = a_run(user)
    user.git("reset", "--quiet", "--hard", "HEAD^")
    user.git("reflog", "expire", "--expire=now", "--all")
    user.gc()
    path = run.ensure_worktree("1a", base, None)
    assert run.snapshot(path, base).changes == ()


def test_publishing_goes_well_while_the_user_collects_garbage(tmp_path: Path) -> None:
    user = a_user(tmp_path)
    run = a_run(user)
    tips = [user.head, *commits(user, run, *(f"f{number}" for number in range(8)))]
    run.publish(BRANCH, tips[0], None)
    done = threading.Event()

    def collect() -> None:
        while not done.is_set():
            command = ["git", "gc", "--quiet", "--prune=now"]
            subprocess.run(command, cwd=user.root, check=False, capture_output=True)

    collector = threading.Thread(target=collect)
    collector.start()
    try:
        for old, new in itertools.pairwise(tips):
            run.publish(BRANCH, new, old)
    finally:
        done.set()
        collector.join()
    assert user.git("rev-parse", f"refs/heads/{BRANCH}") == tips[-1]
    assert user.git("fsck", "--strict", "--no-dangling") == ""


def test_objects_that_the_user_borrows_are_found_too(tmp_path: Path) -> None:
    lender = a_user(tmp_path / "lender")
    lender.commit()
    user = User(tmp_path / "repo", lender.home)
    lender.git("clone", "--quiet", "--shared", str(lender.root), str(user.root))
    run = a_run(user)
    path = run.ensure_worktree("1a", user.head, None)
    write(path, {"new": "n"})
    commit = run.commit(run.snapshot(path, user.head).tree, user.head, "m", WRITER, TIME)
    run.publish(BRANCH, commit, None)
    assert user.git("show", f"refs/heads/{BRANCH}:new") == "n"
