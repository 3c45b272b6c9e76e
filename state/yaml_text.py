"""YAML in and out: one canonical block form, written and read fast, and a reader for the rest.

The canonical form is plain YAML 1.2: block mappings and lists, ``|`` for texts of several lines,
double quotes wherever a plain scalar could be taken for something else.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from . import yaml_canonical
from . import yaml_scalars as scalars
from .yaml_canonical import MAX_DEPTH
from .yaml_scalars import NotCanonical, YamlError

MAX_BYTES: Final = 64 * 1024 * 1024  # of one file

__all__ = [
    "MAX_BYTES",
    "YamlError",
    "decode",
    "dumps",
    "entry",
    "item",
    "line_of",
    "lines",
    "loads",
]

_NOT_BLANK: Final = re.compile(r"[^ \t\n]")


def dumps(value: Mapping[str, object]) -> str:
    """A mapping of plain values as canonical text; raises ValueError for what YAML cannot hold."""
    return "".join(entry(key, part) for key, part in value.items()) or "{}\n"


def entry(key: str, value: object, indent: int = 0) -> str:
    """One key of a mapping that starts at column ``indent``, with its value."""
    pieces: list[str] = []
    _entry(key, value, indent, " " * indent, pieces.append)
    return "".join(pieces)


def item(value: object, indent: int) -> str:
    """One item of a list whose dashes stand at column ``indent``."""
    pieces: list[str] = []
    _item(value, indent, pieces.append)
    return "".join(pieces)


def decode(data: bytes) -> str:
    """The text of a file; refuses what is too large, not UTF-8, or holds a NUL."""
    if len(data) > MAX_BYTES:
        raise YamlError(1, f"larger than {MAX_BYTES // 1024**2} MiB")
    if b"\0" in data:
        raise YamlError(data.count(b"\n", 0, data.index(b"\0")) + 1, "holds a NUL byte")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise YamlError(line, f"byte 0x{data[error.start]:02x} is not UTF-8") from error


def loads(text: str) -> object:
    """The plain value of a YAML text (empty: null); raises YamlError with a line.

    Refused: duplicate keys, anchors, aliases, tags, merge keys, directives, a second document,
    and more than ``yaml_canonical.MAX_DEPTH`` levels.  Keys are always text.
    """
    try:
        return yaml_canonical.read(text)
    except NotCanonical:
        from . import yaml_foreign  # heavy: only for what a person wrote

        return yaml_foreign.read(text).value


def lines(text: str) -> Mapping[tuple[str | int, ...], int]:
    """On which line each part of a YAML text stands; slow, for error messages."""
    from . import yaml_foreign  # heavy: only for what a person wrote

    return yaml_foreign.read(text).lines


def line_of(lines: Mapping[tuple[str | int, ...], int], path: tuple[str | int, ...]) -> int:
    """The line of a part, or of the nearest thing around it that is there."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


def _entry(key: str, value: object, indent: int, lead: str, write: Callable[[str], object]) -> None:
    """A key and its value; ``lead`` is what stands before the key on its line."""
    write(lead)
    write(scalars.write_key(key))
    _value(value, indent + 2, write)


def _item(value: object, indent: int, write: Callable[[str], object]) -> None:
    pad = " " * indent
    if isinstance(value, dict) and value:
        _check_depth(indent + 2)
        lead = pad + "- "
        for key, part in value.items():
            _entry(key, part, indent + 2, lead, write)
            lead = pad + "  "
    else:
        write(pad + "-")
        _value(value, indent + 2, write)


def _value(value: object, indent: int, write: Callable[[str], object]) -> None:
    """What stands behind a colon or a dash; its children start at column ``indent``."""
    if isinstance(value, dict | list | tuple):
        _check_depth(indent)
        if not value:
            write(" {}\n" if isinstance(value, dict) else " []\n")
        elif isinstance(value, dict):
            write("\n")
            for key, part in value.items():
                _entry(key, part, indent, " " * indent, write)
        else:
            write("\n")
            for part in value:
                _item(part, indent, write)
    elif type(value) is str and "\n" in value and _fits_literal(value):
        write(_literal(value, " " * indent))
    else:
        write(f" {scalars.write(value)}\n")


def _check_depth(indent: int) -> None:
    """Refuse what no reader of ours would take back; each level has two columns."""
    if indent >= 2 * MAX_DEPTH:
        raise ValueError(f"nested deeper than {MAX_DEPTH} levels")


def _fits_literal(text: str) -> bool:
    """Whether a text of several lines can stand as it is."""
    return bool(_NOT_BLANK.match(text)) and not scalars.raw_forbidden(text)


def _literal(text: str, pad: str) -> str:
    body = text.rstrip("\n")
    breaks = len(text) - len(body)
    mark = ("-", "", "+")[min(breaks, 2)]
    padded = "\n".join(pad + line if line else "" for line in body.split("\n"))
    return f" |{mark}\n{padded}\n" + "\n" * (breaks - 1)
