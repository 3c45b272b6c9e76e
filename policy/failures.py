"""Failures in the output of one command, each known by a fingerprint that survives moved lines."""

import re
from collections import Counter
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from ..state.work import BuildFailure

MAX_FAILURES: Final = 2_000
MAX_LINE: Final = 2_000  # characters of one line that are kept and looked at

_CSI: Final = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_COUNTED: Final = r"(?:errors?(?:\(s\))?|failures?|failed|failing|fails)"
# What says that all is well in words that would otherwise mean a failure.
_ZERO: Final = re.compile(
    rf"\b(?:0|no|zero)\s(?:\w{{1,20}}\s)?{_COUNTED}(?!\w)|\b{_COUNTED}(?:\s?[:=]\s?|\s)0(?![\w.])",
    re.IGNORECASE,
)
_WELL: Final = re.compile(
    r"^\s*(?:ok [0-9]|[\u2713\u2714\u221a]|PASS\b|--- PASS|=== RUN)"
    r"|(?:\.\.\. ok|\bPASSED(?:\s+\[\s*[0-9]+%\])?)\s*$"
)
_TOLERATED: Final = re.compile(r"\s*not ok\b[^#]*#\s*(?:todo|skip)\b", re.IGNORECASE)
_MARKER: Final = re.compile(
    r"\b(?i:errors?|failed|failures?|[1-9][0-9]{0,6} failing)\b"
    r"|\bFAILS?\b"
    r"|[\u2717\u2718\u00d7]"
    r"|^\s*not ok\b"
    r"|\bpanicked\b|\bpanic:|\bTraceback \(most recent call last\)"
    r"|\b(?i:segmentation fault|core dumped|command not found)\b"
    r"|\b[A-Z]\w{0,80}(?:Error|Exception)\b"
)
_PLACE: Final = re.compile(
    r"(?:^|[\s\"'(])(?P<file>[^\s:()\"']{1,400}\.[A-Za-z]\w{0,20})"
    r"(?::(?P<line>[0-9]{1,9})(?::[0-9]{1,9})?|\((?P<row>[0-9]{1,9})(?:,[0-9]{1,9})?\))"
)
_PYTHON_PLACE: Final = re.compile(r'File "(?P<file>[^"]{1,400})", line (?P<line>[0-9]{1,9})')
# What moves or grows without the failure becoming another one.
_POSITION: Final = re.compile(
    r"(?<=\w):[0-9]{1,9}(?::[0-9]{1,9})?\b|\([0-9]{1,9}(?:,[0-9]{1,9})?\)"
    r"|\b(?i:line|column|col)s? [0-9]{1,9}|(?<=^not ok )[0-9]{1,9}"
)
_TALLY: Final = (
    rf"(?:{_COUNTED}|pass(?:ed|ing)?|skipped|ignored|pending|total|tests?|warnings?|measured"
    r"|filtered|deselected|xfailed|xpassed|todo|run|of)"
)
_COUNT: Final = re.compile(
    rf"\b[0-9]{{1,9}}(?=\s(?:\w{{1,20}}\s)?{_TALLY}(?!\w))|\bof [0-9]{{1,9}}"
    rf"|\b{_TALLY}\s?[:=]\s?[0-9]{{1,9}}",
    re.IGNORECASE,
)
_FAILING_COUNT: Final = re.compile(
    rf"\b([1-9][0-9]{{0,6}})\s(?:\w{{1,20}}\s)?{_COUNTED}(?!\w)"
    rf"|\b{_COUNTED}\s?[:=]\s?([1-9][0-9]{{0,6}})(?![\w.])",
    re.IGNORECASE,
)
_VARYING: Final = re.compile(r"\b0x[0-9a-fA-F]+|\b[0-9]+(?:\.[0-9]+)?\s?(?:ns|us|µs|ms|s|sec)\b")


def parse_failures(text: str) -> tuple[BuildFailure, ...]:
    """The failures in one command's output, in order, at most ``MAX_FAILURES``.

    Works on words alone and so knows no tool by name: a line counts when it says that something
    failed.  Headers must not be in the text, or they are judged like output.
    """
    found: list[BuildFailure] = []
    for raw in text.split("\n"):
        line = _CSI.sub("", raw.rstrip("\r")[:MAX_LINE])
        if _tells_of_failure(line):
            found.append(_failure(raw.rstrip("\r")[:MAX_LINE], line))
            if len(found) == MAX_FAILURES:
                break
    return tuple(found)


def new_failures(
    baseline: Sequence[BuildFailure], final: Sequence[BuildFailure]
) -> tuple[BuildFailure, ...]:
    """The final failures the baseline does not account for, one by one.

    A failure that was there once accounts for one; a summary of n failures for n, so that
    "3 failed" after "2 failed" is new and "1 failed" is not.
    """
    left = Counter[str]()
    for failure in baseline:
        left[failure.id] += weight(failure)
    found = []
    for failure in final:
        left[failure.id] -= weight(failure)
        if left[failure.id] < 0:
            left[failure.id] = 0
            found.append(failure)
    return tuple(found)


def weight(failure: BuildFailure) -> int:
    """How many failures a line speaks of: a summary of n is n."""
    counts = [int(one or other) for one, other in _FAILING_COUNT.findall(failure.message)]
    return max(1, sum(counts))


def _tells_of_failure(line: str) -> bool:
    if _TOLERATED.match(line) or _WELL.search(line):
        return False
    return _MARKER.search(_ZERO.sub("", line)) is not None


def _failure(raw: str, line: str) -> BuildFailure:
    message = line.strip()
    place = _PLACE.search(line) or _PYTHON_PLACE.search(line)
    parts = place.groupdict() if place else {}
    file = parts.get("file")
    number = parts.get("line") or parts.get("row")
    return BuildFailure(
        id=_fingerprint(file, message),
        file=file,
        line=int(number) if number else None,
        message=message,
        raw_text=raw,
    )


def _fingerprint(file: str | None, message: str) -> str:
    uncounted = _COUNT.sub(lambda count: count[0].rstrip("0123456789"), message)
    stable = _VARYING.sub("", _POSITION.sub("", uncounted))
    text = f"{file or ''}|{' '.join(stable.split())}"
    return f"bf-{sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"
