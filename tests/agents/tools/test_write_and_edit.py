"""``write_file`` and ``edit_file``: whole, exact, and never over what was not seen."""

import asyncio
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from dispatch.agents.tools import ToolResult, toolset

Call = Callable[..., Awaitable[ToolResult]]


async def test_writing_says_how_many_bytes_and_where(root: Path, call: Call) -> None:
    """[PE-05] UTF-8 bytes, not characters."""
    assert await call("write_file", path="new/ä.txt", content="ä\n") == ToolResult(
        "Wrote 3 bytes to 'new/ä.txt' (new file)."
    )
    assert await call("write_file", path=f"{root}/new/ä.txt", content="") == ToolResult(
        "Wrote 0 bytes to 'new/ä.txt' (replaced)."
    )


async def test_half_a_character_is_refused(root: Path, call: Call) -> None:
    """JSON can carry what no file may hold."""
    assert await call("write_file", path="a.txt", content="a\ud83d") == ToolResult(
        "The content is not valid Unicode: character 1 is half of a pair.", is_error=True
    )
    assert list(root.iterdir()) == []


async def test_an_edit_replaces_the_one_occurrence_literally(root: Path, call: Call) -> None:
    """Neither side is a pattern."""
    (root / "a.py").write_text("x = a.b\ny = axb\n")
    assert await call("edit_file", path="a.py", old_string="a.b", new_string=r"\1") == ToolResult(
        "Replaced the text once in 'a.py'."
    )
    assert (root / "a.py").read_text() == "x = \\1\ny = axb\n"


async def test_an_ambiguous_edit_is_refused_with_the_count(root: Path, call: Call) -> None:
    """Unless all of them are meant."""
    (root / "a.py").write_text("a a a")
    edit = {"path": "a.py", "old_string": "a", "new_string": "b"}
    assert await call("edit_file", **edit) == ToolResult(
        "old_string occurs 3 times in 'a.py'. Add lines around it until it is unique, "
        "or set replace_all.",
        is_error=True,
    )
    assert await call("edit_file", **edit, replace_all=True) == ToolResult(
        "Replaced the text 3 times in 'a.py'."
    )
    assert (root / "a.py").read_text() == "b b b"


async def test_an_edit_that_finds_nothing_shows_the_closest_line(root: Path, call: Call) -> None:
    """Most misses are indentation or one letter."""
    (root / "a.py").write_text("def one():\n    return compute(1)\n")
    result = await call("edit_file", path="a.py", old_string="return compte(1)", new_string="x")
    assert result == ToolResult(
        "old_string does not occur in 'a.py'. The closest line is 2: '    return compute(1)'.",
        is_error=True,
    )


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("", "x", "edit_file was not called:\nold_string: must not be empty"),
        ("a", "a", "old_string and new_string are the same: nothing would change."),
    ],
)
async def test_an_edit_that_means_nothing_is_refused(
    root: Path, call: Call, old: str, new: str, sentence: str
) -> None:
    """Before the file is touched."""
    (root / "a.py").write_text("a")
    result = await call("edit_file", path="a.py", old_string=old, new_string=new)
    assert result == ToolResult(sentence, is_error=True)


async def test_line_ends_the_mark_and_foreign_bytes_are_kept(root: Path, call: Call) -> None:
    """A model sees lines without their ends and cannot type a broken byte."""
    (root / "a.txt").write_bytes(b"\xef\xbb\xbfone\r\ntwo\r\n\xff\r\n")
    await call("edit_file", path="a.txt", old_string="one\ntwo", new_string="1\n2\n3")
    assert (root / "a.txt").read_bytes() == b"\xef\xbb\xbf1\r\n2\r\n3\r\n\xff\r\n"


async def test_a_binary_or_missing_file_is_not_edited(root: Path, call: Call) -> None:
    """Both in a sentence."""
    (root / "a.bin").write_bytes(b"a\0")
    binary = await call("edit_file", path="a.bin", old_string="a", new_string="b")
    missing = await call("edit_file", path="no.txt", old_string="a", new_string="b")
    assert [binary, missing] == [
        ToolResult("The file 'a.bin' is binary: it contains NUL bytes.", is_error=True),
        ToolResult("The path 'no.txt' does not exist.", is_error=True),
    ]


async def test_a_file_that_changed_since_it_was_read_is_not_overwritten(
    root: Path, call: Call
) -> None:
    """[W-44] Another agent, or a formatter, was there in between."""
    file = root / "a.txt"
    file.write_text("one\n")
    await call("read_file", path="a.txt")
    file.write_text("two one\n")
    for result in (
        await call("edit_file", path="a.txt", old_string="one", new_string="1"),
        await call("write_file", path="a.txt", content="1"),
    ):
        assert result == ToolResult(
            "The file 'a.txt' has changed since you last read or wrote it, so nothing was "
            "written. Read it again, then repeat the change on what is there now.",
            is_error=True,
        )
    assert file.read_text() == "two one\n"
    await call("read_file", path="a.txt")
    edited = await call("edit_file", path="a.txt", old_string="one", new_string="1")
    again = await call("edit_file", path="a.txt", old_string="two", new_string="2")
    assert [edited.is_error, again.is_error, file.read_text()] == [False, False, "2 1\n"]


async def test_a_file_that_was_deleted_is_reported_once(root: Path, call: Call) -> None:
    """After that the agent knows, and may make it again."""
    (root / "a.txt").write_text("one\n")
    await call("read_file", path="a.txt")
    (root / "a.txt").unlink()
    first = await call("write_file", path="a.txt", content="new")
    second = await call("write_file", path="a.txt", content="new")
    assert (first.is_error, "was deleted" in first.content, second.is_error) == (True, True, False)


async def test_a_link_that_dangles_out_of_the_tree_is_not_written_through(
    root: Path, call: Call
) -> None:
    """[PE-14, PE-26]"""
    target = root.parent / "made"
    (root / "link").symlink_to(target)
    (root / "up").symlink_to("..")
    for path in ("link", "up/made"):
        result = await call("write_file", path=path, content="x")
        assert result.is_error
        assert f"'{path}' is outside the configured root {root}" in result.content
    assert not target.exists()


async def test_of_two_agents_at_one_file_the_later_is_told(root: Path, tmp_path: Path) -> None:
    """[W-44] Both read it; who writes second has not seen what the first made of it."""
    (root / "a.txt").write_text("one\ntwo\n")
    first, second = (
        {tool.spec.name: tool for tool in toolset(root, tmp_path / name, writable=True)}
        for name in ("first", "second")
    )
    for tools in (first, second):
        await tools["read_file"].call({"path": "a.txt"})
    done, late = await asyncio.gather(
        first["edit_file"].call({"path": "a.txt", "old_string": "one", "new_string": "1"}),
        second["edit_file"].call({"path": "a.txt", "old_string": "two", "new_string": "2"}),
    )
    assert sorted([done.is_error, late.is_error]) == [False, True]
    assert "has changed since you last read" in (late if late.is_error else done).content
    assert (root / "a.txt").read_text() in ("1\ntwo\n", "one\n2\n")


@pytest.mark.parametrize("mode", [0o444, 0o4755, 0o2750])
async def test_a_file_is_replaced_whatever_its_mode_which_loses_only_privileges(
    root: Path, call: Call, mode: int
) -> None:
    """The folder is what is written to."""
    (root / "a.txt").write_text("one\n")
    (root / "a.txt").chmod(mode)
    await call("edit_file", path="a.txt", old_string="one", new_string="1")
    await call("write_file", path="a.txt", content="2\n")
    assert (root / "a.txt").read_text() == "2\n"
    assert stat.S_IMODE((root / "a.txt").stat().st_mode) == mode & 0o777
