"""The tools of agents: their names and arguments are those that models know."""

from collections.abc import Iterable
from pathlib import Path

from ...state.redact import Redactor
from ..language import Servers
from ..sandbox import CommandRunner
from .base import Effect, Tool, ToolResult
from .beneath import Opener
from .diagnostics import diagnosed, language_tools
from .edit_file import edit_file_tool
from .outputs import Outputs
from .read_file import read_file_tool
from .run_shell import RunShellTool
from .search import grep_tool, search_files_tool
from .seen import Seen
from .tree import Tree
from .write_file import write_file_tool

__all__ = ["Effect", "Tool", "ToolResult", "toolset"]


def toolset(
    root: Path,
    folder: Path,
    *,
    writable: bool,
    commands: CommandRunner | None = None,
    extra_files: Iterable[Path] = (),
    opener: Opener | None = None,
    redactor: Redactor | None = None,
    servers: Servers | None = None,
) -> tuple[Tool, ...]:
    """The tools of one agent, sorted by name; they share what the agent has seen.

    ``root`` is its tree, ``folder`` the attempt's own (long results go there).  Who may not write
    gets grep, read_file and search_files only; writers get edit_file and write_file too, and
    run_shell when there are ``commands``.  ``extra_files`` are absolute paths outside the tree that
    read_file may open, ``redactor`` takes secrets out of what is read.  Where one of ``servers``
    knows files that are in the tree there are diagnostics and lsp, too, and who changes a file is
    told of its errors.  Raises ValueError for a
    relative root, OSError for one that is not there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tree = Tree(root, staging=folder, opener=opener)
    seen, outputs = Seen(), Outputs(folder, redactor)
    extra = {str(path): path for path in extra_files}
    tools: list[Tool] = [
        grep_tool(tree, outputs),
        read_file_tool(tree, seen, outputs, extra),
        search_files_tool(tree, outputs),
    ]
    if writable:
        tools += [edit_file_tool(tree, seen, outputs.redactor)]
        tools += [write_file_tool(tree, seen, outputs.redactor)]
        if commands is not None:
            tools.append(RunShellTool(tree, outputs, commands))
    if servers is not None and (asked := language_tools(tree, outputs, servers)):
        tools = [diagnosed(tool, tree, outputs, servers) for tool in tools] + [*asked]
    return tuple(sorted(tools, key=lambda tool: tool.spec.name))
