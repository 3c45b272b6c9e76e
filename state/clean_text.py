"""Text of agents and commands, made harmless for terminals, logs and reports."""

import re
from typing import Final

_MAX_SEQUENCE: Final = 512  # characters of one escape sequence; what is longer loses only its start

# A whole escape sequence goes, so that its parameters do not stay behind as text.
_ESCAPE_SEQUENCE: Final = re.compile(
    "\x1b(?:"
    r"\[[0-?]{0,64}[ -/]{0,8}[@-~]"  # CSI: colours, cursor
    f"|[\\]PX^_][^\x07\x1b]{{0,{_MAX_SEQUENCE}}}(?:\x07|\x1b\\\\)"  # OSC, DCS: titles, links
    r"|[ -/]{1,8}[0-~]"
    "|[0-Z\\\\`-~]"
    ")?"
)
_LINE_BREAK: Final = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_INVISIBLE: Final = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f"  # controls, but for the line break
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0"  # drawn as nothing
    "\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f"  # zero width, text direction
    "\ufeff\ufff0-\ufffb\U000e0000-\U000e0fff]"  # marks, annotations, tags
)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def clean(text: str) -> str:
    """The text without anything that is not seen: controls, escape sequences, direction marks.

    Line breaks stay (all kinds as a line feed), tabs become four spaces; cleaning twice changes
    nothing.
    """
    if text.isascii() and text.isprintable():
        return str(text)  # as most texts are; and a word of an enumeration becomes text
    text = _ESCAPE_SEQUENCE.sub("", text)
    text = _LINE_BREAK.sub("\n", text).replace("\t", "    ")
    return _SURROGATE.sub("\ufffd", _INVISIBLE.sub("", text))
