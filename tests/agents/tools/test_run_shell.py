"""``run_shell``: where it runs, what comes back, what it never sees."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from dispatch.agents.sandbox import CommandRunner
from dispatch.agents.sandbox.launcher import PlainLauncher
from dispatch.agents.tools import ToolResult, toolset

Call = Callable[..., Awaitable[ToolResult]]


async def test_it_runs_in_the_root_or_in_a_folder_of_it(root: Path, call: Call) -> None:
    """[PE-06, PE-07, PE-20]"""
    (root / "sub").mkdir()
    assert [
        await call("run_shell", command="pwd"),
        await call("run_shell", command="pwd", cwd=str(root)),
        await call("run_shell", command="pwd", cwd="sub"),
    ] == [ToolResult(str(root)), ToolResult(str(root)), ToolResult(f"{root}/sub")]


async def test_it_does_not_run_outside(root: Path, call: Call) -> None:
    """[PE-15, PE-16, PE-17, PE-19] Nothing is started."""
    (root / "link").symlink_to("..")
    for cwd in ("..", "link", str(root.parent), "/"):
        result = await call("run_shell", command=f"touch {root}/ran", cwd=cwd)
        assert result.is_error
        assert f"'{cwd}' is outside the configured root {root}" in result.content
    assert not (root / "ran").exists()


async def test_output_and_error_come_back_together_and_an_exit_code_leads(call: Call) -> None:
    """[W-57] A failure is marked as one."""
    assert [
        await call("run_shell", command="echo one; echo two >&2; exit 3"),
        await call("run_shell", command="true"),
        await call("run_shell", command="kill -9 $$"),
        await call("run_shell", command="cat"),
    ] == [
        ToolResult("exit code 3\none\ntwo", is_error=True),
        ToolResult("(no output)"),
        ToolResult("ended by signal 9\n(no output)", is_error=True),
        ToolResult("(no output)"),
    ]


async def test_a_timeout_ends_it_and_is_an_error(call: Call) -> None:
    """[W-57] In seconds; a number that can only be milliseconds is refused."""
    late = await call("run_shell", command="echo begun; sleep 30", timeout=2)
    assert late.is_error
    assert late.content.startswith("ended by a limit after ")
    assert late.content.endswith("begun\n\n[dispatch: ended after the time limit of 2 seconds]")
    assert await call("run_shell", command="true", timeout=120000) == ToolResult(
        "run_shell was not called:\ntimeout: must be at most 3600.0, not 120000", is_error=True
    )


async def test_terminal_sequences_and_controls_do_not_reach_the_model(call: Call) -> None:
    """Output is hostile text."""
    result = await call(
        "run_shell", command=r"printf 'a\033[31mred\033[0m\r\nb\000\033]52;c;x\007c'"
    )
    assert result == ToolResult("ared\nb\N{REPLACEMENT CHARACTER}c")


@pytest.mark.parametrize("command", ["echo a\0b", "echo \ud83d"])
async def test_a_command_that_is_no_text_is_refused(call: Call, command: str) -> None:
    """Not raised."""
    assert await call("run_shell", command=command) == ToolResult(
        "The command contains a NUL character or is not valid Unicode.", is_error=True
    )


async def test_no_key_of_ours_is_in_its_environment(root: Path, tmp_path: Path) -> None:
    """[IM-07, W-16]"""
    outer = {
        "PATH": "/usr/bin:/bin",
        "HOME": "/home/operator",
        "OPENCODE_API_KEY": "canary-1",
        "ANTHROPIC_API_KEY": "canary-2",
        "AWS_SECRET_ACCESS_KEY": "canary-3",
        "SSH_AUTH_SOCK": "canary-4",
        "GIT_CONFIG_PARAMETERS": "canary-5",
        "BASH_ENV": "canary-6",
        "HTTPS_PROXY": "http://user:canary-7@proxy",
    }
    runner = CommandRunner(
        tmp_path / "run", tmp_path / "scratch", launcher=PlainLauncher(), outer=outer
    )
    made = toolset(root, tmp_path / "attempt", writable=True, commands=runner)
    shell = next(tool for tool in made if tool.spec.name == "run_shell")
    result = await shell.call({"command": "env; cat ~/.ssh/* 2>/dev/null; true"})
    runner.close()
    assert "PATH=/usr/bin:/bin" in result.content
    assert "canary" not in result.content
    assert "/home/operator" not in result.content
