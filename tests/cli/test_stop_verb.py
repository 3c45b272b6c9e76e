"""``dispatch stop``: another terminal's Ctrl-C, for real processes."""

import json
import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fakes.asking_run import Asking
from fakes.child_program import until
from fakes.git_repos import User
from fakes.legal_events import legal_events

from dispatch.state.errors import ExitCode
from dispatch.state.lock import LOCK, hold

Cli = Callable[..., tuple[int, str, str]]


def test_a_run_that_is_stopped_keeps_its_work_and_goes_on(run: Asking, straight: str) -> None:
    """Its agent hands in within the grace, which counts."""
    with run.program.started("run", "r", "--grace", "60") as worker:
        until(run.is_at_work)
        with run.program.started("stop", "r") as stopper:
            until(lambda: "1 agent gets 60 seconds" in (worker.folder / "err").read_text())
            run.go.touch()
            ended, stopped = worker.wait(), stopper.wait()
    assert ended.code == ExitCode.INTERRUPTED
    assert (stopped.code, stopped.out) == (0, "stopped run r; what was done is kept\n")
    assert stopped.err == f"dispatch: process {worker.popen.pid} was asked to stop\n"
    last = legal_events(run.folder)[-1]
    assert (last["type"], last["outcome"], last["exitCode"]) == (
        "run.completed",
        "interrupted",
        130,
    )
    assert last["status"] == "executing"
    assert run.survivors() == []
    again = run.program.run("run", "r")
    assert again.code == 0, again.err
    assert run.user.git("rev-parse", "dispatch/r") == straight


def test_now_waits_for_no_agent(run: Asking, straight: str) -> None:
    with run.program.started("run", "r", "--grace", "3600") as worker:
        until(run.is_at_work)
        patient = run.program.run("stop", "r", "--wait", "0")
        stopped = run.program.run("stop", "r", "--now", "--json")
        ended = worker.wait()
    assert (patient.code, patient.out) == (1, "")
    assert patient.err.endswith(
        "to stop and has not ended within 0 seconds. Its agents may still hand in; "
        "to end it at once: dispatch stop r --now\n"
    )
    assert json.loads(stopped.out) == {
        "version": 1,
        "run": "r",
        "stopped": True,
        "process": worker.popen.pid,
    }
    assert (stopped.code, stopped.err, ended.code) == (0, "", ExitCode.INTERRUPTED)
    until(lambda: run.survivors() == [])
    run.go.touch()
    again = run.program.run("run", "r")
    assert again.code == 0, again.err
    assert run.user.git("rev-parse", "dispatch/r") == straight


@pytest.fixture
def folder(user: User) -> Path:
    """The folder of a run that nobody works on."""
    folder = user.root / "dispatch" / "r"
    folder.mkdir(parents=True)
    (folder / LOCK).touch()
    return folder


def test_a_run_that_nobody_works_on_is_stopped_already(cli: Cli, folder: Path) -> None:
    assert cli("stop", "r") == (0, "no process is working on run r\n", "")
    code, out, _ = cli("stop", "r", "--json")
    assert (code, json.loads(out)) == (
        0,
        {"version": 1, "run": "r", "stopped": False, "process": None},
    )


@contextmanager
def bystander() -> Iterator["subprocess.Popen[bytes]"]:
    """A process that has nothing to do with any of it."""
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        assert process.poll() is None
        process.kill()


def test_a_process_that_only_the_text_names_is_never_signalled(cli: Cli, folder: Path) -> None:
    """Process ids are used again; whoever else has this one now is not ours to end."""
    with bystander() as process, hold(folder, "now"):
        for text, why in (
            (
                f"process {process.pid} on {socket.gethostname()}, started long ago\n",
                "that process does not hold the lock",
            ),
            (f"process {os.getpid()} on elsewhere, started now\n", "that is another machine"),
            (
                f"process 4194303 on {socket.gethostname()}, started now\n",
                "no such process",
            ),
            ("garbage\n", "its lock does not say which process that is"),
        ):
            (folder / LOCK).write_text(text)
            code, out, err = cli("stop", "r")
            assert (code, out) == (2, "")
            assert err.startswith(f"dispatch: Run r is in the hands of {text.strip()}, which ")
            assert f"cannot be stopped from here: {why}. Press Ctrl-C where it runs" in err
