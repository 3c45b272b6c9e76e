"""``dispatch rescue``: what was kept is listed and becomes a branch, and nothing else moves."""

import json
from collections.abc import Callable

import pytest
from fakes.git_repos import TIME, WRITER, User, a_run, make_tree, write
from fakes.small_records import a_run as a_document

from dispatch.state.document_store import DocumentStore

Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def kept(user: User) -> str:
    """A run with the work of a failed task and something found in a worktree; the first's id."""
    run = a_run(user, "foo")
    folder = user.root / "dispatch" / "foo"
    DocumentStore.create(folder, a_document("foo"))
    tree = make_tree(folder / "git", {"a.txt": "changed", "new": "n"})
    ref = "refs/dispatch/foo/rescue/1a-x"
    commit = run.keep(ref, tree, user.head, WRITER, TIME)
    run.publish_ref(ref, commit)
    write(run.ensure_worktree("level-1", user.head, None), {"found": "f"})
    run.ensure_worktree("level-1", user.head, None)
    return commit


def test_kept_work_is_listed_with_its_files_and_how_to_look_at_it(
    user: User, kept: str, cli: Cli
) -> None:
    """[W-05]"""
    code, out, err = cli("rescue", "foo", "--json")
    assert (code, err) == (0, "")
    first, second = json.loads(out)["rescued"]
    assert (first["name"], first["commit"]) == ("1a-x", kept)
    assert "new" in first["files"]
    assert first["look"] == "git show refs/dispatch/foo/rescue/1a-x"
    assert (second["name"], second["files"]) == ("level-1/1", ["found"])
    code, out, _ = cli("rescue", "foo")
    assert code == 0
    assert out.startswith(f"1a-x  {kept[:12]}\n  files  ")
    assert out.endswith("To take one: dispatch rescue foo --restore 1a-x --to BRANCH\n")


def test_kept_work_is_told_with_what_may_run_or_lead_out_of_it(user: User, cli: Cli) -> None:
    """Nobody accepted it: it is looked at before it is checked out."""
    run = a_run(user, "foo")
    DocumentStore.create(user.root / "dispatch" / "foo", a_document("foo"))
    path = run.ensure_worktree("1a-x", user.head, None)
    write(path, {".vscode/tasks.json": "{}", "plain": "p"})
    (path / "out").symlink_to("../../secret")
    (path / "in").symlink_to("plain")
    ref = "refs/dispatch/foo/rescue/1a-x"
    commit = run.keep(ref, run.snapshot(path, user.head).tree, user.head, WRITER, TIME)
    run.publish_ref(ref, commit)
    watch = [
        ".vscode/tasks.json may run by itself (editor): an editor runs tasks, tools or containers "
        "that it names.",
        "out is a symbolic link that leads out of the tree.",
    ]
    _, out, _ = cli("rescue", "foo", "--json")
    assert json.loads(out)["rescued"][0]["watch"] == watch
    _, out, _ = cli("rescue", "foo")
    assert "".join(f"  watch  {each}\n" for each in watch) in out


@pytest.mark.parametrize(("name", "path"), [("1a-x", "new"), ("level-1/1", "found")])
def test_a_branch_is_made_of_it_and_head_and_files_stay(
    name: str, path: str, user: User, kept: str, cli: Cli
) -> None:
    before = user.git("status", "--porcelain", "--branch"), user.head
    code, out, err = cli("rescue", "foo", "--restore", name, "--to", "mine/of-foo")
    assert (code, err) == (0, "")
    assert out.startswith("made branch mine/of-foo at ")
    assert path in user.git("ls-tree", "--name-only", "mine/of-foo").split("\n")
    assert (user.git("status", "--porcelain", "--branch"), user.head) == before
    user.git("fsck", "--strict", "--no-dangling")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--restore", "1a-x"), "--restore and --to belong together."),
        (("--restore", "1a-y", "--to", "b"), "Run foo has no kept work 1a-y. It has 1a-x,"),
        (("--restore", "1a-x", "--to", "main"), "Branch main is there already, at "),
        (("--restore", "1a-x", "--to", "dispatch/b"), "Branches below dispatch/ are runs' own."),
        (("--restore", "1a-x", "--to", "a..b"), "'a..b' is not a name for a branch."),
    ],
)
def test_what_cannot_be_restored_is_refused_and_nothing_is_made(
    arguments: tuple[str, ...], message: str, user: User, kept: str, cli: Cli
) -> None:
    refs = user.git("for-each-ref")
    code, out, err = cli("rescue", "foo", *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert user.git("for-each-ref") == refs


def test_a_run_that_kept_nothing_says_so(user: User, cli: Cli) -> None:
    a_run(user, "bar")
    DocumentStore.create(user.root / "dispatch" / "bar", a_document("bar"))
    assert cli("rescue", "bar") == (0, "Run bar kept no work aside.\n", "")
