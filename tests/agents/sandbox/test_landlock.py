"""Tier 2: when it is there, what it starts, and that it ends as the command ended."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dispatch.agents.sandbox import Sandbox, ruleset
from dispatch.agents.sandbox.environment import environment, prepare
from dispatch.agents.sandbox.landlock import PROGRAM, LandlockLauncher, unavailable
from dispatch.agents.sandbox.ruleset import READ_AND_RUN, Rule
from dispatch.agents.sandbox.system_files import MERGED, SYSTEM
from dispatch.agents.sandbox.toolchains import Toolchains
from dispatch.state.git_values import Shadow

pytestmark = pytest.mark.skipif(unavailable() is not None, reason="no Landlock")


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    """A worktree and folders of its own."""
    (tmp_path / "tree").mkdir()
    made = Sandbox(worktree=tmp_path / "tree", scratch=tmp_path / "scratch")
    prepare(made)
    return made


def ended(sandbox: Sandbox, command: str) -> tuple[int, str]:
    """How a command ended, and what it said."""
    launcher = LandlockLauncher(sys.executable)
    with launcher.launch(("/bin/sh", "-c", command), sandbox.worktree, sandbox) as start:
        result = subprocess.run(
            start.argv,
            cwd=sandbox.worktree,
            env=environment(Toolchains(), sandbox, launcher.inside(sandbox), "test/1"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            pass_fds=start.descriptors,
            timeout=20,
            check=False,
        )
    return result.returncode, result.stdout


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        (0, "the kernel offers no Landlock"),
        (2, "the kernel's Landlock is of version 2; 3 is needed"),
        (3, None),
        (7, None),
    ],
)
def test_a_kernel_that_lacks_it_is_told_with_the_reason(version: int, reason: str | None) -> None:
    """Below version 3 a file that may not be written could still be emptied."""
    assert unavailable(version) == reason


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("exit 0", 0),
        ("exit 7", 7),
        ("kill -TERM $$", -signal.SIGTERM),
        ("kill -KILL $$", -signal.SIGKILL),
        ("kill -SEGV $$", -signal.SIGSEGV),
        ("no-such-program", 127),
    ],
)
def test_it_ends_as_the_command_ended(sandbox: Sandbox, command: str, code: int) -> None:
    """Also by a signal, so that the report says what happened."""
    assert ended(sandbox, command)[0] == code


def test_a_command_has_no_capability_and_cannot_gain_one(sandbox: Sandbox) -> None:
    """For root as for anybody; nothing of its launcher's stays open to it."""
    asked = "Cap(Eff|Prm|Inh|Amb)|NoNewPrivs|Seccomp:"
    said = ended(sandbox, f"grep -E '{asked}' /proc/self/status; ls /proc/$$/fd")[1].split()
    zero = "0" * 16
    assert said == [
        *("CapInh:", zero, "CapPrm:", zero, "CapEff:", zero, "CapAmb:", zero),
        *("NoNewPrivs:", "1", "Seccomp:", "2"),
        *("0", "1", "2"),
    ]


def test_what_is_to_be_read_is_read_and_only_the_tree_is_written(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """``read_only`` is readable and runs; the shadow's folder is git's."""
    tools, objects, store = (tmp_path / name for name in ("tools", "objects", "store"))
    for folder in (tools, objects, store):
        folder.mkdir()
    (tools / "tool").write_text("#!/bin/sh\necho tool runs\n")
    (tools / "tool").chmod(0o755)
    (objects / "one").write_text("an object\n")
    shadow = Shadow(
        worktree=sandbox.worktree,
        folder=store,
        pointer=tmp_path / "pointer",
        borrowed=(objects,),
    )
    held = Sandbox(
        worktree=sandbox.worktree, scratch=sandbox.scratch, read_only=(tools,), shadow=shadow
    )
    command = (
        f"{tools}/tool; cat {objects}/one; echo x > $GIT_DIR/HEAD; echo $GIT_WORK_TREE; "
        f"(echo x > {objects}/two) 2> refused || echo refused; "
        f"ls {tmp_path} 2> refused || echo hidden"
    )
    assert ended(held, command) == (
        0,
        f"tool runs\nan object\n{held.worktree}\nrefused\nhidden\n",
    )
    assert (store / "HEAD").read_text() == "x\n"
    assert not (objects / "two").exists()


@contextlib.contextmanager
def descriptors() -> Iterator[tuple[int, int]]:
    """A ruleset that allows the system's programs, and a filter that is no filter."""
    rules = ruleset.make([Rule(Path(path), READ_AND_RUN) for path in (*SYSTEM, *MERGED)])
    empty = os.memfd_create("empty")
    try:
        yield rules, empty
    finally:
        os.close(rules)
        os.close(empty)


def test_a_command_that_cannot_be_confined_is_not_run(tmp_path: Path) -> None:
    """A wrong filter, a wrong ruleset, a parent that is gone."""
    made = tmp_path / "made"
    with descriptors() as (rules, empty):
        for parent, ruleset_file, filter_file in (
            (os.getpid(), rules, empty),
            (os.getpid(), empty, empty),
            (1, rules, empty),
        ):
            words = [str(word) for word in (parent, ruleset_file, filter_file)]
            done = subprocess.run(
                [sys.executable, "-I", "-S", str(PROGRAM), *words, "/bin/touch", str(made)],
                pass_fds=(rules, empty),
                capture_output=True,
                check=False,
            )
            assert done.returncode == 126
    assert not made.exists()
