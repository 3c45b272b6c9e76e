"""Foreign text stays inside its fence."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.agents.fencing import bounded, fenced, inline

TEXTS = st.text(st.sampled_from("`~ab \n\r\t\u202e\x1b\ud800#-"), max_size=60)


@given(TEXTS)
@settings(max_examples=100)
def test_no_text_can_close_its_fence(text: str) -> None:
    """[W-69]"""
    first, *inside, last = fenced(text).split("\n")
    mark = last
    assert first == f"{mark}text"
    assert set(mark) == {"`"}
    assert not any(mark in line for line in inside)


@given(TEXTS)
@settings(max_examples=100)
def test_no_text_can_leave_its_code_span(text: str) -> None:
    shown = inline(text)
    assert "\n" not in shown
    opening = re.match("`+", shown)
    assert opening is not None
    mark = opening[0]
    assert shown.endswith(mark)
    assert mark not in re.findall("`+", shown[len(mark) : -len(mark)])


def test_hidden_characters_are_shown_and_ordinary_ones_are_left_alone() -> None:
    assert fenced("a\u202eb\x1b[0mü\r\nc\t") == ("```text\na<U+202E>b<U+001B>[0mü\nc\t\n```")


def test_what_is_too_long_is_cut_at_a_line_and_says_so() -> None:
    assert bounded("one\ntwo\nthree\n", 9, "Read on.") == (
        "one\ntwo\n[cut here: 2 more lines, 6 characters. Read on.]"
    )
    assert bounded("short", 5, "Read on.") == "short"
