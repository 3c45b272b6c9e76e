"""``write_file``: a whole file, replaced at once or made with its folders."""

from typing import Annotated, Final

from attrs import frozen
from msgspec import Meta

from .base import Effect
from .paths import Refused, shown
from .seen import Seen
from .tool import FileTool
from .tree import MAX_FILE_BYTES, Tree

_DESCRIPTION: Final = (
    "Write a whole file, replacing what was there; missing folders are made. "
    "To change part of a file use edit_file."
)


@frozen(kw_only=True)
class WriteFile:
    """The arguments."""

    path: Annotated[str, Meta(description="Path from the root of the tree.")]
    content: Annotated[str, Meta(description="The whole new content.")]


def write_file_tool(tree: Tree, seen: Seen) -> FileTool[WriteFile]:
    """The tool."""

    def body(arguments: WriteFile) -> str:
        names = tree.names(arguments.path)
        data = encoded(arguments.content)
        existed = False

        def change(old: bytes | None) -> bytes:
            nonlocal existed
            existed = old is not None
            seen.check(names, old)
            return data

        tree.replace(arguments.path, change, unread=True)
        seen.note(names, data)
        what = "replaced" if existed else "new file"
        return f"Wrote {len(data)} bytes to {shown('/'.join(names))} ({what})."

    return FileTool("write_file", _DESCRIPTION, WriteFile, body, Effect.TREE)


def encoded(text: str, errors: str = "strict") -> bytes:
    """Text as the bytes of a file; raises Refused for what no file may hold."""
    try:
        data = text.encode("utf-8", errors)
    except UnicodeEncodeError as error:
        raise Refused(
            f"The content is not valid Unicode: character {error.start} is half of a pair."
        ) from error
    if len(data) > MAX_FILE_BYTES:
        raise Refused(f"The content has {len(data):,} bytes, the limit is {MAX_FILE_BYTES:,}.")
    return data
