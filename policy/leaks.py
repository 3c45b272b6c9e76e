"""What of the operator's must not get into a commit: his secrets, and the marks in their place."""

from typing import Final

from ..state.redact import Redactor

MAX_LOOKED_AT: Final = 32 * 1024 * 1024  # bytes of one file, from its start


def leak_problems(
    path: str, before: bytes | None, after: bytes | None, redactor: Redactor
) -> tuple[str, ...]:
    """Why a changed file cannot be taken, as sentences for the agent; null: no such file.

    What was there before may stay, and may be moved about inside the file.
    """
    old, new = (_text(data) for data in (before, after))
    problems = []
    if redactor.known_in(new) > redactor.known_in(old):
        problems.append(
            f"{path} holds a secret of the operator's that it did not hold before; "
            "take it out, and read it from the environment at run time where it is needed."
        )
    if marks := redactor.unknown_marks(new, old):
        problems.append(
            f"{path} holds {', '.join(marks[:3])}, which only stands for a secret where it is "
            "shown to you; write what belongs there."
        )
    return tuple(problems)


def _text(data: bytes | None) -> str:
    return (data or b"").decode("utf-8", "surrogateescape")
