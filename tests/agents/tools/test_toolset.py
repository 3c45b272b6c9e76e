"""Which tools an agent gets, and what every one of them has in common."""

import errno
from pathlib import Path

import pytest
from attrs import frozen

from dispatch.agents.sandbox import CommandRunner
from dispatch.agents.tools import ToolResult, toolset
from dispatch.agents.tools.paths import Refused
from dispatch.agents.tools.tool import FileTool
from dispatch.state.errors import StorageError

READERS = ["grep", "read_file", "search_files"]


def test_a_reader_gets_no_tool_that_writes(
    root: Path, tmp_path: Path, runner: CommandRunner
) -> None:
    """[GB-01] Nothing that changes anything is even offered."""
    tools = toolset(root, tmp_path, writable=False, commands=runner)
    assert [tool.spec.name for tool in tools] == READERS


def test_a_writer_gets_all_six_and_no_shell_without_a_runner(
    root: Path, tmp_path: Path, runner: CommandRunner
) -> None:
    """The shell is there only where commands may run."""
    with_shell = toolset(root, tmp_path, writable=True, commands=runner)
    without = toolset(root, tmp_path, writable=True)
    names = ["edit_file", "grep", "read_file", "run_shell", "search_files", "write_file"]
    assert [tool.spec.name for tool in with_shell] == names
    assert [tool.spec.name for tool in without] == [n for n in names if n != "run_shell"]


def test_the_arguments_have_the_names_models_know(root: Path, tmp_path: Path) -> None:
    """Snake case, closed, with the required ones listed."""
    tools = {
        tool.spec.name: tool.spec.parameters for tool in toolset(root, tmp_path, writable=True)
    }
    edit = tools["edit_file"]
    assert isinstance(edit["properties"], dict)
    assert sorted(edit["properties"]) == ["new_string", "old_string", "path", "replace_all"]
    assert edit["required"] == ["path", "old_string", "new_string"]
    assert edit["additionalProperties"] is False


def test_a_relative_root_is_refused(tmp_path: Path) -> None:
    """[PE-24]"""
    with pytest.raises(ValueError, match="must be absolute"):
        toolset(Path("tree"), tmp_path, writable=False)


def test_a_root_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """[PE-25]"""
    with pytest.raises(FileNotFoundError):
        toolset(tmp_path / "nowhere", tmp_path, writable=False)


async def test_all_problems_of_a_call_are_told_at_once(root: Path, tmp_path: Path) -> None:
    """[PE-23] A number is no path, and a misspelt name is put right."""
    tools = {tool.spec.name: tool for tool in toolset(root, tmp_path, writable=True)}
    result = await tools["edit_file"].call({"path": 7, "oldString": "a", "new_string": "b"})
    assert result == ToolResult(
        "edit_file was not called:\n"
        "oldString: is not known; did you mean old_string?\n"
        "old_string: is missing\n"
        "path: must be a string, not a number",
        is_error=True,
    )


async def test_refusals_and_errors_are_results_but_not_a_machine_that_refuses() -> None:
    """[PE-21] What the model can act on it is told; nothing of its could free a disk."""

    @frozen
    class Nothing:
        """No arguments."""

    def refuse(_: Nothing) -> str:
        raise Refused("No.")

    def fail(_: Nothing) -> str:
        raise OSError(errno.EBUSY, "Device or resource busy")

    def meet_a_full_disk(_: Nothing) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    assert await FileTool("one", "", Nothing, refuse).call({}) == ToolResult("No.", is_error=True)
    assert await FileTool("two", "", Nothing, fail).call({}) == ToolResult(
        "two failed: Device or resource busy.", is_error=True
    )
    with pytest.raises(StorageError):
        await FileTool("three", "", Nothing, meet_a_full_disk).call({})
