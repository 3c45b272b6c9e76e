"""A small tree and the tools of one agent on it."""

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from dispatch.agents.sandbox import CommandLimits, CommandRunner
from dispatch.agents.sandbox.launcher import PlainLauncher
from dispatch.agents.tools import ToolResult, toolset

Call = Callable[..., Awaitable[ToolResult]]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An empty tree."""
    folder = tmp_path / "tree"
    folder.mkdir()
    return folder


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[CommandRunner]:
    """A runner that gives up early."""
    limits = CommandLimits(timeout_seconds=5, grace_seconds=0.2)
    made = CommandRunner(
        tmp_path / "run", tmp_path / "scratch", launcher=PlainLauncher(), limits=limits
    )
    yield made
    made.close()


@pytest.fixture
def call(root: Path, tmp_path: Path, runner: CommandRunner) -> Call:
    """Call a tool of a writer by its name."""
    made = toolset(root, tmp_path / "attempt", writable=True, commands=runner)
    tools = {tool.spec.name: tool for tool in made}

    def named(name: str, **arguments: object) -> Awaitable[ToolResult]:
        return tools[name].call(arguments)

    return named
