"""Every tool against every hostile path; what is wrong comes back as sentences."""

import asyncio
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

from fakes.hostile_paths import CLOSED, FINE, HOSTILE, IRREGULAR, ODD, SECRET, build

from dispatch.agents.sandbox import CommandRunner
from dispatch.agents.sandbox.launcher import PlainLauncher
from dispatch.agents.tools import Tool, ToolResult, toolset
from dispatch.agents.tools.beneath import Opener

NOBODY: Final = 65534
HANG_SECONDS: Final = 10.0
_GREP: Final = "S3CR3T|root:|gitdir"


def outside_of(root: Path) -> dict[str, str]:
    """Everything beside the tree that an escape could have changed, and its git metadata."""
    base = root.parent
    places = [base / "secret", base / "wt-evil" / "secret", root / ".git"]
    seen = {str(path): path.read_text() for path in (*places, root / "nested/.git/config")}
    seen["names"] = " ".join(sorted(each.name for each in base.iterdir()))
    seen["evil"] = " ".join(sorted(each.name for each in (base / "wt-evil").iterdir()))
    return seen


async def judged(base: Path, opener: Opener) -> list[str]:
    """What is wrong with the tools, tried in a folder that is this user's; none: nothing."""
    root = build(base / "outside")
    attempt = base / "attempt"
    runner = CommandRunner(base / "run", base / "scratch", launcher=PlainLauncher())
    try:
        made = toolset(root, attempt, writable=True, commands=runner, opener=opener)
        tools = {tool.spec.name: tool for tool in made}
        before = outside_of(root)
        found = [each for case in HOSTILE for each in await _refused(tools, case, root)]
        found += [each for case in CLOSED for each in await _closed(tools, case)]
        found += [each for case in IRREGULAR for each in await _replaced(tools, case, root)]
        found += [each for case in ODD for each in await _made(tools, case, root)]
        after = outside_of(root)
    finally:
        runner.close()
    return found + [f"changed: {key}" for key in after if after[key] != before.get(key)]


def judged_as_nobody(opener: Opener) -> list[str]:
    """The same by a process of its own that has no rights; it is root's to ask for that."""
    base = Path(tempfile.mkdtemp(prefix="dispatch-paths-"))
    reader, writer = os.pipe()
    os.chown(base, NOBODY, NOBODY)
    child = os.fork()
    if child == 0:
        found = ["the child died"]
        try:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            found = asyncio.run(judged(base, opener))
        except BaseException as error:  # told by the parent, whatever it is
            found = [f"the child raised {error!r}"]
        finally:
            os.write(writer, json.dumps(found).encode()[:60_000])
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        data = stream.read()
    os.waitpid(child, 0)
    shutil.rmtree(base)
    told: list[str] = json.loads(data)
    return told


async def _refused(tools: dict[str, Tool], case: str, root: Path) -> list[str]:
    path = case.format(root=root, base=root.parent)
    results = {
        **await _reading(tools, path),
        "write_file": await _call(tools, "write_file", path=path, content="written"),
        "edit_file": await _edit(tools, path, SECRET),
    }
    return [
        f"{name} {case!r}: {result.content[:200]!r}"
        for name, result in results.items()
        if not result.is_error or SECRET in result.content or "root:x" in result.content
    ]


async def _closed(tools: dict[str, Tool], path: str) -> list[str]:
    """For root there is nothing to see; others get a sentence."""
    if os.geteuid() == 0:
        return []
    return [
        f"{name} {path!r}: {result.content[:200]!r}"
        for name, result in (
            ("read_file", await _call(tools, "read_file", path=path)),
            ("edit_file", await _edit(tools, path, FINE)),
        )
        if not result.is_error or "permission denied" not in result.content
    ]


async def _replaced(tools: dict[str, Tool], path: str, root: Path) -> list[str]:
    """Read, searched and edited it is refused; written, it is a new plain file."""
    if not os.path.lexists(root / path):
        return []  # only root can make devices
    results = {**await _reading(tools, path), "edit_file": await _edit(tools, path, SECRET)}
    found = [
        f"{name} {path!r}: {result.content[:200]!r}"
        for name, result in results.items()
        if not result.is_error or SECRET in result.content
    ]
    wrote = await _call(tools, "write_file", path=path, content="whole\n")
    is_plain = (root / path).is_file() and (root / path).stat().st_nlink == 1
    if wrote.is_error or not is_plain or (root / path).read_text() != "whole\n":
        found.append(f"write_file {path!r}: {wrote.content[:200]!r}")
    return found


async def _made(tools: dict[str, Tool], path: str, root: Path) -> list[str]:
    wrote = await _call(tools, "write_file", path=path, content="odd\n")
    read = await _call(tools, "read_file", path=path)
    is_there = (root / path).is_file() and (root / path).read_text() == "odd\n"
    if wrote.is_error or read != ToolResult("     1\todd") or not is_there:
        return [f"odd {path!r}: {wrote.content[:200]!r} {read.content[:200]!r}"]
    return []


async def _reading(tools: dict[str, Tool], path: str) -> dict[str, ToolResult]:
    return {
        "read_file": await _call(tools, "read_file", path=path),
        "search_files": await _call(tools, "search_files", pattern="*secret*", path=path),
        "grep": await _call(tools, "grep", pattern=_GREP, path=path),
        "run_shell": await _call(tools, "run_shell", command="cat secret; pwd", cwd=path),
    }


async def _edit(tools: dict[str, Tool], path: str, old: str) -> ToolResult:
    return await _call(tools, "edit_file", path=path, old_string=old, new_string="gone")


async def _call(tools: dict[str, Tool], name: str, **arguments: object) -> ToolResult:
    return await asyncio.wait_for(tools[name].call(arguments), HANG_SECONDS)
