"""Language servers at work: honest ones, a real one, and those that are no help."""

import shutil
import sys
from pathlib import Path

import pytest
from attrs import evolve
from fakes.fake_language_server import argv
from fakes.language_bench import MakeBench

from dispatch.agents.language import servers
from dispatch.agents.language.servers import MAX_STARTS
from dispatch.agents.sandbox import PlainLauncher
from dispatch.agents.sandbox.launcher import Launcher
from dispatch.agents.sandbox.tiers import tried
from dispatch.agents.tools import ToolResult
from dispatch.state.config import LanguageServer, LanguageServers

PROGRAM = Path(sys.executable).name
WROTE = "Wrote 6 bytes to 'new.fake' (new file)."


async def test_an_edit_is_answered_with_the_errors_of_the_file(bench: MakeBench) -> None:
    """Errors only, as they are now; warnings are there for who asks."""
    async with bench() as it:
        assert [
            await it.call("write_file", path="new.fake", content="wrong\nodd\n"),
            await it.call("edit_file", path="new.fake", old_string="wrong", new_string="right"),
            await it.call("diagnostics", path="new.fake"),
            await it.call("write_file", path="other.txt", content="wrong"),
        ] == [
            ToolResult(
                f"Wrote 10 bytes to 'new.fake' (new file).\n{PROGRAM} finds an error in it:\n"
                "new.fake:1:1: error: wrong (E1)"
            ),
            ToolResult("Replaced the text once in 'new.fake'."),
            ToolResult("new.fake:2:1: warning: odd"),
            ToolResult("Wrote 5 bytes to 'other.txt' (new file)."),
        ]


async def test_without_a_path_every_file_is_looked_at_as_it_is_now(bench: MakeBench) -> None:
    """Also what a command changed, and not what is gone."""
    async with bench() as it:
        first = await it.call("diagnostics")
        await it.call("write_file", path="a.fake", content="fine")
        await it.call("write_file", path="b.fake", content="wrong")
        (it.root / "a.fake").write_text("odd")
        (it.root / "b.fake").unlink()
        assert [first, await it.call("diagnostics")] == [
            ToolResult("You have changed no file yet: name one by its path.", is_error=True),
            ToolResult("a.fake:1:1: warning: odd"),
        ]


async def test_names_are_resolved(bench: MakeBench) -> None:
    """Places are counted from 1 for the model, and in units of UTF-16 for the server."""
    async with bench(writable=False) as it:
        name = {"path": "first.fake", "line": 2, "symbol": "name"}
        assert [
            await it.call("lsp", operation="definition", **name),
            await it.call("lsp", operation="references", **name),
            await it.call("lsp", operation="hover", **name),
            await it.call("lsp", operation="symbols", path="first.fake"),
            await it.call("lsp", operation="hover", path="first.fake", line=1, symbol="use"),
            await it.call("lsp", operation="hover", path="first.fake", line=9, symbol="use"),
            await it.call("lsp", operation="symbols", path="../x.fake"),
            await it.call("lsp", operation="symbols", path="x.txt"),
        ] == [
            ToolResult("first.fake:1:5: name"),
            ToolResult("first.fake:1:5: name"),
            ToolResult("at 1:8"),
            ToolResult("1: class outer\n  2: method inner"),
            ToolResult(
                "The symbol 'use' does not stand in line 1. Read the file, then name one that "
                "does.",
                is_error=True,
            ),
            ToolResult("The file has 3 lines.", is_error=True),
            ToolResult(
                f"The path '../x.fake' is outside the configured root {it.root}: '..' is not "
                "followed, write the path from the root on.",
                is_error=True,
            ),
            ToolResult(
                "No language server here knows this of 'x.txt', only of .fake.", is_error=True
            ),
        ]


@pytest.mark.parametrize(
    ("trait", "why"),
    [
        ("dies", "it ended with exit code 3"),
        ("dies-at-work", "it ended with exit code 4"),
        ("garbage", "it does not speak the protocol"),
        ("giant", "a message of it has 99,999,999,999 bytes"),
        ("not-json", "a message of it is not JSON"),
        ("asks", "it asks without end"),
        ("floods", "it said more than any server has to say"),
    ],
)
async def test_a_server_that_is_no_help_spoils_no_edit_and_is_left_in_the_end(
    bench: MakeBench, trait: str, why: str
) -> None:
    """Bounded starts; the agent is told only when it asks."""
    async with bench(trait) as it:
        for number in range(MAX_STARTS):
            result = await it.call("write_file", path=f"{number}.fake", content="wrong\n")
            assert result == ToolResult(f"Wrote 6 bytes to '{number}.fake' (new file).")
        asked = await it.call("diagnostics", path="0.fake")
        assert asked == ToolResult(f"{PROGRAM} is not there any more: {why}.", is_error=True)


@pytest.mark.parametrize("trait", ["hangs", "deaf", "silent", "deep"])
async def test_an_edit_does_not_wait_for_who_says_nothing(bench: MakeBench, trait: str) -> None:
    """Its reply is what it is without a server; after some edits nobody waits at all."""
    async with bench(trait, wait=0.05) as it:
        for number in range(servers.MAX_MISSED + 1):
            result = await it.call("write_file", path=f"{number}.fake", content="wrong\n")
            assert result == ToolResult(f"Wrote 6 bytes to '{number}.fake' (new file).")


async def test_with_no_wait_an_edit_asks_nobody(bench: MakeBench) -> None:
    """Nothing is even started."""
    async with bench(wait=0) as it:
        assert await it.call("write_file", path="new.fake", content="wrong\n") == ToolResult(WROTE)
        assert not (it.folder / "language-servers").exists()


async def test_hostile_text_is_cleaned_cut_and_without_secrets(bench: MakeBench) -> None:
    """As every output of a tool."""
    async with bench("hostile", secrets=("x" * 2000,)) as it:
        result = await it.call("write_file", path="new.fake", content="a\n")
        hover = await it.call("lsp", operation="hover", path="first.fake", line=1, symbol="name")
    lines = result.content.split("\n")
    assert lines[:2] == [
        "Wrote 2 bytes to 'new.fake' (new file).",
        f"{PROGRAM} finds 31 errors in it:",
    ]
    mark = lines[2].rpartition(" ")[2]
    assert mark.startswith("[redacted:")
    assert lines[2:4] == [
        f"new.fake:1:1: error: bad txt line two {mark}",
        "new.fake:1:1000000001: error: half ?",
    ]
    assert "xx" not in result.content
    assert lines[-1] == "(and 11 more)"
    assert hover == ToolResult("at 0:0")


async def test_answers_of_no_known_shape_are_nothing(bench: MakeBench) -> None:
    async with bench("odd-answers") as it:
        result = await it.call(
            "lsp", operation="definition", path="first.fake", line=1, symbol="name"
        )
    assert result == ToolResult(f"{PROGRAM} knows nothing.")


async def test_no_tool_is_offered_without_a_server_for_the_tree(
    bench: MakeBench, tmp_path: Path
) -> None:
    """Neither where none is there, nor where its program is not, nor without such files."""
    missing = LanguageServer(argv=("no-such-server",), suffixes=(".fake",))
    other = LanguageServer(argv=argv("honest"), suffixes=(".other",))
    linter = LanguageServer(argv=("ruff", "server"), suffixes=(".fake",))
    nobody = LanguageServers(find=False)
    plain = ["edit_file", "grep", "read_file", "run_shell", "search_files", "write_file"]
    for config, offered in (
        (nobody, []),
        (evolve(nobody, servers=(missing,)), []),
        (evolve(nobody, servers=(other,)), []),
        (evolve(nobody, servers=(linter,)), ["diagnostics"]),
    ):
        async with bench(config=config, outer={"PATH": _path_with_ruff()}) as it:
            assert sorted(it.tools) == sorted([*plain, *offered])


async def test_no_server_is_started_where_the_network_is_open(bench: MakeBench) -> None:
    """It might fetch there what it lacks."""
    async with bench(launcher=PlainLauncher()) as it:
        assert (it.servers, "diagnostics" in it.tools) == (None, False)


@pytest.mark.parametrize("tier", ["bubblewrap", "landlock"])
async def test_a_real_server_works_in_the_sandbox(bench: MakeBench, tier: str) -> None:
    """ruff, as it is found on the search path; it can write nothing into the tree."""
    async with bench(
        config=LanguageServers(wait_seconds=30),
        launcher=_launcher(tier),
        outer={"PATH": _path_with_ruff()},
    ) as none:
        assert "diagnostics" not in none.tools  # no Python is there yet
    (none.root / "a.py").write_text("import os\n")
    async with bench(
        config=LanguageServers(wait_seconds=30),
        launcher=_launcher(tier),
        outer={"PATH": _path_with_ruff()},
    ) as it:
        assert [
            await it.call("write_file", path="b.py", content="print(unknown)\n"),
            await it.call("edit_file", path="b.py", old_string="unknown", new_string="1"),
            await it.call("diagnostics", path="b.py"),
        ] == [
            ToolResult(
                "Wrote 15 bytes to 'b.py' (new file).\nruff finds an error in it:\n"
                "b.py:1:7: error: Undefined name `unknown` (F821)"
            ),
            ToolResult("Replaced the text once in 'b.py'."),
            ToolResult("ruff finds nothing in 'b.py'."),
        ]
        warned = await it.call("diagnostics", path="a.py")
        assert warned.content.startswith("a.py:1:8: warning: `os` imported but unused")
        assert "lsp" not in it.tools
    assert sorted(path.name for path in it.root.iterdir()) == ["a.py", "b.py", "first.fake"]


def _launcher(tier: str) -> Launcher:
    for each in tried():
        if each.tier.value == tier:
            if each.launcher is None:
                pytest.skip(f"{tier} does not hold here: {each.reason}")
            return each.launcher
    raise AssertionError(tier)


def _path_with_ruff() -> str:
    """The search path with the folder of this interpreter's own programs."""
    found = shutil.which("ruff", path=str(Path(sys.executable).parent))
    assert found is not None, "ruff is among the development tools"
    return f"{Path(found).parent}:/usr/bin:/bin"
