"""``dispatch teardown`` and ``dispatch clean``: what goes, what stays, what is refused."""

from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import evolve
from fakes.git_repos import User, a_run
from fakes.small_records import a_run as a_document

from dispatch.state.document_store import DocumentStore
from dispatch.state.lock import hold

NOW = "2026-01-02T03:04:05.678Z"
Cli = Callable[..., tuple[int, str, str]]


def test_teardown_removes_the_worktrees_and_keeps_report_document_and_branch(
    user: User, cli: Cli
) -> None:
    """[CLI-03]"""
    folder = _run(user, "foo")
    tip = user.git("rev-parse", "dispatch/foo")
    assert cli("teardown", "foo") == (0, "removed 1 worktree of run foo\n", "")
    assert cli("teardown", "foo") == (0, "removed 0 worktrees of run foo\n", "")
    assert sorted(each.name for each in (folder / "worktrees").iterdir()) == []
    assert (folder / "report.md").is_file()
    assert (folder / "run-state.yaml").is_file()
    assert user.git("rev-parse", "dispatch/foo") == tip


def test_clean_removes_worktrees_branches_and_folder_and_may_be_repeated(
    user: User, cli: Cli
) -> None:
    """[CLI-07]"""
    _run(user, "foo")
    went = "".join(
        f"{ref} at {user.head[:12]} went\n"
        for ref in ("refs/dispatch/foo/base", "refs/heads/dispatch/foo")
    )
    assert cli("clean", "foo") == (0, "cleaned foo\n", went)
    assert user.git("for-each-ref", "--format=%(refname)") == "refs/heads/main"
    assert not (user.root / "dispatch").exists()
    assert cli("clean", "foo") == (0, "", "There was nothing of a run foo.\n")


@pytest.mark.parametrize("name", ["..", "/etc", "", "a/../b", ".", "-x", "a b", "A"])
def test_clean_refuses_what_is_no_name(name: str, user: User, cli: Cli) -> None:
    """[CLI-08]"""
    folder = _run(user, "foo")
    code, out, _ = cli("clean", "--", name) if name == "-x" else cli("clean", name)
    assert (code, out) == (2, "")
    assert (folder / "run-state.yaml").is_file()


def test_clean_leaves_a_run_whose_name_only_begins_alike(user: User, cli: Cli) -> None:
    """[CLI-09]"""
    _run(user, "foo")
    other = _run(user, "foo-bar")
    assert cli("clean", "foo")[:2] == (0, "cleaned foo\n")
    assert user.git("for-each-ref", "--format=%(refname)").split("\n") == [
        "refs/dispatch/foo-bar/base",
        "refs/heads/dispatch/foo-bar",
        "refs/heads/main",
    ]
    assert (other / "run-state.yaml").is_file()


def test_clean_all_takes_every_run_and_leaves_stray_files(user: User, cli: Cli) -> None:
    _run(user, "one")
    _run(user, "two")
    user.write({"dispatch/notes.txt": "mine", "dispatch/stray/x": "mine too"})
    assert cli("clean", "--all")[:2] == (0, "cleaned one\ncleaned two\n")
    left = sorted(each.name for each in (user.root / "dispatch").iterdir())
    assert left == ["notes.txt", "stray"]
    assert cli("clean", "--all") == (0, "", "There is nothing to clean.\n")


@pytest.mark.parametrize("arguments", [(), ("--all", "foo")])
def test_clean_wants_a_name_or_all_and_not_both(arguments: tuple[str, ...], cli: Cli) -> None:
    assert cli("clean", *arguments) == (
        2,
        "",
        "dispatch: clean takes the name of a run, or --all. See `dispatch clean --help`\n",
    )


@pytest.mark.parametrize("verb", ["clean", "teardown"])
def test_a_run_that_a_process_is_working_on_is_left_alone(verb: str, user: User, cli: Cli) -> None:
    """[CLI-10]"""
    folder = _run(user, "foo")
    with hold(folder, NOW):
        code, out, err = cli(verb, "foo")
    assert (code, out) == (5, "")
    assert err.startswith("dispatch: Run foo is in the hands of process ")
    assert (folder / "worktrees" / "level-1").is_dir()


def test_with_all_a_live_run_does_not_keep_the_others(user: User, cli: Cli) -> None:
    _run(user, "live")
    _run(user, "old")
    with hold(user.root / "dispatch" / "live", NOW):
        code, out, _ = cli("clean", "--all")
    assert (code, out) == (5, "cleaned old\n")


def test_rescued_work_goes_only_by_force(user: User, cli: Cli) -> None:
    _run(user, "foo")
    rescued = user.git("commit-tree", "-p", user.head, "-m", "rescued", f"{user.head}^{{tree}}")
    user.git("update-ref", "refs/dispatch/foo/rescue/1a-x", rescued)
    code, out, err = cli("clean", "foo")
    assert (code, out) == (2, "")
    assert "refs/dispatch/foo/rescue/1a-x" in err
    assert cli("clean", "foo", "--force")[:2] == (0, "cleaned foo\n")


def _run(user: User, name: str) -> Path:
    """A run with a document, a report, a worktree and its branch in the user's repository."""
    repository = a_run(user, name)
    repository.ensure_worktree("level-1", user.head, None)
    repository.publish(f"dispatch/{name}", user.head, None)
    folder = user.root / "dispatch" / name
    document = evolve(a_document(name), base_commit=user.head, target_repo_path=str(user.root))
    DocumentStore.create(folder, document)
    (folder / "report.md").write_text("# R\n")
    return folder
