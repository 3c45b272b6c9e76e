"""What a user does after a run in which tasks failed: one task again, kept work, tidying up."""

from pathlib import Path

from fakes.asking_run import Asking, asking

from dispatch.state.enums import RunStatus, TaskStatus

X, Y = "1a-x-dev-1", "1b-y-dev-1"


def failed(folder: Path, *names: str) -> Asking:
    """A run in which the operator had these tasks fail; ``z`` is committed."""
    run = asking(folder, (*names, "z"))
    run.go.touch()
    assert run.program.run("run", "r", "--no-wait").code == 3
    for name in run.open():
        assert run.program.run("answer", "r", name, "fail-task").code == 0
    assert run.program.run("run", "r").code == 1
    return run


def test_one_task_runs_again_and_nothing_else_is_asked_of_anybody(tmp_path: Path) -> None:
    """[RL-10] Neither planned anew, nor the other failed task, nor the committed one."""
    run = failed(tmp_path, "x", "y")
    before = run.run
    retried = run.program.run("retry", "r", "--task", "1a-x", "--no-wait")
    assert retried.code == 3, retried.err
    (name,) = run.open()
    assert run.program.run("answer", "r", name, "continue").code == 0
    assert run.program.run("run", "r", "--no-wait").code == 1  # y failed, and stays so
    after = run.run
    assert {task.id: (task.status, len(task.attempts)) for task in after.tasks} == {
        "1a-x": (TaskStatus.COMPLETED, 2),
        "1b-y": (TaskStatus.FAILED, 1),
        "1c-z": (TaskStatus.COMPLETED, 1),
    }
    assert after.attempts == before.attempts  # the planner's
    commits = [{task.id: task.commit_sha for task in each.tasks} for each in (before, after)]
    assert commits[0]["1c-z"] == commits[1]["1c-z"]
    assert run.user.git("show", "dispatch/r:x") == "x"
    assert run.program.run("retry", "r", "--no-wait").code == 3
    (name,) = run.open()
    assert run.program.run("answer", "r", name, "continue").code == 0
    assert run.program.run("run", "r").code == 0
    assert run.run.status is RunStatus.DONE


def test_what_is_nowhere_else_is_removed_only_by_force_and_named(tmp_path: Path) -> None:
    """[CLI-07] [W-05] Commits and kept work; once branches have them, the run may go."""
    run = failed(tmp_path, "x")
    program, user = run.program, run.user
    listed = program.run("rescue", "r")
    assert listed.code == 0
    assert listed.out.startswith("1a-x  ")
    refused = program.run("clean", "r")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.startswith(
        "dispatch: Run r holds work that is nowhere else: "
        "refs/dispatch/r/rescue/1a-x, refs/heads/dispatch/r"
    )
    assert run.folder.is_dir()
    assert program.run("rescue", "r", "--restore", "1a-x", "--to", "kept-x").code == 0
    user.git("branch", "kept-z", "dispatch/r")
    again = program.run("clean", "r")
    assert again.code == 0, again.err
    assert not run.folder.exists()
    assert (user.git("show", "kept-x:x"), user.git("show", "kept-z:z")) == ("x", "z")


def test_by_force_it_says_what_went(tmp_path: Path) -> None:
    run = failed(tmp_path, "x")
    branch = run.user.git("rev-parse", "dispatch/r")
    cleaned = run.program.run("clean", "r", "--force")
    assert (cleaned.code, cleaned.out) == (0, "cleaned r\n")
    assert f"refs/heads/dispatch/r at {branch[:12]} went\n" in cleaned.err
    assert "refs/dispatch/r/rescue/1a-x at " in cleaned.err
    assert run.user.git("for-each-ref", "--format=%(refname)") == "refs/heads/main"
