"""``grep`` and ``search_files``: in a stable order, without what git ignores."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Final

from attrs import define, field, frozen
from msgspec import Meta

from ...state.disk import refusal
from ...state.glob import Glob
from .outputs import Outputs, plain
from .paths import Refused, shown
from .patterns import Pattern
from .tool import FileTool
from .tree import Tree
from .walk import Names, Walk

MAX_FILE_BYTES: Final = 2 * 1024 * 1024  # larger files are not searched, and counted
MAX_LINE_CHARS: Final = 500
MAX_MATCHES: Final = 5000
MAX_FILES: Final = 20_000
MAX_CONTEXT: Final = 20
MAX_REPLY_CHARS: Final = 4_000_000  # of the whole reply, which is kept in a file

_SNIFFED: Final = 8192
_GREP: Final = (
    "Search file contents with a Python regular expression, line by line. Results are "
    "'path:line:text', sorted; lines of context are 'path-line-text'. Files that git ignores, "
    "binary files and node_modules are left out."
)
_SEARCH: Final = (
    "Find files by a glob: * and ? within a name, ** across folders, [abc], {a,b}. A glob without "
    "'/' is matched against the file's name in every folder. Files that git ignores and "
    "node_modules are left out."
)


@frozen(kw_only=True)
class Grep:
    """The arguments."""

    pattern: Annotated[str, Meta(min_length=1, max_length=2000, description="The expression.")]
    path: Annotated[str, Meta(description="File or folder to search; default: all.")] = "."
    glob: Annotated[str | None, Meta(description="Only files that match, such as *.py.")] = None
    context: Annotated[int, Meta(ge=0, le=MAX_CONTEXT, description="Lines around a match.")] = 0
    max_results: Annotated[int, Meta(ge=1, le=MAX_MATCHES, description="Matches to show.")] = 500


@frozen(kw_only=True)
class SearchFiles:
    """The arguments."""

    pattern: Annotated[str, Meta(min_length=1, description="The glob, such as src/**/*.py.")]
    path: Annotated[str, Meta(description="Folder to search; default: all.")] = "."
    max_results: Annotated[int, Meta(ge=1, le=MAX_FILES, description="Files to show.")] = 1000


@define
class _Found:
    """What a search gathers: ``shown`` are lines of the reply."""

    shown: list[str] = field(factory=list)
    notes: list[str] = field(factory=list)
    _room: int = MAX_REPLY_CHARS

    def add(self, line: str) -> None:
        """One more line."""
        self.shown.append(line)
        self._room -= len(line) + 1

    def has_room(self) -> bool:
        """Whether more may be added."""
        return self._room > 0


def grep_tool(tree: Tree, outputs: Outputs) -> FileTool[Grep]:
    """The tool."""

    def body(arguments: Grep) -> str:
        glob = _glob(arguments.glob) if arguments.glob is not None else None
        walk = Walk(tree, arguments.path)
        found = _Found()
        total = files = large = 0
        with Pattern(arguments.pattern, arguments.max_results) as pattern:
            for names in walk:
                if glob is not None and not glob.matches(names):
                    continue
                try:
                    data = tree.read_names(names, MAX_FILE_BYTES)
                except OSError as error:
                    if refusal(error):
                        raise
                    continue  # removed or swapped while we looked
                except Refused:
                    if not walk.is_folder:
                        raise
                    large += 1
                    continue
                if b"\0" in data[:_SNIFFED]:
                    continue
                matches, numbers = pattern.lines(data)
                if not matches:
                    continue
                kept = numbers[: max(0, arguments.max_results - total)]
                total += matches
                files += 1
                if kept and found.has_room():
                    _show(found, names, data, kept, arguments.context)
        if total > arguments.max_results:
            found.notes.append(
                f"the first {arguments.max_results} of {total} matches in {files} files"
            )
        if large:
            found.notes.append(f"not searched, too large or not plain files: {large}")
        return _reply(found, walk, "No matches.", outputs)

    return FileTool("grep", _GREP, Grep, body)


def search_files_tool(tree: Tree, outputs: Outputs) -> FileTool[SearchFiles]:
    """The tool."""

    def body(arguments: SearchFiles) -> str:
        glob = _glob(arguments.pattern)
        walk = Walk(tree, arguments.path)
        if not walk.is_folder:
            raise Refused(f"The path {shown(arguments.path)} is a file; name a folder.")
        above = len(walk.start)
        found = _Found()
        total = 0
        for names in walk:
            # From the root or from the folder that was named: both are what a model may mean.
            if glob.matches(names) or glob.matches(names[above:]):
                total += 1
                if total <= arguments.max_results and found.has_room():
                    found.add(display(names))
        if total > arguments.max_results:
            found.notes.append(f"the first {arguments.max_results} of {total} files")
        return _reply(found, walk, "No files match.", outputs)

    return FileTool("search_files", _SEARCH, SearchFiles, body)


def display(names: Names) -> str:
    """A path as text; bytes and characters that a terminal must not see are escaped."""
    text = "/".join(names).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _glob(pattern: str) -> Glob:
    try:
        return Glob(pattern)
    except ValueError as error:
        raise Refused(f"The glob {pattern[:80]!a} cannot be used: {error}.") from error


def _show(found: _Found, names: Names, data: bytes, numbers: Sequence[int], context: int) -> None:
    """Add the lines of one file; groups that do not touch are parted by ``--``."""
    lines = data.decode("utf-8", errors="replace").removesuffix("\n").split("\n")
    path = display(names)
    matching = frozenset(numbers)
    last = None
    for number in _around(numbers, context, len(lines)):
        if not found.has_room():
            return
        if context and found.shown and (last is None or number > last + 1):
            found.add("--")
        mark = ":" if number in matching else "-"
        found.add(f"{path}{mark}{number + 1}{mark}{_short(lines[number])}")
        last = number


def _around(numbers: Sequence[int], context: int, end: int) -> Iterator[int]:
    ahead = 0
    for number in numbers:
        after = min(number + context + 1, end)
        yield from range(max(ahead, number - context), after)
        ahead = after


def _short(line: str) -> str:
    line = plain(line.removesuffix("\r"))
    return line if len(line) <= MAX_LINE_CHARS else f"{line[:MAX_LINE_CHARS]}…"


def _reply(found: _Found, walk: Walk, nothing: str, outputs: Outputs) -> str:
    if not found.has_room():
        found.notes.append(f"cut after {MAX_REPLY_CHARS:,} characters; search for less")
    notes = [*found.notes, *([walk.stopped] if walk.stopped else [])]
    text = "\n".join([*(found.shown or [nothing]), *(f"({note})" for note in notes)])
    return outputs.fit(text)
