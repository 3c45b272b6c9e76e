"""How single values are written in our canonical YAML, and read back."""

import math
import re
from collections.abc import Callable
from json import JSONEncoder
from typing import Final

MAX_KEY_CHARS: Final = 512  # YAML readers stop looking for the colon after 1024
MAX_INT: Final = 2**63 - 1

# Text that is itself in any reader's eyes: no number, no date, no indicator, no colon.
_PLAIN: Final = re.compile(r"[A-Za-z_/][A-Za-z0-9_/.()@+,;'!?= -]*(?<! )\Z")
# Words that one or another version of YAML takes for something else than text.
_WORD: Final = re.compile(r"(?i:null|true|false|yes|no|on|off|y|n)\Z")
# What no YAML text may hold raw, and what some readers take for a line break.  (Named one by one:
# the complement of what may stand there takes ten times as long to compile.)
_NOT_RAW: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]"
)
_ESCAPE: Final = re.compile(r'\\(?:u([0-9a-f]{4})|(["\\bfnrt]))')
_QUOTED: Final = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:u[0-9a-f]{4}|["\\bfnrt]))*"\Z')
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,18})(\.[0-9]+(?:e[-+]?[0-9]+)?)?\Z")
_SHORT: Final = {'"': '"', "\\": "\\", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_FIXED: Final[dict[str, Callable[[], object]]] = {
    "null": lambda: None,
    "true": lambda: True,
    "false": lambda: False,
    "{}": dict,
    "[]": list,
}

_encode: Final = JSONEncoder(ensure_ascii=False).encode


class NotCanonical(ValueError):
    """The text is not what the emitter writes; it may still be good YAML."""


class YamlError(ValueError):
    """A text is not YAML we take; ``line`` counts from 1."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(f"line {line}: {what}")
        self.line = line
        self.what = what


def write(value: object) -> str:
    """One scalar on one line; raises ValueError for what has no place in a document."""
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if type(value) is str:
        return value if is_plain(value) else _quote(value)
    if type(value) is int and abs(value) <= MAX_INT:
        return str(value)
    if type(value) is float and math.isfinite(value):
        text = repr(value)
        return text if "e" not in text or "." in text else text.replace("e", ".0e")
    raise ValueError(f"{value!r} of {type(value).__name__} cannot be written as YAML")


def write_key(key: object) -> str:
    """A key of a mapping, with its colon."""
    if type(key) is not str or len(key) > MAX_KEY_CHARS:
        raise ValueError(f"{str(key)[:60]!r} is no key: text of at most {MAX_KEY_CHARS} characters")
    return write(key) + ":"


def read(text: str) -> object:
    """The inverse of ``write`` (and ``{}``, ``[]``); raises NotCanonical for anything else."""
    first = text[:1]
    if first == '"':
        return read_quoted(text)
    if first.isdigit() or first == "-":
        match = _NUMBER.match(text)
        if not match:
            raise NotCanonical(text)
        return float(text) if match[1] else int(text)
    if text in _FIXED:
        return _FIXED[text]()
    if is_plain(text):
        return text
    raise NotCanonical(text)


def read_quoted(text: str) -> str:
    """A quoted text without its quotes."""
    if not _QUOTED.match(text):
        raise NotCanonical(text)
    body = text[1:-1]
    return _ESCAPE.sub(_unescape, body) if "\\" in body else body


def is_plain(text: str) -> bool:
    """Whether a text needs no quotes."""
    return bool(_PLAIN.match(text)) and not _WORD.match(text)


def raw_forbidden(text: str) -> re.Match[str] | None:
    """The first character that must not stand in a document as itself."""
    return _NOT_RAW.search(text)


def _quote(text: str) -> str:
    # Astral characters stay raw: as a pair of escapes YAML would read two characters, JSON one.
    return _NOT_RAW.sub(lambda match: f"\\u{ord(match[0]):04x}", _encode(text))


def _unescape(match: re.Match[str]) -> str:
    return chr(int(match[1], 16)) if match[1] else _SHORT[match[2]]
