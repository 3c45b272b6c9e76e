"""Reading YAML that a person wrote: YAML 1.2 with everything that hides or surprises refused.

ruamel.yaml parses; values are made here, so that depth, duplicates and types stay in our hands:
a key is always text, and a scalar is null, true, false, a number or text, never a date.
"""

import re
from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any, Final

from attrs import frozen
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError

from .yaml_canonical import MAX_DEPTH
from .yaml_scalars import MAX_KEY_CHARS, YamlError

KeyPath = tuple[str | int, ...]

_NULL: Final = re.compile(r"(?:|~|null|Null|NULL)\Z")
_BOOL: Final = re.compile(r"(?:(true|True|TRUE)|false|False|FALSE)\Z")
_INT: Final = re.compile(r"[-+]?[0-9]{1,4000}\Z")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_NOT_FINITE: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)\Z|\.(?:nan|NaN|NAN)\Z")


@frozen
class Located:
    """A value and the line each of its parts stands on."""

    value: object
    lines: Mapping[KeyPath, int]


def read(text: str) -> Located:
    """One YAML document; an empty one is null.  Raises YamlError."""
    try:
        return _Builder(YAML(typ="safe", pure=True).parse(text)).document()
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise YamlError(line, str(error.problem or error.context)) from error
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise YamlError(
            line, f"character U+{ord(text[error.position]):04X} is not allowed"
        ) from error
    except YAMLError as error:
        raise YamlError(1, str(error)) from error


class _Builder:
    """Makes values from a stream of events, without recursion deeper than MAX_DEPTH."""

    def __init__(self, events: Iterator[Any]) -> None:
        self._events = events
        self._lines: dict[KeyPath, int] = {}

    def document(self) -> Located:
        value: object = None
        documents = 0
        for event in self._events:
            match type(event).__name__:
                case "StreamStartEvent" | "StreamEndEvent" | "DocumentEndEvent":
                    continue
                case "DocumentStartEvent":
                    documents += 1
                    if event.version or event.tags:
                        raise YamlError(_line(event), "directives (%YAML, %TAG) are not allowed")
                    if documents > 1:
                        raise YamlError(_line(event), "a second document is not allowed")
                case _:
                    value = self._node(event, ())
        return Located(value, self._lines)

    def _node(self, event: Any, path: KeyPath) -> object:
        """The value that starts with ``event``."""
        kind, line = type(event).__name__, _line(event)
        self._lines.setdefault(path, line)
        if kind == "AliasEvent":
            raise YamlError(line, f"aliases (*{event.anchor}) are not allowed")
        if event.anchor:
            raise YamlError(line, f"anchors (&{event.anchor}) are not allowed")
        if event.tag:
            raise YamlError(line, f"tags ({event.tag}) are not allowed")
        if kind == "ScalarEvent":
            return _scalar(event.value, line) if event.implicit[0] else str(event.value)
        if len(path) >= MAX_DEPTH:
            raise YamlError(line, f"nested deeper than {MAX_DEPTH} levels")
        return self._mapping(path) if kind == "MappingStartEvent" else self._sequence(path)

    def _mapping(self, path: KeyPath) -> dict[str, object]:
        found: dict[str, object] = {}
        for event in self._events:
            if type(event).__name__ == "MappingEndEvent":
                break
            key = self._key(event)
            if key in found:
                first = self._lines[(*path, key)]
                raise YamlError(_line(event), f"key {key!r} is there twice, first in line {first}")
            self._lines[(*path, key)] = _line(event)
            found[key] = self._node(next(self._events), (*path, key))
        return found

    def _sequence(self, path: KeyPath) -> list[object]:
        found: list[object] = []
        for event in self._events:
            if type(event).__name__ == "SequenceEndEvent":
                break
            found.append(self._node(event, (*path, len(found))))
        return found

    def _key(self, event: Any) -> str:
        line = _line(event)
        if type(event).__name__ != "ScalarEvent" or event.anchor or event.tag:
            raise YamlError(line, "a key must be plain text, without anchor or tag")
        if event.value == "<<" and event.implicit[0]:
            raise YamlError(line, "merge keys (<<) are not allowed")
        if len(event.value) > MAX_KEY_CHARS:
            raise YamlError(line, f"a key is longer than {MAX_KEY_CHARS} characters")
        return str(event.value)


def _scalar(text: str, line: int) -> object:
    """What a scalar without quotes means, by the core schema of YAML 1.2."""
    if _NULL.match(text):
        return None
    if match := _BOOL.match(text):
        return bool(match[1])
    if _INT.match(text):
        return int(text)
    number = float(text) if _FLOAT.match(text) else None
    if _NOT_FINITE.match(text) or (number is not None and not isfinite(number)):
        raise YamlError(line, f"{text[:40]} is not a number that can be kept; quote it")
    return text if number is None else number


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1
