"""``grep`` and ``search_files``: format, order, limits, and what is left out."""

import contextlib
import subprocess
import sys
import tracemalloc
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from dispatch.agents.tools import ToolResult
from dispatch.agents.tools.paths import Refused
from dispatch.agents.tools.patterns import Pattern
from dispatch.agents.tools.search import MAX_REPLY_CHARS, display

Call = Callable[..., Awaitable[ToolResult]]


def write(root: Path, **files: str) -> None:
    """Files by name, ``__`` for a slash."""
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


async def test_matches_are_path_line_text_from_the_root_in_order(root: Path, call: Call) -> None:
    """[PE-03] So that a path can be given to read_file as it is."""
    write(root, b_dot_py="x\nneedle b\n", a__z_dot_py="needle z", a__c_dot_txt="a needle c\r\n")
    everything = "a/c.txt:1:a needle c\na/z.py:1:needle z\nb.py:2:needle b"
    assert await call("grep", pattern="needle") == ToolResult(everything)
    assert await call("grep", pattern="needle", path=str(root)) == ToolResult(everything)
    assert await call("grep", pattern="needle", path="a", glob="*.py") == ToolResult(
        "a/z.py:1:needle z"
    )
    assert await call("grep", pattern="^x$", path="b.py") == ToolResult("b.py:1:x")
    assert await call("grep", pattern="nothing") == ToolResult("No matches.")


async def test_context_lines_are_marked_and_groups_parted(root: Path, call: Call) -> None:
    """Groups that touch are one."""
    write(root, a_dot_txt="1\nhit 2\n3\nhit 4\n5\n6\n7\nhit 8\n", b_dot_txt="hit\n")
    assert await call("grep", pattern="hit", context=1) == ToolResult(
        "a.txt-1-1\na.txt:2:hit 2\na.txt-3-3\na.txt:4:hit 4\na.txt-5-5\n--\n"
        "a.txt-7-7\na.txt:8:hit 8\n--\nb.txt:1:hit"
    )


async def test_matches_over_the_limit_are_counted(root: Path, call: Call) -> None:
    """The model learns how much it does not see."""
    write(root, a_dot_txt="hit\nhit\n", b_dot_txt="hit\nhit\n", c_dot_txt="hit\n")
    assert await call("grep", pattern="hit", max_results=3) == ToolResult(
        "a.txt:1:hit\na.txt:2:hit\nb.txt:1:hit\n(the first 3 of 5 matches in 3 files)"
    )


async def test_ignored_binary_and_vendored_files_are_left_out(root: Path, call: Call) -> None:
    """Unless one of them is named."""
    write(
        root,
        _dot_gitignore="*.log\n/build/\n!keep.log\n",
        a_dot_log="hit",
        keep_dot_log="hit",
        build__b_dot_txt="hit",
        src__build__c_dot_txt="hit",
        src___dot_gitignore="local\n",
        src__local__d_dot_txt="hit",
        node_modules__e_dot_js="hit",
        bin_dot_dat="hit\0",
        _dot_github__f_dot_yml="hit",
    )
    expected = [".github/f.yml", "keep.log", "src/build/c.txt"]
    assert await call("grep", pattern="hit") == ToolResult(
        "\n".join(f"{path}:1:hit" for path in expected)
    )
    assert await call("grep", pattern="hit", path="build") == ToolResult("build/b.txt:1:hit")
    assert await call("grep", pattern="hit", path="a.log") == ToolResult("a.log:1:hit")
    assert await call("search_files", pattern="*.{yml,log,txt,js}") == ToolResult(
        "\n".join(expected)
    )


async def test_the_repositorys_own_exclude_file_counts(root: Path, call: Call) -> None:
    """[W-40] Older runs under ``dispatch/`` are not found by the planner."""
    write(root, _dot_git__info__exclude="/dispatch/\n", dispatch__x_dot_md="hit", y_dot_md="hit")
    assert await call("grep", pattern="hit") == ToolResult("y.md:1:hit")


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("*.py", ".", "a.py\nsrc/b.py\nsrc/deep/c.py"),
        ("src/*.py", ".", "src/b.py"),
        ("**/*.py", "src", "src/b.py\nsrc/deep/c.py"),
        ("deep/*", "src", "src/deep/c.py"),
        ("src/**", ".", "src/b.py\nsrc/deep/c.py"),
        ("[ab].py", ".", "a.py\nsrc/b.py"),
        ("?.md", ".", "No files match."),
    ],
)
async def test_globs_find_files(
    root: Path, call: Call, pattern: str, path: str, expected: str
) -> None:
    """From the root or from the folder that was named."""
    write(root, a_dot_py="", src__b_dot_py="", src__deep__c_dot_py="")
    assert await call("search_files", pattern=pattern, path=path) == ToolResult(expected)


async def test_files_over_the_limit_are_counted(root: Path, call: Call) -> None:
    """As with matches."""
    write(root, a="", b="", c="")
    assert await call("search_files", pattern="*", max_results=2) == ToolResult(
        "a\nb\n(the first 2 of 3 files)"
    )


async def test_what_cannot_be_searched_is_said(root: Path, call: Call) -> None:
    """Each in a sentence."""
    write(root, a_dot_txt="")
    assert [
        (await call("grep", pattern="(")).content,
        (await call("grep", pattern="\ud83d")).is_error,
        (await call("grep", pattern="a", glob="{a")).content,
        (await call("grep", pattern="a", path="none")).content,
        (await call("search_files", pattern="*", path="a.txt")).content,
    ] == [
        "The pattern is not a regular expression: "
        "missing ), unterminated subpattern at position 0.",
        True,
        "The glob '{a' cannot be used: the braces of the glob do not match.",
        f"The path 'none' does not exist (the root is {root}).",
        "The path 'a.txt' is a file; name a folder.",
    ]


def test_a_catastrophic_pattern_is_killed() -> None:
    """A regular expression cannot be stopped in a thread, so it runs in a process."""
    with (
        pytest.raises(Refused, match=r"used up its 0\.2 seconds"),
        Pattern("(a+)+$", 10, seconds=0.2) as pattern,
    ):
        pattern.lines(b"a" * 40 + b"b")


def test_a_pattern_that_backtracks_ends_with_whoever_asked() -> None:
    """[S5] SIGKILL closes its input, which it does not look at while it matches."""
    code = (
        "from dispatch.agents.tools.patterns import Pattern\n"
        "with Pattern('(a+)+$', 10) as pattern:\n"
        "    print(pattern._process.pid, flush=True)\n"
        "    pattern.lines(b'a' * 40 + b'b')\n"
    )
    asking = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert asking.stdout is not None
    worker = psutil.Process(int(asking.stdout.readline()))
    asking.kill()
    asking.wait()
    asking.stdout.close()
    with contextlib.suppress(psutil.NoSuchProcess):
        worker.wait(timeout=10)


async def test_of_matches_without_number_only_the_wanted_are_held(root: Path, call: Call) -> None:
    """Every line of a file of line ends matches; the count is right all the same."""
    (root / "a.txt").write_bytes(b"\n" * (2 * 1024 * 1024))
    tracemalloc.start()
    result = await call("grep", pattern="^", max_results=2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert result == ToolResult("a.txt:1:\na.txt:2:\n(the first 2 of 2097152 matches in 1 files)")
    assert peak < 64 * 1024 * 1024


async def test_a_reply_without_end_is_cut_and_says_so(root: Path, call: Call) -> None:
    """Many matches, each with much around it, would be kept in memory and in a file."""
    for number in range(20):
        line = b"y" * 450 + b"\n"
        (root / f"{number}.txt").write_bytes((b"x" * 450 + b"\n" + line * 40) * 100)
    result = await call("grep", pattern="x", context=20, max_results=5000)
    assert f"(cut after {MAX_REPLY_CHARS:,} characters; search for less)" in result.content


def test_names_that_a_terminal_must_not_see_are_escaped() -> None:
    """A file's name is hostile text too."""
    assert display(("a", "b\x1b[2J", "\udcff", "ä")) == r"a/b\x1b[2J/\xff/ä"


async def test_a_result_over_the_limit_keeps_head_and_tail(root: Path, call: Call) -> None:
    """[W-56] The middle is one read_file away."""
    write(root, a_dot_txt="".join(f"hit {n} {'x' * 90}\n" for n in range(5000)))
    result = await call("grep", pattern="hit", max_results=5000)
    assert len(result.content) < 30_200
    assert result.content.startswith("a.txt:1:hit 0 ")
    assert result.content.endswith("a.txt:5000:hit 4999 " + "x" * 90)
    page = await call("read_file", path="tool-output:1", offset=2499, limit=1)
    assert page.content.startswith("  2500\ta.txt:2500:hit 2499 ")
