"""Foreign text in our Markdown stays text, whatever it holds."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.fsm.markdown import MAX_BLOCK, MAX_INLINE, block, bullets, code, inline, section
from dispatch.state.clean_text import clean

TEXTS = st.text(st.sampled_from("`~ab \n\\|*_[]<>#&!$\x1b\u202e"), max_size=40)


@given(TEXTS)
def test_inline_text_is_one_line_and_every_mark_in_it_is_escaped(text: str) -> None:
    shown = inline(text)
    assert "\n" not in shown
    assert re.sub(r"\\(.)", r"\1", shown) == " ".join(clean(text).split())
    assert not re.search(r"[`*\[\]<>#&~!$|]", re.sub(r"\\.", "", shown))


@given(TEXTS)
def test_a_code_span_ends_where_it_should(text: str) -> None:
    shown = code(text)
    line = " ".join(clean(text).split())
    if not line:
        assert shown == "(empty)"
        return
    fence = re.match(r"`+", shown)
    assert fence is not None
    inside = shown[len(fence[0]) : -len(fence[0])]
    assert inside.strip(" ") == line
    assert fence[0] not in re.findall(r"`+", inside)


@given(TEXTS)
def test_a_block_ends_where_it_should(text: str) -> None:
    first, *lines, last = block(text).split("\n")
    assert first == last
    assert set(first) == {"`"}
    assert not any(line.startswith(first) for line in lines)
    assert "\n".join(lines) == clean(text).rstrip()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("count_words", "count_words"),
        ("_x_ __init__", r"\_x\_ \_\_init\_\_"),
        ("x" * (MAX_INLINE + 5), "x" * (MAX_INLINE - 1) + "…"),
    ],
)
def test_what_people_write_stays_readable(text: str, shown: str) -> None:
    assert inline(text) == shown


def test_a_long_block_is_cut_with_a_mark() -> None:
    lines = block("x" * (MAX_BLOCK + 7), "text").split("\n")
    assert lines == ["```text", "x" * MAX_BLOCK, "[cut: 7 more characters]", "```"]


def test_an_empty_list_is_a_sentence_and_an_empty_part_is_left_out() -> None:
    assert section("T", bullets([], "(none)"), "", "end") == "## T\n\n(none)\n\nend"
