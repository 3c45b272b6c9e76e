"""Which paths the repository's ``.gitignore`` files leave out of a search."""

from collections.abc import Sequence
from typing import Final

from attrs import frozen

from ...state.glob import MAX_PATTERN, Segments

MAX_RULES: Final = 5000


@frozen
class Rule:
    """One line of an ignore file."""

    pattern: Segments
    ignore: bool
    folders_only: bool


@frozen
class IgnoreFile:
    """The rules of one file; ``depth`` is how many names lead to its folder."""

    depth: int
    rules: tuple[Rule, ...]

    def verdict(self, names: Sequence[str], is_folder: bool) -> bool | None:
        """Whether a path is ignored (the last matching rule says); null: no rule matches."""
        tail = names[self.depth :]
        for rule in reversed(self.rules):
            if (is_folder or not rule.folders_only) and rule.pattern.matches(tail):
                return rule.ignore
        return None


def parse(text: bytes, depth: int) -> IgnoreFile:
    """The rules of an ignore file; lines that cannot be understood are left out."""
    lines = text.decode(errors="replace").splitlines()[:MAX_RULES]
    rules = (_rule(line) for line in lines)
    return IgnoreFile(depth, tuple(rule for rule in rules if rule))


def ignored(files: Sequence[IgnoreFile], names: Sequence[str], is_folder: bool) -> bool:
    """Whether a path is ignored; ``files`` go from the root down, the deepest counts most."""
    for file in reversed(files):
        verdict = file.verdict(names, is_folder)
        if verdict is not None:
            return verdict
    return False


def _rule(line: str) -> Rule | None:
    line = line.rstrip("\r\n")
    if not line.endswith("\\ "):
        line = line.rstrip(" ")
    if not line or line.startswith("#") or len(line) > MAX_PATTERN:
        return None
    ignore = not line.startswith("!")
    pattern = line if ignore else line[1:]
    folders_only = pattern.endswith("/")
    pattern = pattern.rstrip("/")
    if not pattern:
        return None
    floating = "/" not in pattern
    return Rule(Segments(pattern.removeprefix("/"), floating), ignore, folders_only)
