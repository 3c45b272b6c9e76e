"""``read_file``: numbered lines, a page at a time."""

import tracemalloc
from collections.abc import Awaitable, Callable
from pathlib import Path

from dispatch.agents.tools import ToolResult, toolset

Call = Callable[..., Awaitable[ToolResult]]


async def test_lines_are_numbered_from_one(root: Path, call: Call) -> None:
    """Six wide, a tab, the text; a byte order mark and carriage returns are not shown."""
    (root / "a.txt").write_bytes(b"\xef\xbb\xbfone\r\n\r\nthree")
    assert await call("read_file", path="a.txt") == ToolResult(
        "     1\tone\n     2\t\n     3\tthree"
    )


async def test_offset_counts_skipped_lines_and_the_reply_says_how_to_go_on(
    root: Path, call: Call
) -> None:
    """Paging needs no arithmetic."""
    (root / "a.txt").write_text("".join(f"line {n}\n" for n in range(1, 11)))
    assert await call("read_file", path="a.txt", offset=3, limit=2) == ToolResult(
        "     4\tline 4\n     5\tline 5\n(lines 4 to 5 of 10; go on with offset 5)"
    )
    assert await call("read_file", path="a.txt", offset=8) == ToolResult(
        "     9\tline 9\n    10\tline 10"
    )
    assert await call("read_file", path="a.txt", offset=10) == ToolResult(
        "The file has 10 lines; an offset of 10 skips them all.", is_error=True
    )


async def test_an_empty_file_is_said_to_be_empty(root: Path, call: Call) -> None:
    """Nothing would look like a failure."""
    (root / "a.txt").touch()
    assert await call("read_file", path="a.txt") == ToolResult("(the file is empty)")


async def test_a_binary_file_is_refused(root: Path, call: Call) -> None:
    """NUL bytes are no text."""
    (root / "a.bin").write_bytes(b"a\0b")
    assert await call("read_file", path="a.bin") == ToolResult(
        "The file 'a.bin' is binary: it contains NUL bytes.", is_error=True
    )


async def test_a_page_never_exceeds_the_limit_of_a_result(root: Path, call: Call) -> None:
    """Long lines are cut, long files end at a whole line."""
    (root / "wide.txt").write_text("x" * 5000)
    (root / "long.txt").write_text(("y" * 99 + "\n") * 1000)
    assert await call("read_file", path="wide.txt") == ToolResult(
        "     1\t" + "x" * 2000 + "… (3000 more characters)"
    )
    page = (await call("read_file", path="long.txt")).content
    assert len(page) < 30_100
    assert page.endswith("(lines 1 to 280 of 1000; go on with offset 280)")


async def test_listed_files_outside_may_be_read_and_no_others(tmp_path: Path, root: Path) -> None:
    """[GB-03, GB-04, GB-05, GB-06] The greybeard's plan and output lie beside the tree."""
    plan, other = tmp_path / "plan.md", tmp_path / "other.md"
    plan.write_text("the plan\n")
    other.write_text("secret\n")
    (root / "in.txt").write_text("in\n")
    made = toolset(root, tmp_path / "attempt", writable=False, extra_files=[plan])
    read = next(tool for tool in made if tool.spec.name == "read_file")
    assert await read.call({"path": str(plan)}) == ToolResult("     1\tthe plan")
    assert await read.call({"path": "in.txt"}) == ToolResult("     1\tin")
    refused = await read.call({"path": str(other)})
    assert refused.is_error
    assert f"'{other}' is outside the configured root" in refused.content


async def test_a_saved_output_is_paged_and_an_unknown_one_refused(root: Path, call: Call) -> None:
    """[PE-04, W-56] What was cut can be read."""
    result = await call("run_shell", command="seq 1 20000")
    assert "the whole is 'tool-output:1'" in result.content
    assert len(result.content) < 30_200
    assert await call("read_file", path="tool-output:1", offset=9999, limit=1) == ToolResult(
        " 10000\t10000\n(lines 10000 to 10000 of 20000; go on with offset 10000)"
    )
    for bad in ("tool-output:2", "tool-output:../1", "tool-output:", "tool-output:01"):
        assert await call("read_file", path=bad) == ToolResult(
            f"There is no saved output named '{bad}'.", is_error=True
        )


async def test_a_page_of_a_file_of_line_ends_costs_no_more_than_the_file(
    root: Path, call: Call
) -> None:
    """[S2] Sixteen million lines are not sixteen million objects, at the end neither."""
    size = 16 * 1024 * 1024
    (root / "a.txt").write_bytes(b"\n" * (size - 1) + b"x")
    tracemalloc.start()
    result = await call("read_file", path="a.txt", offset=size - 2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert result == ToolResult(f"{size - 1}\t\n{size}\tx")
    assert peak < 64 * 1024 * 1024


async def test_one_line_without_end_is_counted_in_characters(root: Path, call: Call) -> None:
    """Not in bytes, and not as one string of all of it."""
    (root / "a.txt").write_text("ä" * 5_000_000)
    assert await call("read_file", path="a.txt") == ToolResult(
        f"     1\t{'ä' * 2000}… (4998000 more characters)"
    )
