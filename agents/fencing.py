"""Foreign text as delimited data: it can neither end its fence nor pose as us."""

import re
import unicodedata
from typing import Final

SHORTEST_FENCE: Final = 3
INLINE_CHARACTERS: Final = 400

_FENCE_RUN = re.compile("`+")
_SPACE = re.compile(r"\s+")
_HIDDEN: Final = {"Cc", "Cf", "Cs"}  # controls, bidi and zero-width marks, lone surrogates


def fenced(text: str, info: str = "text") -> str:
    """The text between backtick fences longer than any run of backticks inside it."""
    body = visible(text).rstrip("\n")
    longest = max((len(run) for run in _FENCE_RUN.findall(body)), default=0)
    fence = "`" * max(SHORTEST_FENCE, longest + 1)
    return f"{fence}{info}\n{body}\n{fence}"


def inline(text: str) -> str:
    """The text on one line as an inline code span that it cannot leave; cut at 400 characters."""
    line = _SPACE.sub(" ", visible(text)).strip()
    if len(line) > INLINE_CHARACTERS:
        line = line[: INLINE_CHARACTERS - 1] + "…"
    longest = max((len(run) for run in _FENCE_RUN.findall(line)), default=0)
    mark = "`" * (longest + 1)
    pad = " " if longest else ""
    return f"{mark}{pad}{line or ' '}{pad}{mark}"


def bounded(text: str, limit: int, remedy: str) -> str:
    """The text cut at a line's end to ``limit`` characters, the cut marked with a remedy."""
    if len(text) <= limit:
        return text
    end = text.rfind("\n", 0, limit) + 1 or limit
    left = text[end:]
    lines = left.count("\n") + 1
    return f"{text[:end]}[cut here: {lines} more lines, {len(left)} characters. {remedy}]"


def visible(text: str) -> str:
    """The text with every character that could hide something shown as its code point."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_shown, text.replace("\r\n", "\n")))


def _shown(character: str) -> str:
    if character in "\n\t" or unicodedata.category(character) not in _HIDDEN:
        return character
    return f"<U+{ord(character):04X}>"
