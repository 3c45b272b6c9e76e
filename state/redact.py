"""Secrets taken out of whatever is shown, kept or sent, each with a mark in its place.

A mark, ``[redacted:1a2b3c4d]``, is the same for the same secret, so that an agent can write it back
where the secret is to stay (``restored``).  It is keyed with the operator's own secrets: nobody who
sees marks can try passwords against them.
"""

import codecs
import hashlib
import hmac
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from .clean_text import clean
from .config import Config
from .key_shapes import LONGEST_KEY, key_spans, open_block

SHORTEST_SECRET: Final = 6  # shorter values are no secrets, and would garble every text
SHORTEST_LINE: Final = (
    16  # of a secret with several lines; shorter ones are no secret by themselves
)
MAX_HELD: Final = 64 * 1024  # characters of a line that a stream holds back until it is whole

_MARK: Final = re.compile(r"\[redacted:[0-9a-f]{8}\]")
_MARK_START: Final = "[redacted:"
# Names of variables that hold secrets: a word anywhere in them, or one of their parts.
_SECRET_WORDS: Final = ("KEY", "TOKEN", "SECRET", "PASSW", "PASSPHRASE", "CREDENTIAL")
_SECRET_PARTS: Final = frozenset(("AUTH", "COOKIE", "DSN", "PASS", "PAT", "PWD"))
_PLACES: Final = ("_DIR", "_FILE", "_PATH", "_SOCK")  # such a name says where something is

Span = tuple[int, int]


def secrets_of(environ: Mapping[str, str], also: Iterable[str] = ()) -> tuple[str, ...]:
    """The values of the variables that hold secrets by their names; ``also`` are names that do."""
    named = {name for name in environ if _names_a_secret(name)} | set(also)
    return tuple(sorted({environ[name] for name in named if environ.get(name)}))


def redactor_of(config: Config, environ: Mapping[str, str] = os.environ) -> "Redactor":
    """What takes the operator's secrets out of everything that a run writes, shows and sends."""
    also = () if config.provider is None else (config.provider.api_key_env,)
    return Redactor(secrets_of(environ, also))


def shown(text: str) -> str:
    """Foreign text as a person may see it: without what is not seen, and without secrets."""
    # Cleaned first: an invisible character inside a secret must not hide it.
    return Redactor(secrets_of(os.environ)).text(clean(text))


class Redactor:
    """Replaces the secrets it was given, and everything shaped like a well-known key."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = {part for secret in secrets for part in _parts(secret)}
        self._known = tuple(sorted(known))
        self._key = hashlib.sha256("\0".join(self._known).encode("utf-8", "surrogatepass")).digest()
        self._longest = max((LONGEST_KEY, *map(len, self._known)))

    def text(self, text: str) -> str:
        """A text with marks for its secrets; a second time changes nothing."""
        spans = self._spans(text)
        return self._marked(text, spans) if spans else text

    def value(self, value: object) -> object:
        """A plain value with the secrets taken out of every text in it, keys included."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(str(key)): self.value(part) for key, part in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(part) for part in value]
        return value

    def mapping(self, value: Mapping[str, object]) -> dict[str, object]:
        """The same for the arguments of a call."""
        return {self.text(key): self.value(part) for key, part in value.items()}

    def mark(self, secret: str) -> str:
        """What stands in the place of a secret."""
        data = secret.encode("utf-8", "surrogatepass")
        return f"{_MARK_START}{hmac.new(self._key, data, 'sha256').hexdigest()[:8]}]"

    def restored(self, text: str, original: str) -> str:
        """A text with the secrets of ``original`` where it has their marks; other marks stay."""
        if _MARK_START not in text:
            return text
        secrets = {self.mark(original[a:b]): original[a:b] for a, b in self._spans(original)}
        return _MARK.sub(lambda found: secrets.get(found[0], found[0]), text)

    def unknown_marks(self, text: str, original: str) -> tuple[str, ...]:
        """Marks in a text that stand for no secret of ``original``, and are not in it either."""
        found = dict.fromkeys(_MARK.findall(self.restored(text, original)))
        return tuple(mark for mark in found if mark not in original)

    def known_in(self, text: str) -> int:
        """How many times a secret that was given stands in a text."""
        return sum(map(text.count, self._known))

    def stream(self) -> "RedactedStream":
        """The same for text that comes in pieces."""
        return RedactedStream(self)

    def settled(self, text: str) -> int:
        """How much of the start of a text holds no secret that what follows could complete."""
        end = text.rfind("\n") + 1
        if len(text) - end > max(MAX_HELD, 2 * self._longest):
            end = len(text) - self._longest
            end = next((a for a, b in self._spans(text) if a < end < b), end)
        return min(end, open_block(text))

    def _spans(self, text: str) -> list[Span]:
        """Where secrets stand, in order, none touching another."""
        found = [*self._known_spans(text), *key_spans(text)]
        if not found:
            return found
        if _MARK_START in text:  # a secret may look like a part of a mark
            marks = [mark.span() for mark in _MARK.finditer(text)]
            found = [span for span in found if not any(_meet(span, mark) for mark in marks)]
        merged: list[Span] = []
        for start, end in sorted(found):
            if merged and start < merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        return merged

    def _known_spans(self, text: str) -> Iterator[Span]:
        for secret in self._known:
            start = text.find(secret)
            while start >= 0:
                yield start, start + len(secret)
                start = text.find(secret, start + len(secret))

    def _marked(self, text: str, spans: Iterable[Span]) -> str:
        parts: list[str] = []
        done = 0
        for start, end in spans:
            parts += (text[done:start], self.mark(text[start:end]))
            done = end
        return "".join((*parts, text[done:]))


class RedactedStream:
    """Takes secrets out of bytes that come in pieces, wherever a piece ends.

    What is given back lags behind by the last line until that is whole, or too long for a line.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._held = ""

    def take(self, data: bytes) -> bytes:
        """The next bytes that can be told."""
        self._held += self._decoder.decode(data)
        return self._told(self._redactor.settled(self._held))

    def rest(self) -> bytes:
        """What is left at the end."""
        self._held += self._decoder.decode(b"", final=True)
        return self._told(len(self._held))

    def _told(self, end: int) -> bytes:
        told, self._held = self._held[:end], self._held[end:]
        return self._redactor.text(told).encode("utf-8", "surrogateescape")


def _names_a_secret(name: str) -> bool:
    name = name.upper()
    return not name.endswith(_PLACES) and (
        any(word in name for word in _SECRET_WORDS)
        or ("_" in name and not _SECRET_PARTS.isdisjoint(name.split("_")))
    )


def _parts(secret: str) -> Iterator[str]:
    """What of a secret is looked for: itself, each of its lines, and both as JSON has them."""
    lines = [line.strip() for line in secret.splitlines()]
    wholes = [secret] if len(lines) < 2 else [each for each in lines if _is_long_line(each)]
    for whole in wholes:
        for form in (whole, json.dumps(whole)[1:-1], json.dumps(whole, ensure_ascii=False)[1:-1]):
            if len(form) >= SHORTEST_SECRET:
                yield form


def _is_long_line(line: str) -> bool:
    return len(line) >= SHORTEST_LINE and not line.startswith("-----")


def _meet(one: Span, other: Span) -> bool:
    return one[0] < other[1] and other[0] < one[1]
