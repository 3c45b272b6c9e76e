"""The user's pager: which one it is, and that nobody writes while it has the screen."""

import asyncio
import io
import os
from pathlib import Path

import pytest

from dispatch.state.pager import pager, pager_environment, show
from dispatch.state.terminal import Terminal

PATH = "/usr/bin:/bin"


def test_the_users_own_words_are_taken_and_none_where_it_cannot_be() -> None:
    assert pager({"PATH": PATH, "PAGER": "cat -u 'a b'"}) == ("/usr/bin/cat", "-u", "a b")
    assert pager({"PATH": PATH, "PAGER": ""}) == ()
    assert pager({"PATH": PATH, "PAGER": "no-such-pager"}) == ()
    assert pager({"PATH": PATH, "PAGER": "cat '"}) == ()
    assert pager_environment({"A": "b"}) == {"A": "b", "LESS": "FRX"}
    assert pager_environment({"LESS": "S"}) == {"LESS": "S"}


def test_what_is_not_shown_at_a_terminal_is_written_as_it_is() -> None:
    stream = io.StringIO()
    show("a\n", stream)
    assert stream.getvalue() == "a\n"


def test_the_trace_is_held_while_the_pager_has_the_screen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, go = tmp_path / "text", tmp_path / "go"
    text.write_text("the plan\n", encoding="utf-8")
    os.mkfifo(go)
    monkeypatch.setenv("PAGER", f"sh -c 'read word < {go}; cat \"$1\"' sh")
    ours, theirs = os.openpty()
    with os.fdopen(theirs, "w", encoding="utf-8") as stream:
        terminal = Terminal(stream, theirs)

        async def scene() -> None:
            paging = asyncio.create_task(terminal.page(text))
            fifo = await asyncio.to_thread(go.open, "w", encoding="utf-8")  # until it is read
            terminal.write("the trace\n")
            with fifo:
                fifo.write("go\n")
            await paging
            terminal.flush()

        asyncio.run(scene())
        shown = os.read(ours, 4096).decode().replace("\r\n", "\n")
        while "trace" not in shown:
            shown += os.read(ours, 4096).decode().replace("\r\n", "\n")
    os.close(ours)
    assert shown == "the plan\nthe trace\n"
