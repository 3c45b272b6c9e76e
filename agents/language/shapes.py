"""What servers say, as values: hostile JSON in, bounded and flat records out; nothing raises."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from attrs import frozen

from ...state.clean_text import clean

MAX_ITEMS: Final = 1000  # of one answer
MAX_TEXT: Final = 500  # characters of one message
MAX_HOVER: Final = 10_000
MAX_DEPTH: Final = 8  # of symbols in symbols

SEVERITIES: Final = {1: "error", 2: "warning", 3: "information", 4: "hint"}
_KINDS: Final = (  # of symbols, in the protocol's order, from 1
    *("file", "module", "namespace", "package", "class", "method", "property", "field"),
    *("constructor", "enum", "interface", "function", "variable", "constant", "string", "number"),
    *("boolean", "array", "object", "key", "null", "member", "struct", "event", "operator"),
    "type parameter",
)
_MAX_NUMBER: Final = 10**9


@frozen(order=True)
class Place:
    """A position, counted from 1; ``path`` is relative to the tree when it is in it."""

    path: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


@frozen(order=True)
class Diagnostic:
    """What is wrong at a place."""

    place: Place
    severity: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.severity}: {self.message}"


@frozen
class Symbol:
    """A name that a file declares; ``depth`` tells how many others it is in."""

    depth: int
    kind: str
    name: str
    line: int

    def __str__(self) -> str:
        return f"{'  ' * self.depth}{self.line}: {self.kind} {self.name}"


def path_of(uri: object, roots: Iterable[Path]) -> str:
    """The file of a URI: from the root of the tree, else absolute; empty when it is none."""
    if not isinstance(uri, str):
        return ""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return ""
    if parts.scheme != "file":
        return ""
    path = Path(unquote(parts.path))
    for root in roots:
        if path.is_relative_to(root):
            name = path.relative_to(root).as_posix()
            return name if name.isprintable() and clean(name) == name else one_line(name)
    return one_line(str(path))


def diagnostics_of(raw: object, path: str) -> tuple[Diagnostic, ...]:
    """The diagnostics of a publication, sorted, each once."""
    found = set[Diagnostic]()
    for each in _items(raw):
        start = _start(_get(each, "range"), path)
        severity = _get(each, "severity")
        word = SEVERITIES.get(severity, "error") if isinstance(severity, int) else "error"
        text = one_line(_text(_get(each, "message")))
        code = one_line(_code(_get(each, "code")))
        if start is not None and text:
            found.add(Diagnostic(start, word, f"{text} ({code})" if code else text))
    return tuple(sorted(found))


def places_of(raw: object, roots: tuple[Path, ...]) -> tuple[Place, ...]:
    """The locations of an answer, or the targets of its links, sorted, each once."""
    found = set[Place]()
    for each in _items([raw] if isinstance(raw, dict) else raw):
        uri, span = _get(each, "uri"), _get(each, "range")
        if uri is None:
            uri, span = _get(each, "targetUri"), _get(each, "targetSelectionRange")
        path = path_of(uri, roots)
        place = _start(span, path) if path else None
        if place is not None:
            found.add(place)
    return tuple(sorted(found))


def symbols_of(raw: object) -> tuple[Symbol, ...]:
    """The symbols of a file in the order of the answer."""
    found: list[Symbol] = []
    for symbol in _symbols(raw, 0):
        found.append(symbol)
        if len(found) >= MAX_ITEMS:
            break
    return tuple(found)


def hover_of(raw: object) -> str:
    """The text of a hover; empty when there is none."""
    contents = _get(raw, "contents")
    parts = contents if isinstance(contents, list) else [contents]
    texts = [
        each if isinstance(each, str) else _text(_get(each, "value")) for each in parts[:MAX_ITEMS]
    ]
    return clean("\n".join(text for text in texts if text))[:MAX_HOVER].strip()


def one_line(text: str) -> str:
    """A text as a line of bounded length that holds nothing invisible."""
    line = " ".join(clean(text[: 8 * MAX_TEXT]).split())
    return line if len(line) <= MAX_TEXT else line[: MAX_TEXT - 1] + "…"


def _symbols(raw: object, depth: int) -> Iterator[Symbol]:
    for each in _items(raw):
        span = _get(each, "selectionRange") or _get(_get(each, "location"), "range")
        start = _start(span, "")
        name, kind = one_line(_text(_get(each, "name"))), _get(each, "kind")
        if start is not None and name:
            is_known = type(kind) is int and 1 <= kind <= len(_KINDS)
            word = _KINDS[kind - 1] if is_known and isinstance(kind, int) else "symbol"
            yield Symbol(depth, word, name, start.line)
        if depth < MAX_DEPTH:
            yield from _symbols(_get(each, "children"), depth + 1)


def _items(raw: object) -> list[object]:
    return raw[:MAX_ITEMS] if isinstance(raw, list) else []


def _get(raw: object, key: str) -> object:
    return raw.get(key) if isinstance(raw, dict) else None


def _text(raw: object) -> str:
    return raw.encode("utf-8", "replace").decode() if isinstance(raw, str) else ""


def _code(raw: object) -> str:
    return str(raw) if type(raw) is int and abs(raw) < _MAX_NUMBER else _text(raw)


def _start(span: object, path: str) -> Place | None:
    start = _get(span, "start")
    line, column = _get(start, "line"), _get(start, "character")
    if type(line) is not int or type(column) is not int:
        return None
    return Place(path, *(min(max(each, 0), _MAX_NUMBER) + 1 for each in (line, column)))
