"""A program that is stopped for longer than any limit, and then goes on: nothing was healthy less.

``SIGSTOP`` is what a suspended machine looks like from inside, but for the clock: the kernel's goes
on.  So it is the harder case.
"""

import os
import re
import signal
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from fakes.asking_run import Asking, asking
from fakes.child_program import until

from dispatch.state.enums import AttemptOutcome

LIMIT = 8  # seconds: of the agent, of its silence, of a command
STOPPED = 9.0  # seconds


@pytest.mark.parametrize("whole_tree", [True, False])
def test_being_stopped_ends_no_agent_and_no_command(tmp_path: Path, whole_tree: bool) -> None:
    """Of the whole tree, or of the program alone while the agent's command comes to its end."""
    run = asking(tmp_path, ("z",))
    run.configure(
        limits={"wallSeconds": LIMIT, "silenceSeconds": LIMIT}, commandTimeoutSeconds=LIMIT
    )
    began = time.monotonic()
    with run.program.started("run", "r") as process:
        until(run.is_at_work)
        _stop(process.popen.pid, [*run.commands()] if whole_tree else [], run)
        run.go.touch()
        ended = process.wait()
    assert ended.code == 0, ended.err
    (attempt,) = run.run.tasks[0].attempts
    assert attempt.outcome is AttemptOutcome.OK
    # The time in which it was stopped is not in it; a look comes every half second.
    assert run.run.active_seconds < time.monotonic() - began - STOPPED + 1


def _stop(program: int, others: list[int], run: Asking) -> None:
    """Stop processes for longer than the limits, and let them go on."""
    _signal(signal.SIGSTOP, program, *others)
    until(lambda: psutil.Process(program).status() == psutil.STATUS_STOPPED)
    if not others:
        run.go.touch()
    time.sleep(STOPPED)
    _signal(signal.SIGCONT, program, *others)


def _signal(number: signal.Signals, *pids: int) -> None:
    """To all that are still there: the command that waits starts a short one again and again."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def test_a_command_that_really_takes_too_long_is_still_ended(tmp_path: Path) -> None:
    """The control."""
    run = asking(tmp_path, ("z",))
    run.configure(commandTimeoutSeconds=1)
    assert run.program.run("run", "r").code == 0
    said = (run.folder / "attempts" / "1a-z.implementer.1" / "transcript.jsonl").read_text()
    assert re.search(r"ended by a limit after [1-9]", said)
    assert "ended after the time limit of 1 seconds" in said
