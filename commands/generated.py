"""The parts of documents that are made from the program, between two markers each."""

from collections.abc import Callable, Mapping
from typing import Final

from ..fsm.diagram import MACHINES, mermaid
from ..policy.outcomes import POLICIES
from ..state.errors import EXIT_MEANING, UsageError
from ..state.event_types import events_table
from .settings import settings_table


def refreshed(document: str, name: str) -> str:
    """The document with every generated part made anew; ``name`` is for the refusals.

    Raises UsageError when it has no marker, or only one of two.
    """
    found = False
    for part, make in PARTS.items():
        begin, end = f"<!-- {part}:begin -->", f"<!-- {part}:end -->"
        before, has_begin, rest = document.partition(begin)
        _, has_end, after = rest.partition(end)
        if has_begin and not has_end:
            raise UsageError(f"{name} has {begin}, but not {end} after it.", f"Add {end}")
        if has_begin:
            found = True
            document = f"{before}{begin}\n{make()}\n{end}{after}"
    if not found:
        raise UsageError(
            f"{name} has no place for what is generated.",
            "Put the lines <!-- lifecycle:begin --> and <!-- lifecycle:end --> where it belongs.",
        )
    return document


def lifecycle() -> str:
    """Both machines as mermaid pictures."""
    return "\n\n".join(
        f"The lifecycle of a {machine.name}:\n\n```mermaid\n{mermaid(machine)}```"
        for machine in MACHINES.values()
    )


def run_lifecycle() -> str:
    """The run's machine as a mermaid picture."""
    return f"```mermaid\n{mermaid(MACHINES['run'])}```"


def exit_codes() -> str:
    """What each exit code means, as a Markdown table."""
    rows = ["| code | meaning |", "|--:|---|"]
    return "\n".join(
        (*rows, *(f"| {code.value} | {text} |" for code, text in EXIT_MEANING.items()))
    )


def outcomes() -> str:
    """What is tried for each outcome of an attempt, as a Markdown table."""
    rows = ["| outcome | what is tried | because |", "|---|---|---|"]
    rows += [
        f"| `{outcome}` | {', '.join(policy.actions)} | {policy.reason} |"
        for outcome, policy in POLICIES.items()
    ]
    return "\n".join(rows)


PARTS: Final[Mapping[str, Callable[[], str]]] = {
    "lifecycle": lifecycle,
    "run-lifecycle": run_lifecycle,
    "settings": settings_table,
    "exit-codes": exit_codes,
    "outcomes": outcomes,
    "events": events_table,
}
