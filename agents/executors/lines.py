"""A line of a program's output as plain data: nothing in it is sure, so nothing is asked twice."""

import json
from collections.abc import Mapping

LINE_LIMIT = 8 * 2**20  # characters; a longer line is no event
SUMMARY_LIMIT = 200  # characters of what a tool was called with

JsonObject = Mapping[str, object]


def record(line: str) -> JsonObject:
    """The object that a line is; an empty one for anything else."""
    if len(line) > LINE_LIMIT or not line.lstrip().startswith("{"):
        return {}
    try:
        return inner(json.loads(line))
    except (ValueError, RecursionError):
        return {}


def inner(value: object) -> JsonObject:
    """A value as an object; an empty one where it is none."""
    return value if isinstance(value, dict) else {}


def members(value: object) -> list[JsonObject]:
    """The objects of a list; none where it is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(value: object) -> str:
    """A value as text; empty where it is none."""
    return value if isinstance(value, str) else ""


def count(value: object) -> int:
    """A value as a number of things; 0 where it is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def number(value: object) -> float | None:
    """A value as a number; null where it is none."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def summary(arguments: object) -> str:
    """One short line of what a tool was called with: its command or file, else all of it."""
    given = inner(arguments)
    named = next((text(given[key]) for key in _TELLING if text(given.get(key))), "")
    shown = named or (json.dumps(given, ensure_ascii=False, sort_keys=True) if given else "")
    line = " ".join(shown.split())
    return line if len(line) <= SUMMARY_LIMIT else line[: SUMMARY_LIMIT - 1] + "…"


_TELLING = ("command", "file_path", "filePath", "path", "pattern")
