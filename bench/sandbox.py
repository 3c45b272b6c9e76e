"""How long one sandboxed ``true`` takes beside one that is started plainly, in each tier.

The control group that every command has where one may be made is a line of its own: it costs the
same in each tier, and most of it is the kernel's waiting before it moves a process.

Run it with the environment's own interpreter: ``.venv/bin/python bench/sandbox.py``.
"""

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from dispatch.agents.sandbox import CommandLimits, PlainLauncher, Sandbox, bubblewrap, landlock
from dispatch.agents.sandbox.cgroup import grouped
from dispatch.agents.sandbox.environment import environment, prepare
from dispatch.agents.sandbox.launcher import Launcher
from dispatch.agents.sandbox.toolchains import Toolchains

ROUNDS: Final = 100
WARM_UP: Final = 5
GROUP: Final = "a group"
COMMAND: Final = ("/bin/true",)
# What the median may take over a plain start, in milliseconds; null: it is only shown.
GOALS: Final[Mapping[str, float | None]] = {"bubblewrap": 15.0, "landlock": None}


def launchers() -> Iterator[tuple[str, Launcher]]:
    """The tiers of this machine by name."""
    path = bubblewrap.locate()
    if path is not None:
        yield "bubblewrap", bubblewrap.BubblewrapLauncher(path)
    if landlock.unavailable() is None:
        yield "landlock", landlock.LandlockLauncher(sys.executable)


def once(launcher: Launcher, sandbox: Sandbox, mark: str = "") -> float:
    """Milliseconds from the start of one command to its end; a ``mark``: in a control group."""
    variables = environment(Toolchains(), sandbox, launcher.inside(sandbox), "bench/1.1")
    with contextlib.ExitStack() as stack:
        begin = time.perf_counter()
        words: Sequence[str] = ()
        if mark:
            words = stack.enter_context(grouped(mark, CommandLimits()))
        with launcher.launch(COMMAND, sandbox.worktree, sandbox) as start:
            process = subprocess.Popen(
                (*words, *start.argv),
                cwd=sandbox.worktree,
                env=variables,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                pass_fds=start.descriptors,
            )
        if process.wait() != 0:
            raise SystemExit(f"the command ended with {process.returncode}")
    return (time.perf_counter() - begin) * 1000


def main() -> int:
    """Print one line for each tier; exit code 1 when one is over its goal."""
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        tree.mkdir()
        sandbox = Sandbox(worktree=tree, scratch=Path(folder) / "scratch")
        prepare(sandbox)
        tiers: dict[str, Launcher] = {"plain": PlainLauncher(), **dict(launchers())}
        times: dict[str, list[float]] = {name: [] for name in (*tiers, GROUP)}
        # In turns, so that a machine that is busy for a while is as busy for each.
        for turn in range(WARM_UP + ROUNDS):
            took = {name: once(launcher, sandbox) for name, launcher in tiers.items()}
            took[GROUP] = once(tiers["plain"], sandbox, f"bench/{os.getpid()}.{turn}")
            if turn >= WARM_UP:
                for name, milliseconds in took.items():
                    times[name].append(milliseconds)
        plain = statistics.median(times["plain"])
        for name, of_it in times.items():
            middle, last = statistics.median(of_it), statistics.quantiles(of_it, n=100)[98]
            goal = GOALS.get(name)
            over = goal is not None and middle - plain > goal
            failed = failed or over
            told = "" if goal is None else f" of at most {goal:g}"
            print(
                f"{name:<12} p50 {middle:6.1f} ms  p99 {last:6.1f} ms  {middle / plain:5.1f}x"
                f"  {middle - plain:+6.1f} ms{told}{'  OVER' if over else ''}"
            )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
