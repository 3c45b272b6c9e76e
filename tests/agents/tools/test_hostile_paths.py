"""Every tool against every hostile path, with the kernel's way and with the walk."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.hostile_paths import FINE, HOSTILE, ODD, SECRET, build

from dispatch.agents.sandbox import CommandRunner
from dispatch.agents.tools import Tool, ToolResult, toolset
from dispatch.agents.tools.beneath import Opener, by_openat2, by_walk, openat2_works
from dispatch.agents.tools.tree import Tree, default_opener


@pytest.fixture(params=[by_openat2, by_walk], ids=["openat2", "walk"])
def opener(request: pytest.FixtureRequest) -> Opener:
    """Both ways to open beneath a descriptor."""
    way: Opener = request.param
    if way is by_openat2 and not openat2_works():
        pytest.skip("this kernel has no openat2, or it is filtered")
    return way


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The tree of traps."""
    return build(tmp_path)


@pytest.fixture
def tools(root: Path, tmp_path: Path, opener: Opener) -> Iterator[dict[str, Tool]]:
    """All tools of a writer on it."""
    runner = CommandRunner(tmp_path / "run", tmp_path / "scratch")
    made = toolset(root, tmp_path / "attempt", writable=True, commands=runner, opener=opener)
    yield {tool.spec.name: tool for tool in made}
    runner.close()


def outside_of(root: Path) -> dict[str, str]:
    """Everything beside the tree that an escape could have changed."""
    base = root.parent
    seen = {
        str(path.relative_to(base)): path.read_text()
        for path in sorted(base.rglob("*"))
        if path.is_file() and not path.is_symlink() and root not in path.parents
    }
    seen["git"] = (root / ".git").read_text() + (root / "nested/.git/config").read_text()
    return seen


async def call_all(tools: dict[str, Tool], path: str) -> list[ToolResult]:
    """Every tool that takes a path, with that path."""
    edit = {"path": path, "old_string": SECRET, "new_string": "gone"}
    return [
        await tools["read_file"].call({"path": path}),
        await tools["write_file"].call({"path": path, "content": "written"}),
        await tools["edit_file"].call(edit),
        await tools["grep"].call({"pattern": "S3CR3T|root:", "path": path}),
        await tools["search_files"].call({"pattern": "*secret*", "path": path}),
        await tools["run_shell"].call({"command": "cat secret; pwd", "cwd": path}),
    ]


async def test_no_tool_follows_a_hostile_path(tools: dict[str, Tool], root: Path) -> None:
    """[PE-08..17, PE-22, PE-26, PE-28, PE-29] Refused, not raised, and nothing changed outside."""
    before = outside_of(root)
    for case in HOSTILE:
        path = case.format(root=root, base=root.parent)
        for result in await call_all(tools, path):
            assert result.is_error, (case, result)
            assert SECRET not in result.content, case
            assert "root:x" not in result.content, case
    assert outside_of(root) == before


async def test_an_odd_name_is_a_name_inside_the_tree(tools: dict[str, Tool], root: Path) -> None:
    """Names that only look like an escape are made where they say."""
    before = outside_of(root)
    for path in ODD:
        wrote = await tools["write_file"].call({"path": path, "content": "odd\n"})
        read = await tools["read_file"].call({"path": path})
        assert (wrote.is_error, read) == (False, ToolResult("     1\todd")), path
        assert (root / path).read_text() == "odd\n"
    assert outside_of(root) == before


@pytest.mark.parametrize("path", ["l_inside", "l_inside_dir/ok.txt", "l_back"])
async def test_reading_follows_a_link_inside_and_writing_does_not(
    tools: dict[str, Tool], root: Path, path: str
) -> None:
    """Real repositories have links; replacing a file through one would surprise."""
    assert await tools["read_file"].call({"path": path}) == ToolResult("     1\tfine")
    for name in ("write_file", "edit_file"):
        result = await tools[name].call(
            {"path": path, "content": "x"}
            if name == "write_file"
            else {"path": path, "old_string": "fine", "new_string": "x"}
        )
        assert result.is_error
        assert f"outside the configured root {root}" in result.content
    assert (root / "ok.txt").read_text() == FINE
    assert (root / "sub/deep/ok.txt").read_text() == FINE


async def test_searching_the_whole_tree_finds_nothing_through_links(
    tools: dict[str, Tool],
) -> None:
    """[PE-27]"""
    assert await tools["grep"].call({"pattern": "S3CR3T|root:|fine"}) == ToolResult(
        "ok.txt:1:fine\nsub/deep/ok.txt:1:fine\n(not searched, too large or not plain files: 2)"
    )
    assert await tools["search_files"].call({"pattern": "**/*"}) == ToolResult(
        "big\nhard\nok.txt\nsub/deep/ok.txt"
    )


def test_a_folder_that_flips_to_a_link_never_leaks(tmp_path: Path, opener: Opener) -> None:
    """The check and the use are one: swapping a folder for a link outside gains nothing."""
    root = tmp_path / "wt"
    (root / "flip").mkdir(parents=True)
    (root / "flip" / "secret").write_text("inside")
    (tmp_path / "secret").write_text(SECRET)
    (root / "link").symlink_to(tmp_path)
    code = (
        "import ctypes, sys\n"
        "libc = ctypes.CDLL(None)\n"
        "one, two = (name.encode() for name in sys.argv[1:])\n"
        "while True: libc.renameat2(-100, one, -100, two, 2)\n"
    )
    tree = Tree(root, opener=opener)
    flipping = subprocess.Popen([sys.executable, "-c", code, root / "flip", root / "link"])
    try:
        contents = set()
        for _ in range(3000):
            try:
                contents.add(tree.read("flip/secret"))
            except Exception as error:  # every refusal is fine here, a leak is not
                contents.add(type(error).__name__.encode())
    finally:
        flipping.kill()
        flipping.wait()
    assert contents <= {b"inside", b"Refused"}


def test_the_default_way_is_the_kernels_where_it_works() -> None:
    """A filtered or old kernel gets the walk."""
    assert default_opener() is (by_openat2 if openat2_works() else by_walk)


def test_a_tree_gives_its_descriptor_back(tmp_path: Path) -> None:
    """Agents come and go; descriptors must not pile up."""
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a count of descriptors
    for _ in range(50):
        Tree(tmp_path)
    assert len(os.listdir("/proc/self/fd")) <= before + 1  # noqa: PTH208
