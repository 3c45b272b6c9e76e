"""What a command may use, and that nothing of it survives, in each tier."""

import asyncio
import contextlib
import fcntl
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from fakes.as_users import as_users
from fakes.hostile_world import PYTHON

from dispatch.agents.sandbox import CommandLimits, CommandRunner, bubblewrap, end_run, landlock
from dispatch.agents.sandbox.cgroup import find_places
from dispatch.agents.sandbox.launcher import Launcher

BUBBLEWRAP: Final = bubblewrap.locate()
LIMITS: Final = CommandLimits(
    timeout_seconds=20,
    silence_seconds=20,
    output_bytes=100_000,
    grace_seconds=0.1,
    processes=64,
    memory_bytes=256 * 1024**2,
    file_bytes=8 * 1024**2,
    cpu_seconds=1,
    open_files=64,
)
HELD: Final = ("one", "two", "three", "four")
# In the background, in sessions of their own, without a parent, without the mark.
SURVIVORS: Final = (
    "flock one sleep 60 >/dev/null 2>&1 & "
    "setsid nohup flock two sleep 60 >/dev/null 2>&1 & "
    "(setsid setsid flock three sleep 60 >/dev/null 2>&1 &); "
    "env -i setsid flock four sleep 60 >/dev/null 2>&1 & "
)
FORKS: Final = """
import os, time
made = 0
try:
    while made < 400:
        if os.fork() == 0:
            time.sleep(30)
            os._exit(0)
        made += 1
except OSError:
    pass
print("made", made)
"""
MEMORY: Final = "kept = [bytearray(b'x') * (10 << 20) for _ in range(100)]; print('all of it')"

Make = Callable[[], Launcher]


def _bubblewrap() -> Launcher:
    assert BUBBLEWRAP is not None
    return bubblewrap.BubblewrapLauncher(BUBBLEWRAP)


def _landlock() -> Launcher:
    return landlock.LandlockLauncher(PYTHON)


tiers = pytest.mark.parametrize(
    "make",
    [
        pytest.param(
            _bubblewrap,
            id="bubblewrap",
            marks=pytest.mark.skipif(BUBBLEWRAP is None, reason="no bubblewrap"),
        ),
        pytest.param(
            _landlock,
            id="landlock",
            marks=pytest.mark.skipif(
                bool(landlock.unavailable()) or not PYTHON, reason="no Landlock"
            ),
        ),
    ],
)


@contextlib.contextmanager
def runner_in(make: Make) -> Iterator[tuple[CommandRunner, Path]]:
    """A runner and its worktree, in a folder that an ordinary user can reach."""
    folder = Path(tempfile.mkdtemp(prefix="dispatch-limits-", dir="/tmp"))
    tree = folder / "tree"
    tree.mkdir()
    runner = CommandRunner(folder / "run", folder / "scratch", launcher=make(), limits=LIMITS)
    try:
        yield runner, tree
    finally:
        runner.close()
        shutil.rmtree(folder)


def said(make: Make, command: str) -> Callable[[], str]:
    """A function that runs it and returns what it said."""

    def run() -> str:
        with runner_in(make) as (runner, tree):
            output = tree.parent / "out"
            asyncio.run(runner.run(command, tree, output))
            return output.read_text(errors="replace").strip()

    return run


def free(tree: Path) -> bool:
    """Whether nobody holds one of the locks, which would be a process that lives."""
    with contextlib.ExitStack() as files:
        for name in HELD:
            file = files.enter_context((tree / name).open("a"))
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
    return True


def all_held(tree: Path) -> bool:
    """Whether each of the processes has begun."""
    for name in HELD:
        if not (tree / name).exists():
            return False
        with (tree / name).open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            return False
    return True


def is_free_soon(tree: Path) -> bool:
    """Within ten seconds, as a process namespace takes a moment to end."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        if free(tree):
            return True
        time.sleep(0.02)
    return False


@tiers
def test_a_fork_bomb_is_stopped(make: Make) -> None:
    """[S6] Root's only in a control group: the kernel counts root's processes nowhere else."""
    found = as_users(said(make, f"{PYTHON} -c '{FORKS}'"))
    if not find_places():
        found.pop("root", None)
    for user, text in found.items():
        made = int(text.split()[-1])
        # Counted by user, what else there is at the time is allowed for.
        assert (user, 0 < made < 400) == (user, True), text


@tiers
@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (f'{PYTHON} -c "{MEMORY}" 2>&1 | tail -1', "MemoryError"),
        ("head -c 20M /dev/zero > big; stat -c %s big", str(LIMITS.file_bytes)),
        ("(while :; do :; done); echo ended $?", "ended 137"),
        (
            f"{PYTHON} -c 'f = [open(\"/dev/null\") for _ in range(99)]' 2>&1 "
            "| grep -o 'Too many.*:'",
            "Too many open files:",
        ),
        ("ulimit -c", "0"),
    ],
    ids=["memory", "file size", "computing", "open files", "cores"],
)
def test_a_limit_holds_each_process(make: Make, command: str, expected: str) -> None:
    """[S6] For root as for anybody."""
    for user, text in as_users(said(make, command)).items():
        assert (user, text.splitlines()[-1:]) == (user, [expected])


@tiers
def test_nothing_survives_the_command_its_timeout_or_its_cancellation(make: Make) -> None:
    """[S5] In whatever way it hides."""

    async def ended(runner: CommandRunner, tree: Path, how: str) -> None:
        output = tree.parent / "out"
        sandbox = runner.sandbox(tree)
        wait = "sleep 0.3" if how == "end" else "sleep 60"
        task = asyncio.create_task(
            runner.run_in(sandbox, SURVIVORS + wait, tree, output, 0.5 if how == "time" else None)
        )
        if how == "cancel":
            while not all_held(tree):
                await asyncio.sleep(0.02)
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    def run() -> dict[str, bool]:
        found = {}
        for how in ("end", "time", "cancel"):
            with runner_in(make) as (runner, tree):
                asyncio.run(ended(runner, tree, how))
                found[how] = is_free_soon(tree)
        return found

    for user, found in as_users(run).items():
        assert (user, found) == (user, {"end": True, "time": True, "cancel": True})


@tiers
def test_nothing_survives_when_dispatch_itself_is_killed(make: Make) -> None:
    """[S5] SIGKILL, when nobody is left to end anything; its groups are gone at the next start."""

    def run() -> list[bool]:
        with runner_in(make) as (_, tree):
            victim = os.fork()
            if victim == 0:
                folder = tree.parent
                runner = CommandRunner(
                    folder / "run", folder / "scratch", launcher=make(), limits=LIMITS
                )
                with contextlib.suppress(BaseException):
                    asyncio.run(runner.run(SURVIVORS + "sleep 60", tree, folder / "out"))
                os._exit(1)
            while not all_held(tree):
                time.sleep(0.02)
            os.kill(victim, signal.SIGKILL)
            os.waitpid(victim, 0)
            is_free = is_free_soon(tree)
            end_run(str(tree.parent / "run"), grace=0)
            left = [
                group
                for place in find_places()
                for group in place.folder.glob(f"dispatch-*-{victim}.*")
            ]
            return [is_free, not left]

    for user, found in as_users(run).items():
        assert (user, found) == (user, [True, True])
