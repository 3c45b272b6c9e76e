"""A strict reader for exactly what ``yaml_text.dumps`` writes: 70 times as fast as a general one.

Anything else raises NotCanonical, so that whoever calls it can ask the general reader.
"""

from typing import Final

from . import yaml_scalars as scalars
from .yaml_scalars import NotCanonical

MAX_DEPTH: Final = 64

_LITERALS: Final = ("|", "|-", "|+")


def read(text: str) -> dict[str, object]:
    """The mapping a canonical text holds."""
    if text == "{}\n":
        return {}
    lines = text.split("\n")
    if lines.pop() or scalars.raw_forbidden(text):
        raise NotCanonical("no final line break, or a raw control character")
    reader = _Reader(lines)
    value = reader.mapping(0)
    if reader.at != len(lines):
        raise NotCanonical(lines[reader.at])
    return value


class _Reader:
    """The lines of a text and how far they are read."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.at = 0
        self._keys: dict[str, str] = {}  # as written -> as meant; the same few come again and again

    def mapping(self, indent: int, first: str | None = None) -> dict[str, object]:
        """The mapping whose keys start at ``indent``; ``first`` is its first line behind a dash."""
        if indent >= 2 * MAX_DEPTH:
            raise NotCanonical("too deep")
        lines, pad = self.lines, " " * indent
        found: dict[str, object] = {}
        while self.at < len(lines):
            if first is not None:
                body, first = first, None
            else:
                line = lines[self.at]
                if not line.startswith(pad) or line[indent : indent + 1] in ("", " ", "-"):
                    break
                body = line[indent:]
            key, rest = self._split(body)
            if key in found:
                raise NotCanonical(f"{key} twice")
            self.at += 1
            found[key] = self._value(rest, indent + 2)
        if not found:
            raise NotCanonical("a key without a value")
        return found

    def _sequence(self, indent: int) -> list[object]:
        lines, pad = self.lines, " " * indent + "-"
        found: list[object] = []
        while self.at < len(lines):
            line = lines[self.at]
            if not line.startswith(pad):
                break
            body = line[indent + 2 :]
            if line[indent + 1 : indent + 2] not in ("", " ") or (not body and line != pad):
                raise NotCanonical(line)
            if self._opens_mapping(body):
                found.append(self.mapping(indent + 2, body))
            else:
                self.at += 1
                found.append(self._value(body, indent + 2))
        return found

    def _value(self, rest: str, indent: int) -> object:
        """What follows a key or a dash: ``rest`` on its line, or a block at ``indent``."""
        if rest in _LITERALS:
            return self._literal(rest, indent)
        if rest:
            return scalars.read(rest)
        if indent >= 2 * MAX_DEPTH or self.at == len(self.lines):
            raise NotCanonical("too deep, or a key without a value")
        if self.lines[self.at].startswith(" " * indent + "-"):
            return self._sequence(indent)
        return self.mapping(indent)

    def _literal(self, mark: str, indent: int) -> str:
        """The lines of a literal text."""
        lines, pad, start = self.lines, " " * indent, self.at
        while self.at < len(lines) and (not lines[self.at] or lines[self.at].startswith(pad)):
            self.at += 1
        kept = [line[indent:] for line in lines[start : self.at]]
        # A reader finds the indentation by the first line, and drops or keeps blank ones at the end
        # by the mark: both are plain only in what we write.
        if not kept or not kept[0] or kept[0][0] in " \t" or (mark != "|+" and not kept[-1]):
            raise NotCanonical("a literal text that is not ours")
        return "\n".join(kept) + ("" if mark == "|-" else "\n")

    def _split(self, body: str) -> tuple[str, str]:
        """A line as its key and what follows the colon."""
        if body[:1] == '"':
            end = _end_of_quoted(body) + 1
            raw, colon, rest = body[:end], body[end : end + 1], body[end + 1 :]
        else:
            raw, colon, rest = body.partition(":")
        if colon != ":" or (rest and (rest[0] != " " or rest == " ")):
            raise NotCanonical(body)
        key = self._keys.get(raw)
        if key is None:
            if raw[:1] == '"':
                key = scalars.read_quoted(raw)
            elif scalars.is_plain(raw):
                key = raw
            else:
                raise NotCanonical(body)
            if len(key) > scalars.MAX_KEY_CHARS:
                raise NotCanonical("a key that is too long")
            self._keys[raw] = key
        return key, rest[1:]

    def _opens_mapping(self, body: str) -> bool:
        """Whether the text behind a dash is the first key of a mapping."""
        if body[:1] == '"':
            return _end_of_quoted(body) != len(body) - 1
        return ":" in body


def _end_of_quoted(body: str) -> int:
    """The place of the quote that closes the one a text starts with."""
    at = 1
    while True:
        at = body.find('"', at)
        if at == -1:
            raise NotCanonical(body)
        before = at - 1
        while body[before] == "\\":
            before -= 1
        if (at - before) % 2:
            return at
        at += 1
