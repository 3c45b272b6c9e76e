"""``run_shell``: one shell command in the tree, through the sandbox's runner."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

from attrs import frozen
from msgspec import Meta

from ...state.work import CommandResult
from ..model import ToolSpec
from ..sandbox import CommandRunner
from ..schema import schema
from .base import Effect, ToolResult
from .outputs import Outputs, cut, plain
from .paths import Refused
from .tool import answer
from .tree import Tree

DEFAULT_SECONDS: Final = 120.0
MAX_SECONDS: Final = 3600.0

_DESCRIPTION: Final = (
    "Run a shell command in the tree and wait for it. Standard input is empty; standard output and "
    "error come back together. A command that fails is led by a line 'exit code N'. Everything it "
    "started is ended with it, so nothing keeps running in the background."
)


@frozen(kw_only=True)
class RunShell:
    """The arguments."""

    command: Annotated[str, Meta(min_length=1, description="What the shell is to run.")]
    timeout: Annotated[
        float, Meta(gt=0, le=MAX_SECONDS, description="Seconds after which it is ended.")
    ] = DEFAULT_SECONDS
    cwd: Annotated[str, Meta(description="Folder to run in, from the root of the tree.")] = "."


class RunShellTool:
    """The tool; its output is kept whole in the attempt's folder."""

    effect = Effect.TREE

    def __init__(self, tree: Tree, outputs: Outputs, commands: CommandRunner) -> None:
        self.spec = ToolSpec(
            name="run_shell", description=_DESCRIPTION, parameters=schema(RunShell, snake=True)
        )
        self._tree = tree
        self._outputs = outputs
        self._commands = commands

    async def call(self, arguments: Mapping[str, object]) -> ToolResult:
        """Carry out one call."""
        return await answer(self.spec.name, RunShell, arguments, self._run)

    async def _run(self, arguments: RunShell) -> ToolResult:
        cwd = self._tree.folder(arguments.cwd)
        if not _is_plain(arguments.command):
            raise Refused("The command contains a NUL character or is not valid Unicode.")
        output = self._outputs.new()
        result = await self._commands.run_in(
            self._commands.sandbox(self._tree.root),
            arguments.command,
            cwd,
            output,
            arguments.timeout,
        )
        text = await asyncio.to_thread(_said, output)
        head = _head(result)
        return ToolResult(f"{head}\n{text}" if head else text, is_error=bool(head))


def _said(output: Path) -> str:
    text = plain(output.read_bytes().decode(errors="replace")).rstrip("\n")
    return cut(text, output) or "(no output)"


def _is_plain(command: str) -> bool:
    return "\0" not in command and not any("\ud800" <= c <= "\udfff" for c in command)


def _head(result: CommandResult) -> str:
    """What the model must know first; empty for a command that succeeded."""
    if result.timed_out:
        return f"ended by a limit after {result.duration_seconds:.1f} seconds"
    if result.signal is not None:
        return f"ended by signal {result.signal}"
    return f"exit code {result.exit_code}" if result.exit_code else ""
