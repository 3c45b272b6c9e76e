"""Markdown that keeps foreign text text: nothing in it can become a link, a heading or markup."""

import re
from collections.abc import Iterable
from typing import Final

from ..state.clean_text import clean

MAX_INLINE: Final = 2_000  # characters of one foreign sentence in running text
MAX_BLOCK: Final = 100_000  # characters of one fenced block

# An underscore inside a word is no markup.
_MARKUP: Final = re.compile(r"([\\`*\[\]<>#&~!$|]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))")
_BACKTICKS: Final = re.compile(r"`+")


def inline(text: str) -> str:
    """Foreign text inside a line: one line, at most MAX_INLINE characters, markup escaped."""
    return _MARKUP.sub(r"\\\1", _one_line(text))


def code(text: str) -> str:
    """Foreign text as a code span that it cannot leave."""
    line = _one_line(text)
    if not line:
        return "(empty)"
    fence = "`" * (_longest_backticks(line) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def block(text: str, language: str = "") -> str:
    """Foreign text as a fenced block that it cannot leave, cut with a mark at MAX_BLOCK."""
    body = clean(text)
    if len(body) > MAX_BLOCK:
        body = f"{body[:MAX_BLOCK]}\n[cut: {len(body) - MAX_BLOCK} more characters]"
    fence = "`" * max(3, _longest_backticks(body) + 1)
    return f"{fence}{language}\n{body.rstrip()}\n{fence}"


def bullets(lines: Iterable[str], none: str) -> str:
    """A list of ready lines, or the sentence for an empty one."""
    return "\n".join(f"- {line}" for line in lines) or none


def nested(lines: Iterable[str]) -> str:
    """Ready lines as a list inside a bullet, starting on a new line."""
    return "".join(f"\n  - {line}" for line in lines)


def section(title: str, *parts: str) -> str:
    """A heading and its paragraphs; empty ones are left out."""
    return "\n\n".join((f"## {title}", *(part for part in parts if part)))


def _one_line(text: str) -> str:
    line = " ".join(clean(text).split())
    return line if len(line) <= MAX_INLINE else f"{line[: MAX_INLINE - 1]}…"


def _longest_backticks(text: str) -> int:
    return max((len(run) for run in _BACKTICKS.findall(text)), default=0)
