"""Output of commands without what changes from run to run: places, times, addresses.

Two outputs are compared after both went through here, each with the roots of its own tree.
No pattern can look at the same characters more than a few times: the text is hostile and large.
"""

import re
from collections.abc import Mapping
from typing import Final

WORKTREE: Final = "<WORKTREE>"

_NUMBER: Final = r"[0-9]{1,15}(?:\.[0-9]{1,15})?"
_UNIT: Final = r"(?:ns|us|\u00b5s|\u03bcs|ms|s|m|h)\b"
_DURATION: Final = rf"{_NUMBER}[ \t]?{_UNIT}(?:[ \t]?{_NUMBER}[ \t]?{_UNIT}){{0,3}}"
_SECONDS: Final = rf"{_NUMBER}[ \t]?(?:{_UNIT}|sec(?:onds?|s)?\b)"

_CSI: Final = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
# The temporary folders of the systems, up to what ends a path in running text; not build/tmp/x.
_TEMPORARY: Final = re.compile(
    r"(?<![\w.>-])(?:(?:/private)?/var/folders|(?:/private)?/tmp)/[^\s\"'`]+"
)
_RULES: Final = (
    (
        re.compile(
            r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,9})?"
            r"(?:Z|[+-][0-9]{2}:?[0-9]{2})?"
        ),
        "<TIMESTAMP>",
    ),
    (re.compile(r"\[[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,9})?\]"), "[<TIMESTAMP>]"),
    (re.compile(r"\b[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}\b"), "<TIMESTAMP>"),
    (re.compile(r"\b1[0-9]{12}\b"), "<TIMESTAMP>"),
    (re.compile(rf"\b(?:Time:|time=)[ \t]{{0,8}}{_DURATION}"), "Time: <TIME>"),
    (re.compile(rf"\({_DURATION}\)"), "(<TIME>)"),
    (
        re.compile(
            rf"\b(?:elapsed|took|duration|finished in)[: \t][ \t]{{0,8}}{_DURATION}", re.IGNORECASE
        ),
        "elapsed <TIME>",
    ),
    # "3 passed in 0.12s", "Ran 4 tests in 0.003s", and the column of go test.
    (re.compile(rf"\bin {_SECONDS}"), "in <TIME>"),
    (re.compile(rf"\t{_NUMBER}s$", re.MULTILINE), "\t<TIME>"),
    (re.compile(r"\((?:re-run|run|retry|attempt) #?[0-9]{1,9}\)"), "(<RUN>)"),
    (re.compile(r"\b(?:test|run) #[0-9]{1,9}\b"), "<RUN>"),
    (re.compile(r"\b0x[0-9a-fA-F]{6,}"), "<ADDR>"),
    (re.compile(r"\bpid(?:=|: ?)[0-9]{1,9}\b"), "pid=<PID>"),
)


def normalise(text: str, roots: Mapping[str, str]) -> str:
    """The text with each root (a path) as its placeholder and run-specific details removed.

    Give all the roots that mean the same place, of both texts that are compared, one placeholder.
    A longer root wins over one that contains it.  Lines keep their number and order.
    """
    text = _without_roots(_CSI.sub("", text), roots)
    text = _TEMPORARY.sub("<TMP>", text)
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    # Not by a pattern: on a long run of blanks one would be quadratic.
    return "\n".join(line.rstrip(" \t") for line in text.split("\n"))


def placeholder(path: str) -> str:
    """The placeholder of a path: its last part in capitals, such as ``<CACHE>``."""
    return f"<{path.rstrip('/').rpartition('/')[2].upper()}>"


def _without_roots(text: str, roots: Mapping[str, str]) -> str:
    # Of "/" and of nothing at all the text is full; neither is a place of its own.
    places = {root.rstrip("/"): name for root, name in roots.items() if root.rstrip("/")}
    if not places:
        return text
    longest_first = sorted(places, key=lambda root: (-len(root), root))
    # The name of a sibling folder may start like the root's: "/w/a-2" is not "<ROOT>-2".
    pattern = rf"(?:{'|'.join(map(re.escape, longest_first))})(?![\w-]|\.\w)"
    return re.sub(pattern, lambda match: places[match[0]], text)
