"""``read_file``: numbered lines of a file, a page at a time."""

from codecs import BOM_UTF8
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

_BLOCK: Final = 1 << 16  # bytes
_RETURN: Final = b"\r"
_CONTINUATIONS: Final = bytes(range(0x80, 0xC0))  # of a character in UTF-8

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
            data = plain(outputs.read(arguments.path).decode(errors="replace")).encode()
        else:
            data = _content(arguments.path, tree, seen, extra_files)
        # Whole: a page may begin in the middle of a private key.
        clean = outputs.redactor.text(data.decode(errors="replace")).encode()
        return _page(clean, arguments.offset, arguments.limit)

    return FileTool("read_file", _DESCRIPTION, ReadFile, body)


def _content(raw: str, tree: Tree, seen: Seen, extra_files: Mapping[str, Path]) -> bytes:
    extra = extra_files.get(raw)
    data = tree.read(raw) if extra is None else _extra_content(raw, extra)
    if b"\0" in data:
        raise Refused(f"The file {shown(raw)} is binary: it contains NUL bytes.")
    if extra is None:
        seen.note(tree.names(raw), data)
    return data.removeprefix(BOM_UTF8)


def _extra_content(raw: str, path: Path) -> bytes:
    if not path.is_file():
        raise Refused(f"The file {shown(raw)} does not exist.")
    if path.stat().st_size > MAX_FILE_BYTES:
        raise Refused(f"The file {shown(raw)} is larger than {MAX_FILE_BYTES:,} bytes.")
    return path.read_bytes()


def _page(data: bytes, offset: int, limit: int) -> str:
    """The lines that fit one result, and a last line saying what is missing.

    Only they become text: of 16 MiB of line ends each would be an object.
    """
    if not data:
        return "(the file is empty)"
    total = data.count(b"\n") + (not data.endswith(b"\n"))
    if offset >= total:
        raise Refused(f"The file has {total} lines; an offset of {offset} skips them all.")
    page: list[str] = []
    room = MAX_RESULT_CHARS
    start = _start_of_line(data, offset)
    for number in range(offset, min(offset + limit, total)):
        end = data.find(b"\n", start)
        line = data[start : end if end >= 0 else len(data)]
        start = end + 1
        shown_line = f"{number + 1:6d}\t{_short(line.removesuffix(_RETURN))}"
        room -= len(shown_line) + 1
        if room < 0:
            break
        page.append(shown_line)
    end = offset + len(page)
    if end < total:
        page.append(
            f"(lines {offset + 1} to {end} of {total}; go on with offset {end})",
        )
    return "\n".join(page)


def _start_of_line(data: bytes, number: int) -> int:
    """Where the line of that number, from 0, begins; whole blocks are counted, not walked."""
    start = 0
    while number > _BLOCK:
        found = data.count(b"\n", start, start + _BLOCK)
        start, number = start + _BLOCK, number - found
    for _ in range(number):
        start = data.index(b"\n", start) + 1
    return start


def _short(line: bytes) -> str:
    text = line[: 4 * MAX_LINE_CHARS].decode(errors="replace")
    hidden = len(text) - MAX_LINE_CHARS
    if len(line) > 4 * MAX_LINE_CHARS:
        hidden = len(line.translate(None, _CONTINUATIONS)) - MAX_LINE_CHARS
    return text if hidden <= 0 else f"{text[:MAX_LINE_CHARS]}… ({hidden} more characters)"
