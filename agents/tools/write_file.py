"""``write_file``: a whole file, replaced at once or made with its folders."""

from typing import Annotated, Final

from attrs import frozen
from msgspec import Meta

from ...state.redact import Redactor
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


def write_file_tool(tree: Tree, seen: Seen, redactor: Redactor) -> FileTool[WriteFile]:
    """The tool."""

    def body(arguments: WriteFile) -> str:
        names = tree.names(arguments.path)
        encoded(arguments.content)
        data, existed = b"", False

        def change(old: bytes | None) -> bytes:
            nonlocal data, existed
            existed = old is not None
            seen.check(names, old)
            there = (old or b"").decode("utf-8", "surrogateescape")
            content = put_back(redactor, arguments.path, arguments.content, there)
            data = encoded(content, "surrogateescape")
            return data

        tree.replace(arguments.path, change, unread=True)
        seen.note(names, data)
        what = "replaced" if existed else "new file"
        return f"Wrote {len(data)} bytes to {shown('/'.join(names))} ({what})."

    return FileTool("write_file", _DESCRIPTION, WriteFile, body, Effect.TREE)


def put_back(redactor: Redactor, path: str, text: str, there: str) -> str:
    """What the model wrote, with the secrets of the file where it has their marks.

    Raises Refused for marks of secrets that the file does not hold: nothing would know them.
    """
    if unknown := redactor.unknown_marks(text, there):
        raise Refused(
            f"{unknown[0]} stands for a secret that is not in {shown(path)}. Such a mark keeps a "
            "secret where it is; it cannot bring one into another file."
        )
    return redactor.restored(text, there)


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
