"""Every tool against every hostile path, with the kernel's way and with the walk."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.hostile_paths import (
    CLOSED,
    FINE,
    HOSTILE,
    IRREGULAR,
    ODD,
    SECRET,
    build,
    naive_read,
)
from fakes.path_judge import judged, judged_as_nobody

from dispatch.agents.sandbox import CommandRunner
from dispatch.agents.sandbox.launcher import PlainLauncher
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
    runner = CommandRunner(tmp_path / "run", tmp_path / "scratch", launcher=PlainLauncher())
    made = toolset(root, tmp_path / "attempt", writable=True, commands=runner, opener=opener)
    yield {tool.spec.name: tool for tool in made}
    runner.close()


async def test_no_tool_follows_a_hostile_path(tmp_path: Path, opener: Opener) -> None:
    """[PE-08..17, PE-22, PE-26, PE-28, PE-29] [S2] Refused, not raised, nothing changed outside."""
    assert len({*HOSTILE, *IRREGULAR, *CLOSED, *ODD}) >= 120
    assert await judged(tmp_path, opener) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="the test above already ran as an ordinary user")
def test_no_tool_follows_a_hostile_path_for_a_user_without_rights(opener: Opener) -> None:
    """[S2] What is closed to him is said in a sentence."""
    assert judged_as_nobody(opener) == []


def test_without_them_many_of_the_paths_leak(root: Path) -> None:
    """The control: text that is compared, and then opened."""
    leaks = []
    for case in (*HOSTILE, *IRREGULAR):
        with contextlib.suppress(OSError, ValueError):
            data = naive_read(root, case.format(root=root, base=root.parent))
            if SECRET.encode() in data or b"root:" in data:
                leaks.append(case)
    assert len(leaks) >= 30, leaks
    assert {"l_rel", "l_dir/secret", "{root}-evil/secret", "hard", ".git"} <= set(leaks)


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
    tools: dict[str, Tool], root: Path
) -> None:
    """[PE-27]"""
    (root / "closed").chmod(0o755)  # so that root and others see the same
    assert await tools["grep"].call({"pattern": "S3CR3T|root:|gitdir"}) == ToolResult(
        "No matches.\n(not searched, too large or not plain files: 2)"
    )
    assert await tools["search_files"].call({"pattern": "**/*"}) == ToolResult(
        "big\nclosed/ok.txt\nhard\nok.txt\nread_only\nsub/deep/ok.txt\nunreadable"
    )


def test_what_is_mounted_in_the_tree_is_not_part_of_it(tmp_path: Path, opener: Opener) -> None:
    """Neither as a folder on the way nor as the last name; needs a namespace of its own."""
    root = tmp_path / "wt"
    (root / "mounted").mkdir(parents=True)
    (root / "file").write_text(FINE)
    (tmp_path / "secret").write_text(SECRET)
    code = (
        "import os, sys\n"
        "from dispatch.agents.tools.beneath import by_openat2, by_walk\n"
        "from dispatch.agents.tools.paths import Refused\n"
        "from dispatch.agents.tools.tree import Tree\n"
        "from pathlib import Path\n"
        "tree = Tree(Path(sys.argv[1]), opener={'by_walk': by_walk}.get(sys.argv[2], by_openat2))\n"
        "for path in ('mounted/secret', 'file'):\n"
        "    try: print(tree.read(path))\n"
        "    except Refused as error: print(str(error).rpartition(': ')[2])\n"
        "try: print(tree.folder('mounted'))\n"
        "except Refused as error: print(str(error).rpartition(': ')[2])\n"
    )
    script = (
        'mount -t tmpfs none "$1/mounted" && echo s > "$1/mounted/secret" && '
        'mount -t tmpfs none "$2" && echo s > "$2/other" && mount --bind "$2/other" "$1/file" || '
        'exit 77; exec "$3" -c "$4" "$1" "$5"'
    )
    (tmp_path / "other").mkdir()
    way = "by_walk" if opener is by_walk else "by_openat2"
    who = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    words: list[str | Path] = [root, tmp_path / "other", sys.executable, code, way]
    done = subprocess.run(
        ["unshare", *who, "--mount", "sh", "-c", script, "sh", *words],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
    reason = "a link or a mount point on the way leads out of it."
    assert (done.stdout.splitlines(), done.stderr) == ([reason] * 3, "")


async def test_a_folder_of_very_many_names_is_bounded(tmp_path: Path, opener: Opener) -> None:
    """What is looked at, and what is said."""
    root = tmp_path / "wt"
    root.mkdir()
    for number in range(60):
        (root / f"{number:02}").touch()
    assert len(Tree(root, opener=opener).listing((), 50)) == 50


def test_the_default_way_is_the_kernels_where_it_works() -> None:
    """A filtered or old kernel gets the walk."""
    assert default_opener() is (by_openat2 if openat2_works() else by_walk)


def test_a_tree_gives_its_descriptor_back(tmp_path: Path) -> None:
    """Agents come and go; descriptors must not pile up."""
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a count of descriptors
    for _ in range(50):
        Tree(tmp_path)
    assert len(os.listdir("/proc/self/fd")) <= before + 1  # noqa: PTH208
