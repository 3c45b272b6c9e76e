"""Files and folders that turn into links, and back, while tools read and write: nothing leaks.

A second here, a minute with ``--hypothesis-profile=nightly`` (``make fuzz PROFILE=nightly``).
"""

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Final

import pytest
from hypothesis import settings

from dispatch.agents.tools import Tool, toolset
from dispatch.agents.tools.beneath import Opener, by_openat2, by_walk, openat2_works

SECRET: Final = "S3CR3T-CANARY"
LONGEST_SECONDS: Final = 60.0
# Swaps each pair of names without a moment in which one is missing.
_FLIP: Final = (
    "import ctypes, sys\n"
    "libc = ctypes.CDLL(None)\n"
    "names = [name.encode() for name in sys.argv[1:]]\n"
    "pairs = list(zip(names[::2], names[1::2]))\n"
    "while True:\n"
    "    for one, two in pairs: libc.renameat2(-100, one, -100, two, 2)\n"
)


def seconds() -> float:
    """How long to try, by the profile."""
    return min(LONGEST_SECONDS, settings.default.max_examples / 100)  # type: ignore[union-attr]


@pytest.fixture(params=[by_openat2, by_walk], ids=["openat2", "walk"])
def opener(request: pytest.FixtureRequest) -> Opener:
    """Both ways to open beneath a descriptor."""
    way: Opener = request.param
    if way is by_openat2 and not openat2_works():
        pytest.skip("this kernel has no openat2, or it is filtered")
    return way


def build(base: Path) -> Path:
    """A tree in which ``flip`` is a folder or a link to the outside, and ``leaf`` a file or one."""
    root = base / "wt"
    for folder in (root / "flip" / "deep", base / "outside" / "deep"):
        folder.mkdir(parents=True)
    for name in ("secret", "edited", "deep/secret"):
        (root / "flip" / name).write_text("inside\n")
        (base / "outside" / name).write_text(SECRET)
    (root / "link").symlink_to(base / "outside")
    (root / "leaf").write_text("inside\n")
    (root / "leaf-link").symlink_to("../outside/secret")
    return root


@contextmanager
def flipping(root: Path) -> Iterator[None]:
    """While it lasts, folder and link, and file and link, change places all the time."""
    names = [root / each for each in ("flip", "link", "leaf", "leaf-link")]
    process = subprocess.Popen([sys.executable, "-c", _FLIP, *names])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def outside_of(base: Path) -> dict[str, str]:
    """All that lies beside the tree."""
    folder = base / "outside"
    return {str(each): each.read_text() for each in sorted(folder.rglob("*")) if each.is_file()}


def is_inside(tree: Path) -> bool:
    """The control, in the moment between: whether the text of the path leads to the inside."""
    return "inside" in (tree / "flip" / "secret").read_text()


async def test_no_swap_of_a_folder_or_a_file_leaks_or_writes_outside(
    tmp_path: Path, opener: Opener
) -> None:
    """[S2] The check and the use are one; both kinds of answer are seen, so the race is real."""
    root, before = build(tmp_path), outside_of(tmp_path)
    made = toolset(root, tmp_path / "attempt", writable=True, opener=opener)
    tools = {tool.spec.name: tool for tool in made}
    seen = Counter[str]()
    with flipping(root):
        end = monotonic() + seconds()
        while monotonic() < end:
            await _round(tools, root, seen)
    assert outside_of(tmp_path) == before
    assert seen["leaked"] == 0
    # By its name the folder was outside now and then, and the tools met both.
    assert all(seen[each] for each in ("outside by its name", "answered", "refused")), seen


async def _round(tools: dict[str, Tool], root: Path, seen: Counter[str]) -> None:
    """Each tool once on each of the names that flip."""
    for _ in range(20):
        seen["outside by its name"] += not is_inside(root)
        for path in ("flip/secret", "flip/deep/secret", "leaf"):
            await _note(tools["read_file"], seen, path=path)
        await _note(tools["write_file"], seen, path="flip/made", content="made")
        await _note(tools["write_file"], seen, path="flip/new/made", content="made")
        edit = {"path": "flip/edited", "old_string": "inside", "new_string": "x"}
        await _note(tools["edit_file"], seen, **edit)
        await _note(tools["write_file"], seen, path="flip/edited", content="inside\n")
        await _note(tools["search_files"], seen, pattern="*", path="flip")
    await _note(tools["grep"], seen, pattern="S3CR3T", path="flip")
    await asyncio.sleep(0)


async def _note(tool: Tool, seen: Counter[str], **arguments: object) -> None:
    result = await tool.call(arguments)
    answer = "refused" if result.is_error else "answered"
    seen["leaked" if SECRET in result.content else answer] += 1
