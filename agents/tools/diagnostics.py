"""What language servers know: ``diagnostics``, ``lsp``, and a file's errors after each edit."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from itertools import islice
from pathlib import PurePosixPath
from typing import Annotated, Final

from attrs import frozen
from msgspec import Meta

from ..language import Servers
from ..language.servers import NoAnswer
from ..model import ToolSpec
from ..schema import schema
from .base import Effect, Tool, ToolResult
from .outputs import Outputs, plain
from .paths import Refused, shown
from .tool import answer
from .tree import Tree
from .walk import Walk

MAX_FILES_LOOKED_AT: Final = 5000  # for one that a server knows
MAX_ERRORS: Final = 20  # told after an edit
MAX_LINES: Final = 500  # of an answer

_DIAGNOSTICS: Final = (
    "What the language server says of a file, or of every file that you changed or asked about: "
    "errors, warnings and hints as 'path:line:column: severity: message'. It does not replace the "
    "build and the tests."
)
_LSP: Final = (
    "Ask the language server about a name in the tree. definition and references answer with "
    "'path:line:column: text', hover with its type and documentation; for these three give the "
    "line, and the name as it stands there. symbols lists what a file declares."
)


class Operation(StrEnum):
    """What can be asked."""

    DEFINITION = "definition"
    REFERENCES = "references"
    HOVER = "hover"
    SYMBOLS = "symbols"


@frozen(kw_only=True)
class Diagnostics:
    """The arguments."""

    path: Annotated[str | None, Meta(description="A file; default: all that you changed.")] = None


@frozen(kw_only=True)
class Lsp:
    """The arguments."""

    operation: Operation
    path: Annotated[str, Meta(description="Path from the root of the tree.")]
    line: Annotated[int, Meta(ge=1, description="The line with the name, from 1.")] = 1
    symbol: Annotated[str, Meta(description="The name as it stands in that line.")] = ""


def language_tools(tree: Tree, outputs: Outputs, servers: Servers) -> tuple[Tool, ...]:
    """The tools over what is there for files of the tree; none where no server knows one."""
    looked_at = islice(Walk(tree, "."), MAX_FILES_LOOKED_AT)
    suffixes = {PurePosixPath(names[-1]).suffix for names in looked_at}
    files = _Files(tree)
    tools: list[Tool] = []
    if suffixes.intersection(servers.suffixes):
        tools.append(_DiagnosticsTool(files, outputs, servers))
    if suffixes.intersection(servers.resolved):
        tools.append(_LspTool(files, outputs, servers))
    return tuple(tools)


def diagnosed(tool: Tool, tree: Tree, outputs: Outputs, servers: Servers) -> Tool:
    """A tool that changes a file, with the errors that are in it then; any other tool as it is."""
    if tool.spec.name not in ("edit_file", "write_file"):
        return tool
    return _Diagnosed(tool, _Files(tree), outputs, servers)


class _Files:
    """The files of a tree as servers get them."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def path(self, raw: str, suffixes: tuple[str, ...]) -> str:
        """The path from the root of a file with one of the suffixes; raises Refused."""
        path = "/".join(self._tree.names(raw))
        if PurePosixPath(path).suffix not in suffixes:
            known = ", ".join(suffixes)
            raise Refused(f"No language server here knows this of {shown(raw)}, only of {known}.")
        self._tree.read(raw)  # says better than a server why it cannot be looked at
        return path

    def read(self, path: str) -> str | None:
        """The text of a file; null when it is none."""
        try:
            return self._tree.read(path).decode("utf-8-sig")
        except (Refused, OSError, UnicodeDecodeError):
            return None


class _DiagnosticsTool:
    effect = Effect.NOTHING

    def __init__(self, files: _Files, outputs: Outputs, servers: Servers) -> None:
        self.spec = _spec("diagnostics", _DIAGNOSTICS, Diagnostics)
        self._files = files
        self._outputs = outputs
        self._servers = servers

    async def call(self, arguments: Mapping[str, object]) -> ToolResult:
        """Carry out one call."""
        return await answer(self.spec.name, Diagnostics, arguments, self._body)

    async def _body(self, arguments: Diagnostics) -> ToolResult:
        servers, read = self._servers, self._files.read
        try:
            if arguments.path is not None:
                path = self._files.path(arguments.path, servers.suffixes)
                found = await servers.diagnostics(path, read)
                nothing = f"{servers.name(path)} finds nothing in {shown(path)}."
            elif servers.has_documents:
                found = await servers.all_diagnostics(read)
                nothing = "Nothing is found in the files that you changed or asked about."
            else:
                raise Refused("You have changed no file yet: name one by its path.")
        except NoAnswer as error:
            raise Refused(str(error)) from None
        return ToolResult(self._outputs.fit(_listed(found, MAX_LINES) or nothing))


class _LspTool:
    effect = Effect.NOTHING

    def __init__(self, files: _Files, outputs: Outputs, servers: Servers) -> None:
        self.spec = _spec("lsp", _LSP, Lsp)
        self._files = files
        self._outputs = outputs
        self._servers = servers

    async def call(self, arguments: Mapping[str, object]) -> ToolResult:
        """Carry out one call."""
        return await answer(self.spec.name, Lsp, arguments, self._body)

    async def _body(self, arguments: Lsp) -> ToolResult:
        path = self._files.path(arguments.path, self._servers.resolved)
        try:
            text = await self._answer(arguments, path)
        except NoAnswer as error:
            raise Refused(str(error)) from None
        return ToolResult(self._outputs.fit(text or f"{self._servers.name(path)} knows nothing."))

    async def _answer(self, arguments: Lsp, path: str) -> str:
        servers, read = self._servers, self._files.read
        if arguments.operation is Operation.SYMBOLS:
            return _listed(await servers.symbols(path, read), MAX_LINES)
        position = _position(read(path) or "", arguments)
        if arguments.operation is Operation.HOVER:
            return await servers.hover(path, position, read)
        places = await servers.places(arguments.operation.value, path, position, read)
        return _listed([f"{at}: {self._line(at.path, at.line)}".rstrip(": ") for at in places])

    def _line(self, path: str, number: int) -> str:
        """The line of a place in the tree; nothing for a place outside of it."""
        whole = None if PurePosixPath(path).is_absolute() else self._files.read(path)
        if whole is None:
            return ""
        lines = self._outputs.redactor.text(whole).split("\n")  # before a cut could halve a secret
        is_shifted = len(lines) != whole.count("\n") + 1  # a secret of several lines is one mark
        return "" if is_shifted or number > len(lines) else plain(lines[number - 1]).strip()[:300]


class _Diagnosed:
    """A tool that changes a file; the servers' word on it is never in the way of its own."""

    def __init__(self, tool: Tool, files: _Files, outputs: Outputs, servers: Servers) -> None:
        self.spec, self.effect = tool.spec, tool.effect
        self._tool = tool
        self._files = files
        self._outputs = outputs
        self._servers = servers

    async def call(self, arguments: Mapping[str, object]) -> ToolResult:
        """Carry out one call, and tell the errors of the file that it changed."""
        result = await self._tool.call(arguments)
        raw = arguments.get("path")
        if result.is_error or not isinstance(raw, str):
            return result
        try:
            path = self._files.path(raw, self._servers.suffixes)
        except Refused:
            return result
        errors = await self._servers.errors(path, self._files.read)
        if not errors:
            return result
        count = "an error" if len(errors) == 1 else f"{len(errors)} errors"
        said = f"{self._servers.name(path)} finds {count} in it:\n{_listed(errors, MAX_ERRORS)}"
        return ToolResult(f"{result.content}\n{self._outputs.fit(said)}")


def _spec(name: str, description: str, arguments: type) -> ToolSpec:
    return ToolSpec(name=name, description=description, parameters=schema(arguments, snake=True))


def _position(text: str, arguments: Lsp) -> dict[str, object]:
    """Where a name stands, as the protocol counts: from 0, in units of UTF-16."""
    lines = text.split("\n")
    if arguments.line > len(lines):
        raise Refused(f"The file has {len(lines)} lines.")
    line = lines[arguments.line - 1]
    column = line.find(arguments.symbol) if arguments.symbol else -1
    if column < 0:
        raise Refused(
            f"The symbol {shown(arguments.symbol)} does not stand in line {arguments.line}. "
            "Read the file, then name one that does."
        )
    units = len(line[:column].encode("utf-16-le", "surrogatepass")) // 2
    return {"line": arguments.line - 1, "character": units}


def _listed(found: Sequence[object], limit: int = MAX_LINES) -> str:
    lines = [str(each) for each in found[:limit]]
    if len(found) > limit:
        lines.append(f"(and {len(found) - limit} more)")
    return "\n".join(lines)
