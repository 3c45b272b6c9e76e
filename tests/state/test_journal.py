"""Events and trace."""

import io
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes.small_records import a_task
from hypothesis import given
from hypothesis import strategies as st

from dispatch.fsm.ports import Journal
from dispatch.state.enums import FailureKind
from dispatch.state.event_log import EVENTS
from dispatch.state.journal import MAX_EVENT_BYTES, EventJournal, wrapped
from dispatch.state.redact import Redactor

NOW = "2026-01-02T03:04:05.678Z"


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


Open = Callable[..., EventJournal]


@pytest.fixture
def open_journal(tmp_path: Path, stream: io.StringIO) -> Open:
    def opened(**options: object) -> EventJournal:
        return EventJournal(
            tmp_path,
            stream=stream,
            now=lambda: NOW,
            **options,  # type: ignore[arg-type] # each test names its own
        )

    return opened


def events(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / EVENTS).read_text().splitlines()]


def test_events_are_numbered_without_gaps_over_restarts(tmp_path: Path, open_journal: Open) -> None:
    for kind in ("run.started", "run.resumed"):
        opened = open_journal()
        journal: Journal = opened
        journal.event(kind, name="r")
        journal.event("task.failed", failure=FailureKind.GIT, at=Path("/x"), seq=99, ids=("a",))
        opened.close()
        opened.event("too.late")
    head = {"v": 1, "ts": NOW}
    assert events(tmp_path) == [
        head | {"seq": 1, "type": "run.started", "name": "r"},
        head | {"seq": 2, "type": "task.failed", "failure": "git", "at": "/x", "ids": ["a"]},
        head | {"seq": 3, "type": "run.resumed", "name": "r"},
        head | {"seq": 4, "type": "task.failed", "failure": "git", "at": "/x", "ids": ["a"]},
    ]


@pytest.mark.parametrize(
    "torn", [b'{"v":1,"seq":3,"ty', b"\0\0\0\0", b"\0\n{}\n", b'{"seq":"4"}\n']
)
def test_a_torn_end_is_cut_off(tmp_path: Path, open_journal: Open, torn: bytes) -> None:
    journal = open_journal()
    journal.event("a.b")
    journal.event("a.c")
    journal.close()
    with (tmp_path / EVENTS).open("ab") as file:
        file.write(torn)
    open_journal().event("a.d")
    assert [(each["seq"], each["type"]) for each in events(tmp_path)] == [
        (1, "a.b"),
        (2, "a.c"),
        (3, "a.d"),
    ]


def test_each_line_that_is_appended_is_echoed_until_nobody_reads(
    tmp_path: Path, open_journal: Open
) -> None:
    echo = io.StringIO()
    journal = open_journal(echo=echo)
    journal.event("a.b", text="\x1b[31m\u202e\n")
    assert echo.getvalue() == (tmp_path / EVENTS).read_text()
    assert echo.getvalue() == (
        f'{{"v":1,"seq":1,"ts":"{NOW}","type":"a.b","text":"\\u001b[31m\\u202e\\n"}}\n'
    )
    open_journal(echo=FullDisk()).event("a.c")
    assert [each["seq"] for each in events(tmp_path)] == [1, 2]


def test_the_end_is_told_once_until_something_happens(tmp_path: Path, open_journal: Open) -> None:
    echo = io.StringIO()
    journal = open_journal()
    journal.event("a.b")
    journal.complete(outcome="done")
    again = open_journal(echo=echo)
    again.complete(outcome="done")
    told = [(each["type"], each.get("outcome")) for each in events(tmp_path)]
    assert told == [("a.b", None), ("run.completed", "done")]
    assert json.loads(echo.getvalue()) == events(tmp_path)[-1]
    again.event("a.c")
    again.complete(outcome="failed")
    assert [each["type"] for each in events(tmp_path)][2:] == ["a.c", "run.completed"]


def test_a_large_event_is_cut_to_its_limit(tmp_path: Path, open_journal: Open) -> None:
    journal = open_journal()
    journal.event("a.b", text="x" * MAX_EVENT_BYTES, more={"deep": ["y" * 3000]})
    journal.event("a.c", many=["z" * 1000] * 1000)
    journal.event("a.d", task=a_task(), odd=float("nan"), half="\ud800")
    first, second, third = events(tmp_path)
    assert first["text"] == "x" * 2000 + "…"
    assert first["more"] == {"deep": ["y" * 2000 + "…"]}
    assert second == {"v": 1, "seq": 2, "ts": NOW, "type": "a.c", "cut": True}
    assert isinstance(third["task"], dict)
    assert (third["task"]["class"], third["odd"], third["half"]) == ("feature", "nan", "\ud800")


def test_secrets_are_in_neither(tmp_path: Path, stream: io.StringIO, open_journal: Open) -> None:
    """[TR-06] Not even with an invisible character inside."""
    key = "ghp_" + "a1B2" * 9
    redactor = Redactor(["hunter22"])
    mark = redactor.mark("hunter22")
    journal = open_journal(redactor=redactor)
    journal.event("a.b", text="is hunter22", inner={"hunter22": key}, task=key)
    journal.line("hunter22", f"is hun\u200bter22 and {key}")
    whole = (tmp_path / EVENTS).read_text() + stream.getvalue()
    assert "hunter22" not in whole
    assert "a1B2" not in whole
    assert stream.getvalue() == f"[{mark}] is {mark} and {redactor.mark(key)}\n"


def test_events_that_cannot_be_written_are_said_once(tmp_path: Path, stream: io.StringIO) -> None:
    (tmp_path / EVENTS).mkdir()
    journal = EventJournal(tmp_path, stream=stream, now=lambda: NOW)
    journal.event("a.b")
    journal.event("a.c")
    shown = " ".join(stream.getvalue().split())
    assert shown.startswith("[journal] events cannot be written to ")
    assert shown.count("cannot be written") == 1
    assert "Is a directory" in shown


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_only_a_regular_file_takes_events(tmp_path: Path, stream: io.StringIO, kind: str) -> None:
    if kind == "link":
        (tmp_path / EVENTS).symlink_to(tmp_path / "elsewhere")
    else:
        os.mkfifo(tmp_path / EVENTS)
    EventJournal(tmp_path, stream=stream, now=lambda: NOW).event("a.b")
    assert "events cannot be written" in stream.getvalue()
    assert not (tmp_path / "elsewhere").exists()


class FullDisk(io.StringIO):
    """A stream whose reader is gone."""

    def write(self, text: str, /) -> int:
        raise BrokenPipeError(32, "Broken pipe")


def test_a_lost_terminal_ends_nothing(tmp_path: Path) -> None:
    journal = EventJournal(tmp_path, stream=FullDisk(), now=lambda: NOW)
    journal.line("run", "text")
    journal.event("a.b")
    assert len(events(tmp_path)) == 1


def test_events_from_several_threads_are_whole_and_in_order(
    tmp_path: Path, open_journal: Open
) -> None:
    journal = open_journal()

    def write() -> None:
        for _ in range(20):
            journal.event("a.b", text="x" * 500)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [each["seq"] for each in events(tmp_path)] == list(range(1, 81))


def test_a_long_line_is_wrapped_under_its_text(stream: io.StringIO, open_journal: Open) -> None:
    open_journal().line("critic 1a-x round-1", "word " * 30 + "\n\nsecond\x1b[31m paragraph")
    assert stream.getvalue() == (
        "[critic 1a-x round-1] " + " ".join(["word"] * 15) + "\n"
        "                      " + " ".join(["word"] * 15) + "\n"
        "                      second paragraph\n"
    )


def test_the_compact_form_is_one_short_paragraph(stream: io.StringIO, open_journal: Open) -> None:
    open_journal(compact=True).line("run", "one\n  two\n" + "x" * 1000)
    first, *rest = stream.getvalue().splitlines()
    assert first == "[run] one two " + "x" * 86
    assert "".join(line.strip() for line in rest) == "x" * (299 - 8 - 86) + "…"


@given(st.text(max_size=80), st.text(max_size=400), st.integers(40, 120), st.booleans())
def test_no_line_is_wider_than_the_terminal(
    label: str, text: str, columns: int, compact: bool
) -> None:
    lines = wrapped(label, text, columns, compact).split("\n")
    assert max(map(len, lines)) <= columns
    assert lines[0].startswith("[")
    shortest_head = "[] "
    assert all(line.startswith(" " * len(shortest_head)) for line in lines[1:])
