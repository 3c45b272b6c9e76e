"""What an agent reads has marks for secrets, and what it writes has the secrets again."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from dispatch.agents.sandbox import CommandRunner
from dispatch.agents.sandbox.launcher import PlainLauncher
from dispatch.agents.tools import ToolResult, toolset
from dispatch.state.redact import Redactor

Call = Callable[..., Awaitable[ToolResult]]

KEY = "ghp_" + "a1B2" * 9
KNOWN = "correct horse battery"
LINE = "MIIEpAIBAAKCAQEA1c7"
FILE = f"""\
KEY = "{KEY}"
PASSWORD = "{KNOWN}"
-----BEGIN PRIVATE KEY-----
{LINE}
-----END PRIVATE KEY-----
"""


@pytest.fixture
def redactor() -> Redactor:
    """Knows a secret of the operator's."""
    return Redactor([KNOWN])


@pytest.fixture
def runner(tmp_path: Path, redactor: Redactor) -> CommandRunner:
    """A runner that takes it out."""
    return CommandRunner(
        tmp_path / "run", tmp_path / "scratch", launcher=PlainLauncher(), redactor=redactor
    )


@pytest.fixture
def call(root: Path, tmp_path: Path, runner: CommandRunner, redactor: Redactor) -> Call:
    """Call a tool of a writer in a tree with a file of secrets."""
    (root / "secrets.py").write_text(FILE)
    made = toolset(root, tmp_path / "attempt", writable=True, commands=runner, redactor=redactor)
    tools = {tool.spec.name: tool for tool in made}
    return lambda name, **arguments: tools[name].call(arguments)


async def test_reading_shows_marks_on_the_same_lines(call: Call, redactor: Redactor) -> None:
    shown = (await call("read_file", path="secrets.py")).content
    assert shown == (
        f'     1\tKEY = "{redactor.mark(KEY)}"\n     2\tPASSWORD = "{redactor.mark(KNOWN)}"\n'
        f"     3\t-----BEGIN PRIVATE KEY-----\n     4\t{redactor.mark(LINE)}\n"
        "     5\t-----END PRIVATE KEY-----"
    )
    page = (await call("read_file", path="secrets.py", offset=3, limit=1)).content
    assert page.startswith(f"     4\t{redactor.mark(LINE)}\n")


async def test_searching_and_commands_show_marks(call: Call, redactor: Redactor) -> None:
    found = await call("grep", pattern="KEY =")
    assert found.content == f'secrets.py:1:KEY = "{redactor.mark(KEY)}"'
    said = await call("run_shell", command="sed -n 2p secrets.py; env; cat secrets.py >&2")
    assert KNOWN not in said.content
    assert redactor.mark(KNOWN) in said.content


async def test_nothing_that_is_kept_of_an_attempt_has_them(call: Call, tmp_path: Path) -> None:
    """Nor a part of one, where long output is cut."""
    long = "for i in $(seq 900); do sed -n 1,2p secrets.py; echo; done"
    await call("run_shell", command=long)
    await call("grep", pattern=".", max_results=1000)
    kept = "".join(path.read_text() for path in (tmp_path / "attempt").rglob("*.txt"))
    assert "[redacted:" in kept
    assert KEY[:8] not in kept
    assert KNOWN not in kept


async def test_an_edit_of_what_was_shown_finds_it_and_puts_it_back(
    call: Call, root: Path, redactor: Redactor
) -> None:
    mark = redactor.mark(KEY)
    edited = await call(
        "edit_file",
        path="secrets.py",
        old_string=f'KEY = "{mark}"\n',
        new_string=f'KEY = "{mark}"\nNEXT = 1\n',
    )
    assert not edited.is_error
    assert (root / "secrets.py").read_text() == FILE.replace(f'{KEY}"', f'{KEY}"\nNEXT = 1', 1)


async def test_a_file_written_anew_from_what_was_shown_keeps_them(
    call: Call, root: Path, redactor: Redactor
) -> None:
    written = await call("write_file", path="secrets.py", content=redactor.text(FILE) + "END\n")
    assert not written.is_error
    assert (root / "secrets.py").read_text() == FILE + "END\n"


async def test_a_mark_brings_nothing_into_another_file(
    call: Call, root: Path, redactor: Redactor
) -> None:
    refused = await call("write_file", path="copy.py", content=f"KEY = '{redactor.mark(KEY)}'\n")
    assert refused.is_error
    assert refused.content == (
        f"{redactor.mark(KEY)} stands for a secret that is not in 'copy.py'. Such a mark keeps a "
        "secret where it is; it cannot bring one into another file."
    )
    assert not (root / "copy.py").exists()


async def test_a_key_that_the_agent_makes_up_is_written_as_it_is(call: Call, root: Path) -> None:
    made_up = "AKIA" + "A1B2" * 4
    await call("write_file", path="test_it.py", content=f"KEY = '{made_up}'\n")
    assert (root / "test_it.py").read_text() == f"KEY = '{made_up}'\n"
