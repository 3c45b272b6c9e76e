"""Reading events while they are written."""

import io
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.state.event_log import EVENTS, EventLog, read_event
from dispatch.state.journal import EventJournal


def line(seq: int, **fields: object) -> bytes:
    return json.dumps({"v": 1, "seq": seq, "ts": "", "type": "a.b", **fields}).encode() + b"\n"


def test_each_event_is_given_once_and_only_when_its_line_is_whole(tmp_path: Path) -> None:
    path = tmp_path / EVENTS
    path.write_bytes(line(1) + line(2)[:-4])
    with EventLog(tmp_path) as log:
        assert [event["seq"] for _, event in log.new()] == [1]
        assert list(log.new()) == []
        with path.open("ab") as file:
            file.write(line(2)[-4:] + b"\n{}\nno event\n" + line(3))
        given = list(log.new())
        assert [raw + b"\n" for raw, _ in given] == [line(2), line(3)]
        assert not log.is_gone
        path.unlink()
        assert log.is_gone


def test_a_torn_end_that_is_cut_off_hides_nothing_that_follows(tmp_path: Path) -> None:
    path = tmp_path / EVENTS
    path.write_bytes(line(1) + line(2) + b"torn\n" * 100)
    with EventLog(tmp_path) as log:
        assert [event["seq"] for _, event in log.new()] == [1, 2]
        journal = EventJournal(tmp_path, stream=io.StringIO(), now=lambda: "")
        journal.event("a.c")
        journal.close()
        assert [event["seq"] for _, event in log.new()] == [3]


def test_of_a_long_log_only_the_end_is_given_if_wanted(tmp_path: Path) -> None:
    path = tmp_path / EVENTS
    path.write_bytes(b"".join(line(seq) for seq in range(1, 100)))
    with EventLog(tmp_path, last_bytes=2 * len(line(98)) + 5) as log:
        assert [event["seq"] for _, event in log.new()] == [98, 99]
    with EventLog(tmp_path, last_bytes=1024**2) as log:
        assert len(list(log.new())) == 99


def test_a_run_without_events_has_no_log(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        EventLog(tmp_path)
    os.mkfifo(tmp_path / EVENTS)
    with EventLog(tmp_path) as log, pytest.raises(OSError, match="seek"):
        list(log.new())


@given(st.binary(max_size=60))
def test_no_bytes_are_taken_for_an_event_by_mistake(raw: bytes) -> None:
    event = read_event(raw)
    assert event is None or isinstance(event["seq"], int)
