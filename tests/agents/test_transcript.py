"""Transcripts: kept before anything else happens, readable after a crash."""

import stat
from pathlib import Path

import pytest

from dispatch.agents.model import AssistantMessage, Message, ToolCall, ToolReply, UserMessage
from dispatch.agents.transcript import TRANSCRIPT, Transcript, read
from dispatch.state.work import Usage

ITEMS: tuple[Message, ...] = (
    UserMessage(text="seed\nwith lines\u2028and more"),
    AssistantMessage(
        text="t",
        thinking="h",
        thinking_blocks=({"type": "thinking", "signature": "s", "n": [1, None]},),
        tool_calls=(ToolCall(id="1", name="grep", arguments='{"broken'),),
        finish_reason="tool_calls",
        usage=Usage(turns=1, input_tokens=3, cost_usd=None),
    ),
    ToolReply(call_id="1", name="grep", content="no", is_error=True),
)


def _written(folder: Path) -> Path:
    with Transcript.new(folder) as transcript:
        for item in ITEMS:
            transcript.append(item)
    return folder / TRANSCRIPT


def test_what_was_appended_is_read_back_whole_and_in_order(tmp_path: Path) -> None:
    assert read(_written(tmp_path / "a")) == ITEMS


def test_only_the_owner_may_look(tmp_path: Path) -> None:
    path = _written(tmp_path / "a")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("cut", [1, 2, 40])
def test_a_last_line_that_was_torn_off_is_left_out(tmp_path: Path, cut: int) -> None:
    path = _written(tmp_path / "a")
    path.write_bytes(path.read_bytes()[:-cut])
    assert read(path) == ITEMS[:-1]


def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path) -> None:
    path = _written(tmp_path / "a")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join((lines[0], b"{}\n", lines[2])))
    with pytest.raises(ValueError, match=f"{TRANSCRIPT}:2: not an item"):
        read(path)


def test_a_missing_line_is_noticed(tmp_path: Path) -> None:
    path = _written(tmp_path / "a")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join((lines[0], lines[2])))
    with pytest.raises(ValueError, match="item 3 stands where item 2 should"):
        read(path)


def test_a_folder_takes_one_attempt_and_no_second(tmp_path: Path) -> None:
    """[IM-05]"""
    _written(tmp_path / "a")
    with pytest.raises(FileExistsError):
        Transcript.new(tmp_path / "a")
