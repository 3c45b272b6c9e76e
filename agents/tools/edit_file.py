"""``edit_file``: an exact piece of text replaced by another."""

import difflib
from typing import Annotated, Final

from attrs import frozen
from msgspec import Meta

from ...state.redact import Redactor
from .base import Effect
from .paths import Refused, shown
from .seen import Seen
from .tool import FileTool
from .tree import Tree
from .write_file import encoded, put_back

MAX_HINT_LINES: Final = 20_000  # of the file; beyond that no closest line is looked for

_DESCRIPTION: Final = (
    "Replace old_string by new_string in a file. old_string must occur exactly once, to the last "
    "space, unless replace_all is true; leave the line numbers of read_file out of it."
)


@frozen(kw_only=True)
class EditFile:
    """The arguments."""

    path: Annotated[str, Meta(description="Path from the root of the tree.")]
    old_string: Annotated[str, Meta(min_length=1, description="The exact text to replace.")]
    new_string: Annotated[str, Meta(description="The text to put in its place.")]
    replace_all: Annotated[bool, Meta(description="Replace every occurrence.")] = False


def edit_file_tool(tree: Tree, seen: Seen, redactor: Redactor) -> FileTool[EditFile]:
    """The tool."""

    def body(arguments: EditFile) -> str:
        names = tree.names(arguments.path)
        encoded(arguments.old_string + arguments.new_string)
        count = 0

        def change(old: bytes | None) -> bytes:
            nonlocal count
            seen.check(names, old)
            if old is None:
                raise Refused(f"The path {shown(arguments.path)} does not exist.")
            text, count = _edited(old, arguments, redactor)
            # Bytes that are not UTF-8 were carried through as they are.
            return encoded(text, "surrogateescape")

        seen.note(names, tree.replace(arguments.path, change))
        times = "once" if count == 1 else f"{count} times"
        return f"Replaced the text {times} in {shown('/'.join(names))}."

    return FileTool("edit_file", _DESCRIPTION, EditFile, body, Effect.TREE)


def _edited(data: bytes, arguments: EditFile, redactor: Redactor) -> tuple[str, int]:
    """The new text and how often the old one was replaced."""
    path = shown(arguments.path)
    if b"\0" in data:
        raise Refused(f"The file {path} is binary: it contains NUL bytes.")
    text = data.decode("utf-8", errors="surrogateescape")
    old, new = (
        put_back(redactor, arguments.path, part, text)
        for part in (arguments.old_string, arguments.new_string)
    )
    if old == new:
        raise Refused("old_string and new_string are the same: nothing would change.")
    if "\r\n" in text and "\r" not in old:
        # read_file shows lines without their ends; the file keeps the ends it has.
        old, new = (part.replace("\r\n", "\n").replace("\n", "\r\n") for part in (old, new))
    count = text.count(old)
    if count == 0:
        hint = redactor.text(_closest(text, old))
        raise Refused(f"old_string does not occur in {path}.{hint}")
    if count > 1 and not arguments.replace_all:
        raise Refused(
            f"old_string occurs {count} times in {path}. Add lines around it until it is unique, "
            "or set replace_all."
        )
    return text.replace(old, new), count


def _closest(text: str, wanted: str) -> str:
    """A half-page of help: where the first line that was wanted nearly stands."""
    lines = [line.rstrip("\r") for line in text.split("\n")][:MAX_HINT_LINES]
    first = next((line for line in wanted.split("\n") if line.strip()), "")
    stripped = [line.strip() for line in lines]
    match = difflib.get_close_matches(first.strip()[:300], [s[:300] for s in stripped], n=1)
    if not match:
        return " Read the file again."
    number = [s[:300] for s in stripped].index(match[0])
    return f" The closest line is {number + 1}: {lines[number][:300]!r}."
