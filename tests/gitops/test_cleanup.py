"""Cleaning takes a run away, whole, and nothing that is not its own."""

import threading
from pathlib import Path

import pytest
from fakes.git_repos import TIME, WRITER, User, a_run, a_user, make_tree, write

from dispatch.gitops.cleanup import CleanReport, clean
from dispatch.gitops.rescue import rescued
from dispatch.state.errors import UsageError
from dispatch.state.lock import LOCK, hold, holder


def a_finished_run(user: User, name: str) -> str:
    """A run that published a commit with a note; the commit."""
    run = a_run(user, name)
    tree = make_tree(user.root / "dispatch" / name / "git", {"result": name})
    commit = run.commit(tree, user.head, "work", WRITER, TIME)
    run.ensure_worktree("level-1", commit, f"dispatch/{name}-level-1")
    run.note(commit, "note", WRITER, TIME)
    run.publish(f"dispatch/{name}", commit, None)
    write(user.root / "dispatch" / name, {"run-state.yaml": "x"})
    return commit


def refs(user: User) -> list[str]:
    """The names of the user's refs."""
    return user.git("for-each-ref", "--format=%(refname)").split("\n")


def test_a_run_goes_whole_and_again_is_harmless(tmp_path: Path) -> None:
    """[CLI-07, W-20]"""
    user = a_user(tmp_path)
    commit = a_finished_run(user, "foo")
    user.git("merge", "--quiet", "dispatch/foo")
    base = user.git("rev-parse", "HEAD^")
    notes = user.git("rev-parse", "refs/notes/dispatch/foo")
    assert clean(user.root, "foo", force=False) == CleanReport(
        "foo",
        (
            ("refs/dispatch/foo/base", base),
            ("refs/heads/dispatch/foo", commit),
            ("refs/notes/dispatch/foo", notes),
        ),
        folder=True,
    )
    assert refs(user) == ["refs/heads/main"]
    assert not (user.root / "dispatch").exists()
    assert clean(user.root, "foo", force=False) == CleanReport("foo", (), folder=False)


def test_a_run_whose_name_begins_alike_is_left_alone(tmp_path: Path) -> None:
    """[CLI-09, W-20, W-38]"""
    user = a_user(tmp_path)
    a_finished_run(user, "foo")
    for name in ("foo-bar", "foo.bar", "foo-level-1"):
        a_finished_run(user, name)
    user.git("branch", "dispatch/foo_mine")
    before = refs(user)
    clean(user.root, "foo", force=True)
    gone = {"refs/dispatch/foo/base", "refs/heads/dispatch/foo", "refs/notes/dispatch/foo"}
    assert refs(user) == [ref for ref in before if ref not in gone]
    assert sorted(each.name for each in (user.root / "dispatch").iterdir()) == [
        "foo-bar",
        "foo-level-1",
        "foo.bar",
    ]


def test_who_starts_a_run_while_it_is_cleaned_keeps_the_lock_and_all_that_is_made(
    tmp_path: Path,
) -> None:
    """From the instant in which the lock is gone, the folder is the next owner's."""
    user = a_user(tmp_path)
    a_finished_run(user, "foo")
    folder = user.root / "dispatch" / "foo"
    for number in range(40):
        write(folder / "attempts" / f"{number}", {f"{each}.log": "x" for each in range(20)})
    is_cleaned, kept = threading.Event(), list[bool]()

    def start() -> None:
        while (folder / LOCK).exists() and not is_cleaned.is_set():
            pass
        with hold(folder, "now"):
            (folder / "mine").write_text("x")
            is_cleaned.wait(60)
            kept.extend([(folder / "mine").exists(), holder(folder) is not None])

    starting = threading.Thread(target=start)
    try:
        with hold(folder, "then"):
            starting.start()
            clean(user.root, "foo", force=True)
    finally:
        is_cleaned.set()
        starting.join()
    assert kept == [True, True]


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../repo",
        "/",
        "/etc",
        "a/b",
        "a b",
        "A",
        "-x",
        "a..b",
        "a.lock",
        "a" * 65,
        "é",
    ],
)
@pytest.mark.parametrize("force", [False, True])
def test_names_that_are_no_run_names_are_refused(tmp_path: Path, name: str, force: bool) -> None:
    """[CLI-08, W-20, W-38]"""
    user = a_user(tmp_path)
    with pytest.raises(UsageError, match=r"^A run (cannot be named|name has)"):
        clean(user.root, name, force)
    assert (user.root / "a.txt").exists()


def test_links_are_not_followed(tmp_path: Path) -> None:
    """[W-20]"""
    user = a_user(tmp_path)
    write(tmp_path / "precious", {"file": "f"})
    (user.root / "dispatch").mkdir()
    (user.root / "dispatch/foo").symlink_to(tmp_path / "precious")
    with pytest.raises(UsageError, match="is a symbolic link"):
        clean(user.root, "foo", force=True)
    a_finished_run(user, "bar")
    (user.root / "dispatch/bar/out").symlink_to(tmp_path / "precious")
    clean(user.root, "bar", force=True)
    assert (tmp_path / "precious/file").read_text() == "f"


def test_rescued_work_is_not_thrown_away_unasked(tmp_path: Path) -> None:
    """In the run's store, in the user's repository, or set aside."""
    user = a_user(tmp_path)
    store = user.root / "dispatch/foo/git"
    for place in ("store", "user", "aside"):
        run = a_run(user, "foo")
        if place == "store":
            write(run.ensure_worktree("1a", user.head, None), {"new": "n"})
            run.ensure_worktree("1a", user.head, None)
            name = f"refs/dispatch/rescue/1a/1 of {store}"
        elif place == "user":
            name = "refs/dispatch/foo/rescue/1a"
            tree = make_tree(store, {"kept": "k"})
            run.publish_ref(name, run.keep(name, tree, user.head, WRITER, TIME))
        else:
            write(user.root / "dispatch/foo/set-aside/1a.1", {"x": "x"})
            name = str(user.root / "dispatch/foo/set-aside/1a.1")
        with pytest.raises(UsageError) as refusal:
            clean(user.root, "foo", force=False)
        assert refusal.value.message == f"Run foo holds work that is nowhere else: {name}."
        assert (user.root / "dispatch/foo").exists()
        assert clean(user.root, "foo", force=True).folder
        assert refs(user) == ["refs/heads/main"]


def test_rescued_work_that_a_branch_of_the_users_has_may_go(tmp_path: Path) -> None:
    user = a_user(tmp_path)
    run = a_run(user, "foo")
    tree = make_tree(user.root / "dispatch/foo/git", {"kept": "k"})
    ref = "refs/dispatch/foo/rescue/1a"
    commit = run.keep(ref, tree, user.head, WRITER, TIME)
    run.publish_ref(ref, commit)
    user.git("branch", "mine", commit)
    assert clean(user.root, "foo", force=False).folder
    assert refs(user) == ["refs/heads/main", "refs/heads/mine"]


@pytest.mark.parametrize("place", ["published", "level", "submitted"])
def test_work_that_no_branch_of_the_users_has_goes_only_by_force(
    tmp_path: Path, place: str
) -> None:
    """Published and not merged, committed and not published, submitted and not committed."""
    user = a_user(tmp_path)
    run = a_run(user, "foo")
    store = user.root / "dispatch/foo/git"
    tree = make_tree(store, {"result": "r"})
    commit = run.commit(tree, user.head, "work\n\nDispatch-Task: 1b", WRITER, TIME)
    ref = "refs/heads/dispatch/foo-level-1"
    if place == "published":
        ref = "refs/heads/dispatch/foo"
        run.publish("dispatch/foo", commit, None)
    elif place == "level":
        run.move(ref, commit, None)
    else:
        ref = "refs/dispatch/submitted/1a"
        run.keep(ref, tree, user.head, WRITER, TIME)
    with pytest.raises(UsageError) as refusal:
        clean(user.root, "foo", force=False)
    assert refusal.value.message == (
        "Run foo holds work that is nowhere else: "
        f"{ref if place == 'published' else f'{ref} of {store}'}."
    )
    assert (store / "HEAD").exists()
    names = {"published": (), "level": ("foo-level-1",), "submitted": ("submitted/1a",)}
    assert tuple(each.name for each in rescued(user.root, "foo")) == names[place]
    if place == "submitted":  # done by its own commit, or by one that has the same tree
        run.move("refs/heads/dispatch/foo-level-1", commit, None)
    user.git("fetch", "--quiet", str(store if place != "published" else "."), f"{commit}:mine")
    assert clean(user.root, "foo", force=False).folder


def test_a_branch_that_is_checked_out_stays_even_when_forced(tmp_path: Path) -> None:
    user = a_user(tmp_path)
    commit = a_finished_run(user, "foo")
    user.git("checkout", "--quiet", "dispatch/foo", "--")
    with pytest.raises(UsageError, match="dispatch/foo is checked out at"):
        clean(user.root, "foo", force=False)
    report = clean(user.root, "foo", force=True)
    assert report.kept == (f"dispatch/foo is checked out at {user.root} and was left.",)
    assert "refs/heads/dispatch/foo" not in dict(report.refs)
    assert user.head == commit
    assert not (user.root / "dispatch").exists()


def test_a_folder_that_is_write_protected_goes_too(tmp_path: Path) -> None:
    user = a_user(tmp_path)
    a_finished_run(user, "foo")
    write(user.root / "dispatch/foo/attempts", {"deep/x": "x"})
    (user.root / "dispatch/foo/attempts/deep").chmod(0o500)
    assert clean(user.root, "foo", force=True).folder
    assert not (user.root / "dispatch").exists()
