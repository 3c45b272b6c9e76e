"""``read_file``: numbered lines of a file, a page at a time."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

from attrs import frozen
from msgspec import Meta

from .outputs import MAX_RESULT_CHARS, SCHEME, Outputs, plain
from .paths import Refused, shown
from .seen import Seen
from .tool import FileTool
from .tree import MAX_FILE_BYTES, Tree

DEFAULT_LINES: Final = 2000
MAX_LINE_CHARS: Final = 2000

_DESCRIPTION: Final = (
    "Read a text file. Each line comes back as its number (from 1), a tab, and its text. "
    f"At most {DEFAULT_LINES} lines unless limit says otherwise; the reply says how to go on."
)


@frozen(kw_only=True)
class ReadFile:
    """The arguments."""

    path: Annotated[
        str,
        Meta(description=f"Path from the root of the tree, or a saved output such as '{SCHEME}1'."),
    ]
    offset: Annotated[int, Meta(ge=0, description="How many lines to skip from the start.")] = 0
    limit: Annotated[int, Meta(ge=1, description="How many lines to read.")] = DEFAULT_LINES


def read_file_tool(
    tree: Tree, seen: Seen, outputs: Outputs, extra_files: Mapping[str, Path]
) -> FileTool[ReadFile]:
    """The tool; ``extra_files`` are absolute paths outside the tree that may be read as well."""

    def body(arguments: ReadFile) -> str:
        if arguments.path.startswith(SCHEME):
            text = plain(outputs.read(arguments.path).decode(errors="replace"))
        else:
            text = _text(arguments.path, tree, seen, extra_files)
        # Whole: a page may begin in the middle of a private key.
        return _page(outputs.redactor.text(text), arguments.offset, arguments.limit)

    return FileTool("read_file", _DESCRIPTION, ReadFile, body)


def _text(raw: str, tree: Tree, seen: Seen, extra_files: Mapping[str, Path]) -> str:
    extra = extra_files.get(raw)
    data = tree.read(raw) if extra is None else _extra_content(raw, extra)
    if b"\0" in data:
        raise Refused(f"The file {shown(raw)} is binary: it contains NUL bytes.")
    if extra is None:
        seen.note(tree.names(raw), data)
    return data.decode(errors="replace").removeprefix("\ufeff")


def _extra_content(raw: str, path: Path) -> bytes:
    if not path.is_file():
        raise Refused(f"The file {shown(raw)} does not exist.")
    if path.stat().st_size > MAX_FILE_BYTES:
        raise Refused(f"The file {shown(raw)} is larger than {MAX_FILE_BYTES:,} bytes.")
    return path.read_bytes()


def _page(text: str, offset: int, limit: int) -> str:
    """The lines that fit one result, and a last line saying what is missing."""
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    if not lines:
        return "(the file is empty)"
    if offset >= len(lines):
        raise Refused(f"The file has {len(lines)} lines; an offset of {offset} skips them all.")
    page: list[str] = []
    room = MAX_RESULT_CHARS
    for number, line in enumerate(lines[offset : offset + limit], offset + 1):
        shown_line = f"{number:6d}\t{_short(line.removesuffix(chr(13)))}"
        room -= len(shown_line) + 1
        if room < 0:
            break
        page.append(shown_line)
    end = offset + len(page)
    if end < len(lines):
        page.append(
            f"(lines {offset + 1} to {end} of {len(lines)}; go on with offset {end})",
        )
    return "\n".join(page)


def _short(line: str) -> str:
    hidden = len(line) - MAX_LINE_CHARS
    return line if hidden <= 0 else f"{line[:MAX_LINE_CHARS]}… ({hidden} more characters)"
