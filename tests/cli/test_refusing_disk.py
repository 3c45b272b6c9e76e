"""The real program where the disk, or the kernel, refuses: a sentence, exit code 6, and on it goes.

Nothing fails, nothing that was accepted is asked for again, and the end is that of a run that
always had room.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from attrs import evolve
from fakes.asking_run import Asking
from fakes.child_program import Ended, until
from fakes.thoroughness import thorough
from fakes.tiny_disk import TinyDisk, needs_root, tiny_disk

from dispatch.state.document import DOCUMENT
from dispatch.state.enums import AttemptOutcome, RunStatus, TaskStatus
from dispatch.state.errors import ExitCode

MAX_STARTS = 60


@pytest.fixture
def disk(run: Asking) -> Iterator[TinyDisk]:
    """A file system of its own under the repository; temporary files lie there, too."""
    with tiny_disk(run.user.root) as disk:
        temporary = run.user.root / ".git" / "temporary"
        temporary.mkdir()
        run.program.variables["TMPDIR"] = str(temporary)
        yield disk


def check_refusal(ended: Ended, reason: str) -> None:
    """One sentence that says what, why and what to do, as the last line; nothing on stdout."""
    last = ended.err.splitlines()[-1]
    assert (ended.code, ended.out) == (ExitCode.STORAGE, ""), ended.err
    assert last.startswith("dispatch: ")
    assert reason in last
    assert "Traceback" not in ended.err


def check_nothing_failed(run: Asking) -> None:
    """The document is legal, and no attempt is held against anybody."""
    document = run.run
    assert document.status not in (RunStatus.FAILED, RunStatus.DONE)
    assert document.failure is None
    for task in document.tasks:
        assert task.status is not TaskStatus.FAILED
        assert [each.outcome for each in task.attempts if each.outcome] == []


def goes_on(run: Asking, straight: str) -> None:
    """The same command ends as if nothing had been."""
    run.go.touch()
    ended = run.program.run("run", "r")
    assert ended.code == 0, ended.err
    assert run.user.git("rev-parse", "dispatch/r") == straight
    assert run.run.status is RunStatus.DONE
    outcomes = {each.outcome for task in run.run.tasks for each in task.attempts}
    assert AttemptOutcome.OK in outcomes


@needs_root
def test_a_disk_that_fills_while_an_agent_works(run: Asking, disk: TinyDisk, straight: str) -> None:
    with run.program.started("run", "r") as process:
        until(run.is_at_work)
        disk.fill()
        run.go.touch()
        ended = process.wait()
    check_refusal(ended, "No space left on device")
    check_nothing_failed(run)
    run.go.unlink()
    check_refusal(run.program.run("run", "r"), "No space left on device")
    check_no_task_failed(run)
    disk.free()
    goes_on(run, straight)


@needs_root
def test_a_disk_that_is_read_only_at_the_next_start(
    run: Asking, disk: TinyDisk, straight: str
) -> None:
    """As after an error of the device: what was killed goes on once it can be written again."""
    with run.program.started("run", "r") as process:
        until(run.is_at_work)
        process.kill()
    for pid in run.commands():
        with suppress(ProcessLookupError):  # a confined one dies with the program
            os.kill(pid, signal.SIGKILL)
    until(lambda: not run.survivors())
    disk.set(read_only=True)
    check_refusal(run.program.run("run", "r"), "Read-only file system")
    check_nothing_failed(run)
    disk.set()
    goes_on(run, straight)


@thorough
@needs_root
def test_a_disk_that_grows_a_little_at_a_time(run: Asking, disk: TinyDisk, straight: str) -> None:
    """Wherever it is that there is no room, nothing fails for it, and every start comes further."""
    run.go.touch()
    used = sum(each.lstat().st_blocks // 2 for each in run.user.root.rglob("*"))

    def start(number: int) -> Ended:
        disk.set(kib=used + 4 + 48 * number)
        return run.program.run("run", "r")

    reason = "Free some space, then run the same command again."
    assert refused_until_it_ends(run, start, reason) > 5
    assert run.user.git("rev-parse", "dispatch/r") == straight


def refused_until_it_ends(run: Asking, start: Callable[[int], Ended], reason: str) -> int:
    """Start it, with ever more room, until it comes to its end; how often that took."""
    codes = []
    for number in range(MAX_STARTS):
        ended = start(number)
        codes.append(ended.code)
        if ended.code == 0:
            break
        check_refusal(ended, reason)
        if (run.folder / DOCUMENT).exists():
            check_no_task_failed(run)
    assert (codes[-1], set(codes[:-1])) == (0, {ExitCode.STORAGE})
    return len(codes)


def check_no_task_failed(run: Asking) -> None:
    """What an interrupted attempt is called is another matter."""
    assert run.run.status is not RunStatus.FAILED
    assert [task.status for task in run.run.tasks if task.status is TaskStatus.FAILED] == []


@needs_root
@pytest.mark.parametrize("where", ["agent", "gate"])
def test_a_command_that_fails_on_a_full_disk_is_nobodys_fault(
    run: Asking, disk: TinyDisk, straight: str, where: str
) -> None:
    """A failing build gate that only met a full disk would blame a task, or excuse the next one."""
    fills = f"test -e {run.go} || dd if=/dev/zero of=$TMPDIR/ballast bs=4096 2>/dev/null"
    config = run.user.root / "dispatch-config.yaml"
    script = run.user.home.parent / "script.yaml"
    if where == "gate":
        text = config.read_text(encoding="utf-8")
        config.write_text(text.replace("test -d .", fills), encoding="utf-8")
    else:
        text = script.read_text(encoding="utf-8")
        begin, end = text.index("for i in"), text.index("done", text.index("for i in")) + 4
        script.write_text(text[:begin] + fills + text[end:], encoding="utf-8")
    check_refusal(run.program.run("run", "r"), "No space left on device")
    assert run.run.baseline_commands == () or where == "agent"
    check_nothing_failed(run)
    goes_on(run, straight)


def test_too_few_open_files(run: Asking, straight: str) -> None:
    """Each start may open a few files more than the one before."""
    run.go.touch()

    def start(number: int) -> Ended:
        limited = evolve(run.program, prefix=("prlimit", f"--nofile={12 + 3 * number}"))
        return limited.run("run", "r")

    refused_until_it_ends(run, start, "Too many open files")
    assert run.user.git("rev-parse", "dispatch/r") == straight
