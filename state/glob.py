"""Names matched by patterns with ``*``, ``?``, ``[...]``, ``**`` and ``{a,b}``, in linear time.

A pattern comes from a model or from a repository we do not trust, so nothing here may backtrack
without end: a name is matched by fnmatch, whose stars are atomic, and ``**`` is tried greedily.
"""

import fnmatch
import re
from collections.abc import Sequence
from typing import Final

MAX_PATTERN: Final = 1000
MAX_ALTERNATIVES: Final = 64

_BRACES: Final = re.compile(r"\{([^{}]*)\}")
_ESCAPED: Final = re.compile(r"\\(.)")


class Glob:
    """A pattern over paths; one without ``/`` is matched against the last name only."""

    def __init__(self, pattern: str) -> None:
        """Raises ValueError with a sentence."""
        if not pattern or len(pattern) > MAX_PATTERN:
            raise ValueError(f"a glob has between 1 and {MAX_PATTERN} characters")
        self._alternatives = [
            Segments(alternative.removeprefix("./").removeprefix("/"), "/" not in alternative)
            for alternative in _expanded(pattern)
        ]

    def matches(self, names: Sequence[str]) -> bool:
        """Whether a path, given as its names, matches."""
        return any(alternative.matches(names) for alternative in self._alternatives)


class Segments:
    """One pattern without braces; ``floating``: any folders may stand before it."""

    def __init__(self, pattern: str, floating: bool) -> None:
        parts = [part for part in pattern.split("/") if part]
        if floating and parts[:1] != ["**"]:
            parts.insert(0, "**")
        self._parts = tuple(None if part == "**" else _segment(part) for part in parts)

    def matches(self, names: Sequence[str]) -> bool:
        """Whether the whole path matches; ``**`` stands for any number of folders."""
        parts = self._parts
        at, here = 0, 0
        star, resume = -1, 0
        while here < len(names):
            part = parts[at] if at < len(parts) else None
            if at < len(parts) and part is None:
                star, resume = at, here
                at += 1
            elif part is not None and part.match(names[here]):
                at += 1
                here += 1
            elif star >= 0:
                resume += 1
                at, here = star + 1, resume
            else:
                return False
        return all(part is None for part in parts[at:])


def _segment(pattern: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(_ESCAPED.sub(_literal, pattern)))


def _literal(found: re.Match[str]) -> str:
    return f"[{found[1]}]" if found[1] in "*?[" else found[1]


def _expanded(pattern: str) -> list[str]:
    done: list[str] = []
    waiting = [pattern]
    while waiting:
        if len(done) + len(waiting) > MAX_ALTERNATIVES:
            raise ValueError(f"a glob may have at most {MAX_ALTERNATIVES} alternatives in braces")
        current = waiting.pop(0)
        found = _BRACES.search(current)
        if found is None:
            if "{" in current or "}" in current:
                raise ValueError("the braces of the glob do not match")
            done.append(current)
            continue
        head, tail = current[: found.start()], current[found.end() :]
        waiting.extend(f"{head}{choice}{tail}" for choice in found[1].split(","))
    return done
