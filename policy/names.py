"""Names that people and planners choose: what is wrong with one, in sentences."""

import re
from collections.abc import Collection
from typing import Final

MAX_NAME_LENGTH: Final = 64

# The program's own words, now and later: a run of such a name could not be spoken of.
RESERVED_NAMES: Final = frozenset(
    {
        *("all", "answer", "attach", "clean", "completion", "config", "demo", "diff", "doctor"),
        *("export", "graph", "help", "init", "logs", "mcp", "plan", "pr", "replay", "report"),
        *("rescue", "retry", "route", "run", "schema", "status", "stop", "teardown", "version"),
    }
)

_RUN_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]*")
_ID_HINT: Final = re.compile(r"[a-z][a-z0-9-]*")
_LEVEL_BRANCH: Final = re.compile(r".*-level-[0-9]+")
_ISO_UTC: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:Z|\+00:00)")


def run_name_problems(name: str, verbs: Collection[str]) -> tuple[str, ...]:
    """Why no run may be started under a name; none: it may.  ``verbs`` are our own words."""
    shown = _shown(name)
    problems = list(name_problems(name))
    if name in verbs:
        problems.append(f"A run cannot be named {shown}, because that is a command.")
    if _LEVEL_BRANCH.fullmatch(name):
        problems.append(
            f"A run cannot be named {shown}: the branches of a run's levels are named like that."
        )
    return tuple(problems)


def name_problems(name: str) -> tuple[str, ...]:
    """Why a name is no part of a git ref and of a path; none: it is, so a run may be there."""
    shown = _shown(name)
    if not _RUN_NAME.fullmatch(name):
        return (
            f"A run cannot be named {shown}: a name starts with a lowercase letter or a digit, "
            "followed by lowercase letters, digits, dots, underscores and hyphens.",
        )
    problems = []
    if len(name) > MAX_NAME_LENGTH:
        problems.append(
            f"A run name has at most {MAX_NAME_LENGTH} characters, and {shown} has {len(name)}."
        )
    if ".." in name or name.endswith("."):
        problems.append(
            f"A run cannot be named {shown}: git allows no two dots in a row and no dot at the end."
        )
    if name.endswith(".lock"):
        problems.append(f"A run cannot be named {shown}: git keeps the ending .lock for itself.")
    return tuple(problems)


def id_hint_problems(hint: str) -> tuple[str, ...]:
    """Why a planner's id hint cannot become a task's id; none: it can."""
    if not _ID_HINT.fullmatch(hint):
        return (
            f"The id {_shown(hint)} must start with a lowercase letter, followed by lowercase "
            "letters, digits and hyphens.",
        )
    if len(hint) > MAX_NAME_LENGTH:
        return (
            f"The id {_shown(hint)} has {len(hint)} characters; "
            f"at most {MAX_NAME_LENGTH} are allowed.",
        )
    return ()


def default_run_name(iso_utc: str) -> str:
    """``run-YYYYMMDD-HHMMSS`` from an ISO-8601 time in UTC; raises ValueError for anything else."""
    match = _ISO_UTC.fullmatch(iso_utc)
    if match is None:
        raise ValueError(f"not an ISO-8601 time in UTC: {iso_utc!r}")
    return "run-{}{}{}-{}{}{}".format(*match.groups())


def _shown(name: str) -> str:
    return repr(name if len(name) <= MAX_NAME_LENGTH else name[:MAX_NAME_LENGTH] + "…")
