"""Commands: results, limits, and that nothing of them stays alive."""

import asyncio
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import psutil
import pytest
from attrs import evolve

from dispatch.agents.sandbox import CommandLimits, CommandRunner, end_run
from dispatch.agents.sandbox.launcher import Launch, PlainLauncher
from dispatch.agents.sandbox.policy import Sandbox
from dispatch.agents.sandbox.runner import MAX_BEGINNINGS
from dispatch.state.errors import StorageError
from dispatch.state.marks import MARKER
from dispatch.state.work import CommandResult

LIMITS = CommandLimits(
    timeout_seconds=60, silence_seconds=60, output_bytes=100_000, grace_seconds=0.2
)


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[CommandRunner]:
    """A runner for the run folder ``run``."""
    (tmp_path / "tree").mkdir()
    made = CommandRunner(
        tmp_path / "run", tmp_path / "scratch", launcher=PlainLauncher(), limits=LIMITS
    )
    yield made
    made.close()


def alive(mark: str) -> list[list[str]]:
    """The command lines of all processes that carry a run's mark."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARKER, "").startswith(mark):
                found.append(process.cmdline())
        except psutil.Error:
            continue
    return found


async def run(
    runner: CommandRunner, tmp_path: Path, command: str, timeout: float | None = None
) -> tuple[CommandResult, str]:
    """A command's result, without its duration, and its output."""
    output = tmp_path / "run" / "logs" / "out.txt"
    tree = tmp_path / "tree"
    result = await runner.run_in(runner.sandbox(tree), command, tree, output, timeout)
    return result, output.read_text(errors="replace")


async def test_the_result_says_what_happened(runner: CommandRunner, tmp_path: Path) -> None:
    """A failing command is a result, never an exception."""
    output = tmp_path / "run" / "logs" / "out.txt"
    result = await runner.run("echo a; echo b >&2; exit 4", tmp_path / "tree", output)
    assert result == CommandResult(
        command="echo a; echo b >&2; exit 4",
        exit_code=4,
        duration_seconds=result.duration_seconds,
        output_path="logs/out.txt",
        output_bytes=4,
    )
    assert output.read_text() == "a\nb\n"
    assert runner.tier == "none"


async def test_a_folder_that_is_not_there_is_exit_code_127(
    runner: CommandRunner, tmp_path: Path
) -> None:
    """As a shell says of a command it cannot start."""
    output = tmp_path / "run" / "out.txt"
    result = await runner.run("true", tmp_path / "none", output)
    assert result.exit_code == 127
    assert output.read_text() == (
        f"cannot start the command in {tmp_path}/none: No such file or directory\n"
    )


async def test_a_timeout_ends_the_whole_tree_also_what_left_the_session(
    runner: CommandRunner, tmp_path: Path
) -> None:
    """[W-57] With a child that ignores the polite signal and one behind ``setsid nohup``."""
    command = "(trap '' TERM; sleep 61) & setsid nohup sleep 62 >/dev/null 2>&1 & sleep 63"
    result, text = await run(runner, tmp_path, command, timeout=0.3)
    assert (result.exit_code, result.timed_out) == (None, True)
    assert text == "\n[dispatch: ended after the time limit of 0.3 seconds]\n"
    assert alive(str(tmp_path)) == []


async def test_what_stays_behind_a_command_that_ends_is_ended_too(
    runner: CommandRunner, tmp_path: Path
) -> None:
    """A server left in the background holds the pipe open and must not hold us."""
    started = time.monotonic()
    result, text = await run(
        runner, tmp_path, "sleep 64 & setsid nohup sleep 65 & env -i setsid -f true; echo done"
    )
    assert (result.exit_code, result.timed_out, text) == (0, False, "done\n")
    assert alive(str(tmp_path)) == []
    assert time.monotonic() - started < 4


async def test_silence_ends_a_command(tmp_path: Path) -> None:
    """One that waits for something that never comes."""
    limits = CommandLimits(silence_seconds=2, grace_seconds=0.1)
    (tmp_path / "tree").mkdir()
    runner = CommandRunner(
        tmp_path / "run", tmp_path / "scratch", launcher=PlainLauncher(), limits=limits
    )
    result, text = await run(runner, tmp_path, "echo hello; sleep 66")
    runner.close()
    assert (result.exit_code, result.timed_out) == (None, True)
    assert text == "hello\n\n[dispatch: ended after 2 seconds without output]\n"


async def test_a_flood_is_counted_and_capped(runner: CommandRunner, tmp_path: Path) -> None:
    """Head and tail are kept, the rest is a number; memory stays small."""
    command = "echo first; head -c 50000000 /dev/zero | tr '\\0' x; echo; echo last"
    result, text = await run(runner, tmp_path, command)
    assert (result.exit_code, result.output_bytes, result.truncated) == (0, 50_000_012, True)
    assert text.startswith("first\nxxx")
    assert text.endswith("xxx\nlast\n")
    assert "\n[dispatch: 49,900,012 bytes of output left out]\n" in text
    assert len(text) < 101_000


async def test_output_of_exactly_the_limit_is_whole(runner: CommandRunner, tmp_path: Path) -> None:
    """The border belongs to what fits."""
    result, text = await run(runner, tmp_path, "head -c 100000 /dev/zero | tr '\\0' y")
    assert (result.truncated, text) == (False, "y" * 100_000)


async def test_a_cancellation_ends_the_command_before_it_is_passed_on(
    runner: CommandRunner, tmp_path: Path
) -> None:
    """Nobody is left running when the caller goes on."""
    task = asyncio.create_task(run(runner, tmp_path, "setsid sleep 67 & sleep 68"))
    while not alive(str(tmp_path)):
        await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert alive(str(tmp_path)) == []


async def test_what_a_killed_run_left_behind_can_be_ended(tmp_path: Path) -> None:
    """Found by its mark, which names the run; other runs are left alone."""
    marks = {name: str(tmp_path / name) for name in ("one", "one-more")}
    processes = {
        name: await asyncio.create_subprocess_exec(
            "sleep", "69", env={MARKER: f"{mark}/1.1", "PATH": os.defpath}, start_new_session=True
        )
        for name, mark in marks.items()
    }
    found = await asyncio.to_thread(end_run, marks["one"], 0.5)
    assert (found, await processes["one"].wait()) == (1, -15)
    assert processes["one-more"].returncode is None
    processes["one-more"].kill()
    await processes["one-more"].wait()


async def test_a_command_has_a_home_of_its_own_per_worktree(
    runner: CommandRunner, tmp_path: Path
) -> None:
    """What setup put there is there for the gate of the same worktree, and for no other."""
    other = tmp_path / "other"
    other.mkdir()
    await run(runner, tmp_path, "echo kept > ~/x")
    _, same = await run(runner, tmp_path, "cat ~/x; test -d $TMPDIR && git config user.name")
    result = await runner.run("cat ~/x", other, tmp_path / "out")
    assert (same, result.exit_code) == ("kept\nagent\n", 1)


async def test_the_loop_is_free_while_commands_run(runner: CommandRunner, tmp_path: Path) -> None:
    """Several at once, each in a thread of its own."""
    output = tmp_path / "run"
    results = await asyncio.gather(
        *(runner.run("sleep 0.1; pwd", tmp_path / "tree", output / f"{n}.txt") for n in range(6))
    )
    assert [result.exit_code for result in results] == [0] * 6


class Failing(PlainLauncher):
    """Something around the command fails so many times before the command is begun."""

    def __init__(self, times: int) -> None:
        self.tried = 0
        self._times = times

    def launch(
        self, words: Sequence[str], cwd: Path, sandbox: Sandbox
    ) -> AbstractContextManager[Launch]:
        self.tried += 1
        if self.tried <= self._times:
            return nullcontext(Launch(argv=("/bin/sh", "-c", "echo no namespaces left; exit 1")))
        return super().launch(words, cwd, sandbox)


@pytest.mark.parametrize("command", ["true", "exit 1", "kill -9 $$", "exec /nowhere"])
async def test_what_failed_around_a_command_is_tried_again(tmp_path: Path, command: str) -> None:
    """The command's own end, whatever it is, is told as if nothing had been."""
    results = []
    for times in (0, MAX_BEGINNINGS - 1):
        launcher = Failing(times)
        (tmp_path / "tree").mkdir(exist_ok=True)
        runner = CommandRunner(tmp_path / "run", tmp_path / "scratch", launcher=launcher)
        results.append(await run(runner, tmp_path, command))
        runner.close()
        assert launcher.tried == times + 1
    (first, said), (second, said_then) = results
    assert (evolve(second, duration_seconds=first.duration_seconds), said_then) == (first, said)
    assert "no namespaces" not in said


async def test_what_nothing_holds_is_not_run_and_is_nobodys_failure(tmp_path: Path) -> None:
    """It would be taken for a build that fails, and an agent be asked to repair it."""
    launcher = Failing(MAX_BEGINNINGS)
    (tmp_path / "tree").mkdir()
    runner = CommandRunner(tmp_path / "run", tmp_path / "scratch", launcher=launcher)
    with pytest.raises(StorageError) as refusal:
        await run(runner, tmp_path, "touch begun")
    runner.close()
    assert refusal.value.message == (
        "What holds a command could not be set up, 3 times: no namespaces left"
    )
    assert not (tmp_path / "tree/begun").exists()
