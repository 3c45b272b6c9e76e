"""Lines put together from pieces, and bounded."""

import pytest

from dispatch.agents.delegated.listening import MAX_LINE_BYTES, Lines
from dispatch.agents.executors.delegation import Event, Said


def lines() -> tuple[Lines, list[str]]:
    """Lines whose parser takes each for an event."""
    said: list[str] = []

    def take(events: tuple[Event, ...]) -> None:
        said.extend(each.text for each in events if isinstance(each, Said))

    return Lines(lambda line: (Said(text=line),), take), said


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_pieces_of_any_size_make_the_same_lines(size: int) -> None:
    made, said = lines()
    text = "one\n\ntwø\nthree\nrest".encode()
    for start in range(0, len(text), size):
        made.heard(text[start : start + size])
    assert said == ["one", "twø", "three"]
    assert made.rest() == (Said(text="rest"),)
    assert made.rest() == ()


def test_a_line_that_is_too_long_is_left_out_and_not_kept() -> None:
    made, said = lines()
    for _ in range(MAX_LINE_BYTES // 65_536 + 2):
        made.heard(b"x" * 65_536)
    made.heard(b"end\nnext\n")
    assert (said, made.flooded) == (["next"], False)


def test_a_flood_is_noticed_and_heard_no_more() -> None:
    said: list[Event] = []
    made = Lines(lambda line: (Said(text=line),), said.extend, limit=10)
    made.heard(b"12345678\n")
    made.heard(b"9\n0\n")
    assert (said, made.flooded) == ([Said(text="12345678")], True)
