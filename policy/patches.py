"""Reading a git patch: every run of changed lines, and what else happened to a file."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from attrs import frozen

from ..state.enums import ChangeKind

EXISTS: Final = "exists"
GONE: Final = "gone"

_SECTION: Final = "diff --git "
_RANGE: Final = re.compile(r"@@ -[0-9]+(?:,([0-9]+))? \+[0-9]+(?:,([0-9]+))? @@")
_INDEX: Final = re.compile(r"[0-9a-f]+\.\.([0-9a-f]+)(?: [0-7]+)?")
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPE: Final = re.compile(rb"\\([0-3][0-7]{2}|.)", re.DOTALL)
_ESCAPES: Final = dict(zip(b"abtnvfr", b"\a\b\t\n\v\f\r", strict=True))
_USUAL_MODE: Final = "100644"
_FIELDS: Final = (
    *("old mode ", "new mode ", "new file mode ", "deleted file mode ", "rename from "),
    *("rename to ", "copy from ", "copy to ", "index ", "--- ", "+++ "),
)

_Run = tuple[tuple[str, ...], tuple[str, ...]]


@frozen
class Hunk:
    """Consecutive changed lines of a file (without context), or one ``fact`` about it.

    Lines have no line end, and none tells whether the file's last one has it.  A fact is
    ``exists``, ``gone``, ``mode <octal>`` or, of a binary file, ``content <object id>``.
    """

    path: str
    old_path: str | None
    kind: ChangeKind
    removed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    fact: str = ""

    @property
    def is_presence(self) -> bool:
        """Whether it says that a file came or went."""
        return self.fact in (EXISTS, GONE)


def parse_patch(text: str) -> tuple[Hunk, ...]:
    """The hunks of a patch as ``git diff`` or ``git show`` writes it, with a/ and b/ prefixes.

    A binary file is known by its object id, as much of it as the patch spells out.  Raises
    ValueError when a hunk has fewer lines than it announces: the patch was cut.
    """
    lines = text.split("\n")
    starts = [number for number, line in enumerate(lines) if line.startswith(_SECTION)]
    bounds = pairwise([*starts, len(lines)])
    return tuple(hunk for start, end in bounds for hunk in _file(lines[start:end]))


def _file(lines: Sequence[str]) -> Iterator[Hunk]:
    fields, body = _header(lines)
    binary = body < len(lines) and not lines[body].startswith("@@ ")
    path, old_path, kind = _identity(fields, lines[0])
    if kind is ChangeKind.DELETED:
        yield Hunk(path, None, kind, fact=GONE)
    elif kind is not ChangeKind.MODIFIED:
        yield Hunk(path, old_path, kind, fact=EXISTS)
        if kind is ChangeKind.RENAMED and old_path is not None:
            yield Hunk(old_path, None, kind, fact=GONE)
    mode = fields.get("new mode ") or fields.get("new file mode ")
    if mode and not (kind is ChangeKind.ADDED and mode == _USUAL_MODE):
        yield Hunk(path, old_path, kind, fact=f"mode {mode}")
    if binary:
        index = _INDEX.fullmatch(fields.get("index ", ""))
        if kind is not ChangeKind.DELETED and index is not None:
            yield Hunk(path, old_path, kind, fact=f"content {index[1]}")
        return
    for removed, added in _runs(lines[body:], path):
        yield Hunk(path, old_path, kind, removed, added)


def _header(lines: Sequence[str]) -> tuple[dict[str, str], int]:
    """The section's extended header by its words, and where the content starts."""
    fields: dict[str, str] = {}
    for number, line in enumerate(lines[1:], 1):
        if line.startswith(("@@ ", "GIT binary patch", "Binary files ")):
            return fields, number
        for word in _FIELDS:
            if line.startswith(word):
                fields[word] = line.removeprefix(word)
    return fields, len(lines)


def _identity(fields: dict[str, str], first: str) -> tuple[str, str | None, ChangeKind]:
    if "rename to " in fields:
        names = _name(fields["rename to "]), _name(fields["rename from "])
        return *names, ChangeKind.RENAMED
    if "copy to " in fields:
        return _name(fields["copy to "]), None, ChangeKind.ADDED
    path = _path_of(fields, first)
    if "new file mode " in fields:
        return path, None, ChangeKind.ADDED
    if "deleted file mode " in fields:
        return path, None, ChangeKind.DELETED
    return path, None, ChangeKind.MODIFIED


def _path_of(fields: dict[str, str], first: str) -> str:
    for word in ("+++ ", "--- "):
        # Git ends a name with a tab when it has blanks in it.
        name = fields.get(word, "/dev/null").removesuffix("\t")
        if name != "/dev/null":
            return _name(name)[2:]
    both = first.removeprefix(_SECTION)
    if both.startswith('"'):
        quoted = _QUOTED.match(both)
        if quoted is not None:
            return _name(quoted[0])[2:]
    # "a/<path> b/<path>": both halves are alike, so blanks in the path do no harm.
    return both[2 : len(both) // 2]


def _name(text: str) -> str:
    quoted = _QUOTED.fullmatch(text)
    if quoted is None:
        return text
    raw = quoted[1].encode("utf-8", "surrogateescape")
    return _ESCAPE.sub(_unescape, raw).decode("utf-8", "surrogateescape")


def _unescape(match: re.Match[bytes]) -> bytes:
    code = match[1]
    if len(code) == 3:
        return bytes([int(code, 8)])
    return bytes([_ESCAPES.get(code[0], code[0])])


def _runs(lines: Sequence[str], path: str) -> Iterator[_Run]:
    rest = iter(lines)
    for line in rest:
        announced = _RANGE.match(line)
        if announced is not None:
            old, new = (1 if count is None else int(count) for count in announced.groups())
            yield from _runs_of_hunk(rest, old, new, path)


def _runs_of_hunk(rest: Iterator[str], old: int, new: int, path: str) -> Iterator[_Run]:
    removed: list[str] = []
    added: list[str] = []
    while old or new:
        line = next(rest, "")
        match line[:1]:
            case "-" if old:
                old -= 1
                removed.append(line[1:])
            case "+" if new:
                new -= 1
                added.append(line[1:])
            case " " if old and new:
                old, new = old - 1, new - 1
                if removed or added:
                    yield tuple(removed), tuple(added)
                    removed, added = [], []
            case "\\":
                pass  # whether the last line has a line end
            case _:
                raise ValueError(f"the patch is cut in {path}: a hunk announces more lines")
    if removed or added:
        yield tuple(removed), tuple(added)
