"""How an error that nobody made a sentence for is told, and the exit code it ends with."""

import sys

from ..state.disk import refusal
from ..state.errors import ExitCode


def told(error: Exception, debug_variable: str) -> tuple[str, ExitCode]:
    """One sentence and a code; ``debug_variable`` is named for what can only be a bug."""
    if refused := refusal(error):
        return str(refused), refused.exit_code
    if isinstance(error, OSError):
        return f"{error}.", ExitCode.FAILED
    hint = f"This is a bug in dispatch; {debug_variable}=1 shows where it happened."
    return f"{type(error).__name__}: {error}. {hint}", ExitCode.FAILED


def say_refusals_once() -> None:
    """See that objects which could not be closed do not complain of it again when they go."""

    def hook(unraisable: "sys.UnraisableHookArgs") -> None:
        error = unraisable.exc_value
        if error is None or not refusal(error):
            sys.__unraisablehook__(unraisable)

    sys.unraisablehook = hook
