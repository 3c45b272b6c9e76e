"""Nothing that is not seen gets through."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.state.clean_text import clean
from dispatch.state.enums import Verb

ANY_TEXT = st.text(st.characters(exclude_categories=()))
SEQUENCES = st.lists(
    st.sampled_from(
        ("\x1b", "[", "31m", "]0;title", "\x07", "\\", "\x9b", "\u202e", "\u200b", "a", "\r", "\n")
    )
).map("".join)


@given(st.one_of(ANY_TEXT, SEQUENCES))
def test_no_control_is_left_and_cleaning_twice_changes_nothing(text: str) -> None:
    cleaned = clean(text)
    assert clean(cleaned) == cleaned
    cleaned.encode("utf-8")
    bidi = {"RLE", "LRE", "PDF", "RLO", "LRO", "RLI", "LRI", "FSI", "PDI"}
    for each in cleaned:
        assert each == "\n" or unicodedata.category(each) not in ("Cc", "Cs")
        assert unicodedata.bidirectional(each) not in bidi
        assert each not in "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u061c\u2028\u2029"


@given(st.text(st.characters(codec="ascii", categories=("L", "N", "P", "S", "Zs"))))
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;a title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPsixel\x1b\\x", "x"),
        ("\x1b]never closed, so it is shown", "]never closed, so it is shown"),
        ("\x1b(Bx\x1b7y\x1b", "xy"),
        ("\x9b31mred", "31mred"),
        ("one\r\ntwo\rthree\x85four\u2028five", "one\ntwo\nthree\nfour\nfive"),
        ("a\tb", "a    b"),
        ("ab\x08\x08xy", "abxy"),
        ("if (a\u2066 // \u2069b)", "if (a // b)"),
        ("pass\u200bword", "password"),
        ("flag\U000e0061\U000e007f", "flag"),
        ("a\ud800b", "a\ufffdb"),
        ("héllo, ünïcode 😀 ✔", "héllo, ünïcode 😀 ✔"),
    ],
)
def test_each_trick_is_answered(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


def test_a_word_of_an_enumeration_becomes_text() -> None:
    """The document's text is written for ``str`` alone."""
    assert type(clean(Verb.RETRY)) is str
