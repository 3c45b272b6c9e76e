"""``--detach`` and what ``attach`` says on a pipe: the run and the terminal part ways."""

import json
import os
import re
from pathlib import Path

import psutil
import pytest
from fakes.asking_run import Asking, asking
from fakes.child_program import Ended, until

from dispatch.commands.detached import OUTPUT
from dispatch.state.enums import RunStatus
from dispatch.state.lock import holder

SAID = re.compile(
    r"dispatch: process (\d+) goes on with run r, its words are in \S+/r/output\.log\. "
    r"Watch it: dispatch attach r\n"
)


def _pid(ended: Ended) -> int:
    found = SAID.fullmatch(ended.err)
    assert found is not None, ended.err
    assert (ended.code, ended.out) == (0, "r\n")
    return int(found[1])


def test_the_run_goes_on_in_a_session_of_its_own(run: Asking) -> None:
    pid = _pid(run.program.run("run", "r", "--detach", "--no-wait", "-v"))
    process = psutil.Process(pid)
    assert os.getsid(pid) == pid
    assert process.terminal() is None
    owner = holder(run.folder)
    assert owner is not None
    assert owner.startswith(f"process {pid} ")
    run.go.touch()
    ended = run.program.run("attach", "r")
    assert ended.code == 0
    assert run.run.status is RunStatus.DONE
    log = (run.folder / OUTPUT).read_text(encoding="utf-8")
    assert log.endswith(f"\n{run.folder}/report.md\n")
    assert (run.folder / OUTPUT).stat().st_mode & 0o777 == 0o600


def test_the_same_branch_comes_out(run: Asking, straight: str) -> None:
    run.go.touch()
    ended = run.program.run("run", "r", "--detach", "--json")
    assert ended.code == 0
    said = json.loads(ended.out)
    assert (said["run"], said["output"]) == ("r", str(run.folder / OUTPUT))
    assert f"process {said['process']} " in ended.err
    run.program.run("attach", "r")
    assert run.user.git("rev-parse", "dispatch/r") == straight


def test_what_ends_it_at_once_is_said_here_with_its_exit_code(run: Asking) -> None:
    with run.program.started("run", "r"):
        until(lambda: bool(run.commands()))
        ended = run.program.run("run", "r", "--detach")
        assert (ended.code, ended.out, ended.err.count("\n")) == (5, "", 1)
        assert ended.err.startswith("dispatch: Run r is in the hands of process ")


def test_what_can_be_refused_is_refused_before_anything_is_made(run: Asking) -> None:
    ended = run.program.run("run", "Bad Name", "--detach")
    assert (ended.code, ended.out) == (2, "")
    assert not (run.user.root / "dispatch").exists()


def test_a_retry_can_be_left_alone_too(tmp_path: Path) -> None:
    failing = asking(tmp_path, ("x",))
    with failing.program.started("run", "r") as process:
        until(lambda: failing.open() == ["1a-x-dev-1"])
        failing.program.run("answer", "r", "1a-x-dev-1", "abort")
        assert process.wait().code == 1
    refused = failing.program.run("retry", "r", "--detach", "--task", "1a-y")
    assert (refused.code, refused.out) == (2, "")
    assert "1a-y" in refused.err
    _pid(failing.program.run("retry", "r", "--detach"))
    until(lambda: bool(failing.open()))
    failing.program.run("answer", "r", failing.open()[0], "continue")
    assert failing.program.run("attach", "r").code == 0


@pytest.mark.parametrize(
    ("options", "label"), [((), "[run]"), (("--color", "always"), "\x1b[36m[run]\x1b[0m")]
)
def test_on_a_pipe_attach_gives_a_line_for_each_thing_that_happens(
    run: Asking, options: tuple[str, ...], label: str
) -> None:
    run.go.touch()
    _pid(run.program.run("run", "r", "--detach"))
    ended = run.program.run("attach", "r", *options)
    assert (ended.code, ended.err) == (0, "")
    *lines, status, look, take, remove = ended.out.splitlines()
    assert lines[-2].startswith(f"{label} consolidating → done: ")
    assert lines[-1].startswith(f"{label} completed: run r, outcome done, exitCode 0, ")
    assert status == "No process works on run r: done"
    assert (look, take, remove) == (
        f"  Look at the result: git log --stat {run.run.base_commit[:12]}..dispatch/r",
        "  Take it over: git merge dispatch/r",
        "  Then remove the worktrees: dispatch teardown r",
    )
    # What was removed is not to be removed again.
    assert run.program.run("teardown", "r").code == 0
    last = "  Then remove the run and its report: dispatch clean r"
    assert run.program.run("attach", "r", *options).out.splitlines()[-1] == last
    assert run.program.run("status", "r").out.splitlines()[-2] == last
    assert json.loads(run.program.run("status", "r", "--json").out)["next"][-1] == last.strip()


def test_scripts_get_every_event_as_it_happens_and_the_exit_code(tmp_path: Path) -> None:
    waiting = asking(tmp_path, ("x",))
    waiting.go.touch()
    _pid(waiting.program.run("run", "r", "--detach", "--no-wait"))
    ended = waiting.program.run("attach", "r", "--json")
    assert (ended.code, ended.err) == (3, "")
    assert ended.out == (waiting.folder / "events.jsonl").read_text(encoding="utf-8")
    assert json.loads(ended.out.splitlines()[-1])["type"] == "run.completed"
    assert waiting.program.run("attach", "r", "--json") == ended


def test_attach_to_a_run_that_nobody_works_on_says_how_it_stands(tmp_path: Path) -> None:
    """Its exit code is the run's: 3 while it waits for an answer."""
    waiting = asking(tmp_path, ("x",))
    assert waiting.program.run("run", "r", "--no-wait").code == 3
    ended = waiting.program.run("attach", "r")
    assert (ended.code, ended.err) == (3, "")
    assert ended.out.endswith(
        "No process works on run r: executing\n"
        "  Answer the question 1a-x-dev-1: May task 1a-x keep its major deviation from the plan: "
        "The file x is shorter than planned.\n"
        "  Continue it: dispatch r\n"
    )
    unknown = waiting.program.run("attach", "s")
    assert (unknown.code, unknown.err) == (
        2,
        f"dispatch: There is no run s in {waiting.user.root}. Known runs: r.\n",
    )


def test_attach_to_a_run_that_was_killed_has_the_code_of_an_interruption(run: Asking) -> None:
    with run.program.started("run", "r") as process:
        until(lambda: (run.folder / "worktrees" / "1a-z" / "z").exists())
        process.kill()
    ended = run.program.run("attach", "r")
    assert ended.code == 130
    assert ended.out.endswith("No process works on run r: executing\n  Continue it: dispatch r\n")
