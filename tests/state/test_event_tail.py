"""Following the events of a run while it writes them."""

import json
import os
from pathlib import Path

from dispatch.state.event_tail import EventTail
from dispatch.state.journal import EVENTS


def line(number: int) -> bytes:
    return json.dumps({"v": 1, "seq": number, "type": "task.started"}).encode() + b"\n"


def append(folder: Path, data: bytes) -> None:
    with (folder / EVENTS).open("ab") as file:
        file.write(data)


def numbers(tail: EventTail) -> list[object]:
    return [event["seq"] for event in tail.new()]


def test_each_event_comes_once_and_whole(tmp_path: Path) -> None:
    with EventTail(tmp_path) as tail:
        assert numbers(tail) == []
        append(tmp_path, line(1) + line(2)[:7])
        assert numbers(tail) == [1]
        append(tmp_path, line(2)[7:] + line(3))
        assert numbers(tail) == [2, 3]
        assert numbers(tail) == []


def test_a_torn_line_that_the_next_process_cuts_off_is_no_event(tmp_path: Path) -> None:
    append(tmp_path, line(1) + line(2)[:9])
    with EventTail(tmp_path) as tail:
        assert numbers(tail) == [1]
        os.truncate(tmp_path / EVENTS, len(line(1)))
        assert numbers(tail) == []
        append(tmp_path, line(2))
        assert numbers(tail) == [2]


def test_of_a_long_file_only_the_end_is_read(tmp_path: Path) -> None:
    for number in range(100):
        append(tmp_path, line(number))
    with EventTail(tmp_path, first_bytes=2 * len(line(98)) + 5) as tail:
        assert numbers(tail) == [98, 99]


def test_what_is_no_event_is_left_out(tmp_path: Path) -> None:
    append(
        tmp_path, b'nonsense\n[1]\n{"seq": 1}\n{"type": 2}\n\xff\n' + b"[" * 9000 + b"\n" + line(7)
    )
    with EventTail(tmp_path) as tail:
        assert numbers(tail) == [7]


def test_a_link_or_a_pipe_in_its_place_is_not_read(tmp_path: Path) -> None:
    (tmp_path / EVENTS).symlink_to("/etc/passwd")
    with EventTail(tmp_path) as tail:
        assert tail.new() == ()
    (tmp_path / EVENTS).unlink()
    os.mkfifo(tmp_path / EVENTS)
    with EventTail(tmp_path) as tail:
        assert tail.new() == ()
