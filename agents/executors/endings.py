"""How a delegated attempt ended: the same rules for every vendor's program."""

import re
from collections.abc import Sequence
from typing import Final

from ...state.enums import AttemptOutcome
from ..model import OUTCOME_OF
from .delegation import Ending, Event, Exit, Finished, SessionBegan, Troubled
from .failures import kind_of, safe_message

_STATUS: Final = re.compile(
    r"(?:\bstatus|\bcode|API Error)\"?:?\s*(?:code:?\s*)?(\d{3})\b", re.IGNORECASE
)
_SPENT: Final = ("usage limit", "usage_limit", "quota exceeded", "credit balance is too low")
_BROKEN: Final = ("disconnected", "connection", "timed out", "timeout", "network", "stream closed")


def ending(ended: Exit, events: Sequence[Event], accepted: bool) -> Ending:
    """How an attempt ended.

    An accepted answer is one, however the program ended; without it nothing is a success.  Then
    our own reason for stopping it counts, then that the server of tools was missing, then the last
    final error that it told of.
    """
    if accepted:
        return Ending(outcome=AttemptOutcome.OK)
    trouble = next((e for e in reversed(events) if isinstance(e, Troubled) and e.is_final), None)
    if ended.stopped is not None:
        message = trouble.message if trouble else ""
        return Ending(outcome=ended.stopped, message=message)
    failed = next((e for e in events if isinstance(e, SessionBegan) and e.tools_failed), None)
    if failed is not None:
        message = f"Its server of tools is not there: {failed.tools_failed}"
        return Ending(outcome=AttemptOutcome.CRASHED, message=_line(message))
    if trouble is not None:
        return Ending(
            outcome=trouble.outcome, message=_line(trouble.message), resets_at=trouble.resets_at
        )
    last = next((e for e in reversed(events) if isinstance(e, Finished)), None)
    if ended.code != 0 or (last is not None and last.is_error):
        told = last.message if last is not None and last.is_error else ""
        said = told or _last_line(ended.stderr)
        message = f"{_how(ended)}{': ' + said if said else '.'}"
        return Ending(outcome=AttemptOutcome.CRASHED, message=_line(message))
    return Ending(outcome=AttemptOutcome.NO_OUTPUT, message="It ended without handing anything in.")


def outcome_of(words: str, status: int | None = None) -> AttemptOutcome:
    """What the words of a program mean that tells of its provider; without a status they say it."""
    if status is None and (found := _STATUS.search(words)):
        status = int(found[1])
    lower = words.lower()
    if any(sign in lower for sign in _SPENT):
        return AttemptOutcome.PROVIDER_QUOTA
    if status is None and not any(sign in lower for sign in _BROKEN):
        # Its providers' words are the same as ours get: what is in none of the lists is a refusal.
        status = 400
    return OUTCOME_OF[kind_of(status, words)]


def unanswered(probe: Sequence[str], ended: Exit) -> str:
    """Why a program is no use whose probe ended so; empty when it answered."""
    if ended.code == 0:
        return ""
    said = f" {_line(_last_line(ended.stderr))}".rstrip()
    return f"`{' '.join(probe)}` does not work: {_how(ended)[0].lower()}{_how(ended)[1:]}.{said}"


def _how(ended: Exit) -> str:
    if ended.signal is not None:
        return f"It was ended by signal {ended.signal}"
    return f"It ended with exit code {ended.code}"


def _last_line(text: str) -> str:
    return next((line for line in reversed(text.splitlines()) if line.strip()), "").strip()


def _line(message: str) -> str:
    return safe_message(message, ())
