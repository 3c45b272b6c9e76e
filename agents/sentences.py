"""What the loop itself says to a model, in its own words: reminders and refusals."""

from collections.abc import Sequence
from typing import Final

from .model import AssistantMessage, is_empty

CUT_OFF: Final = "The program was interrupted while the calls of this message were carried out"


def act(turn: AssistantMessage, number: int, most: int, terminal: str) -> str:
    """The reminder after a turn without a tool call."""
    if turn.finish_reason == "length":
        what = (
            "Your last message was cut at the limit of one reply before it reached a tool "
            "call. Say less before it, and split a long argument over several calls"
        )
    elif is_empty(turn):
        what = "Your last message was empty"
    else:
        what = "Your last message contained no tool call, so nothing happened"
    return (
        f"{what}. (Reminder {number} of {most}; after that the attempt "
        f"ends without a result.) Go on with the work by calling tools, and end it by calling "
        f"{terminal}. Nobody reads text outside tool calls."
    )


def nearly_spent(used: str, terminal: str) -> str:
    """The reminder when a budget is two thirds used."""
    return (
        f"You have used {used}. Bring the work to its end now and call "
        f"{terminal} in good time: when a budget is spent the attempt ends, "
        "and what was not handed in does not count."
    )


def too_many(most: int) -> str:
    """The reply to a call beyond what one message may hold."""
    return f"Not carried out: at most {most} tool calls of one message are."


def after_a_failure(failed: Sequence[str], terminal: str) -> str:
    """The reply to an answer that came with a call that failed."""
    return (
        f"{terminal} was not carried out, because {' and '.join(failed)} of the same "
        f"message failed. Look at that error first, then call {terminal} again."
    )


def goes_on(terminal: str) -> str:
    """What a delegated agent is told whose program was ended while it worked."""
    return (
        f"The program was ended while you worked, and was started again just now. What came of the "
        f"call that was under way is unknown: look before you rely on it. Go on with the work, and "
        f"end it by calling {terminal}."
    )


def nothing_handed_in(number: int, most: int, terminal: str) -> str:
    """The reminder for a delegated agent that stopped without an answer."""
    return (
        f"You stopped without handing in anything, so nothing of your work counts yet. (Reminder "
        f"{number} of {most}; after that the attempt ends without a result.) Go on with the work, "
        f"and end it by calling {terminal}. Nobody reads text outside tool calls."
    )


def interrupted(name: str) -> str:
    """The reply to a call of whose end nothing is known."""
    return (
        f"{CUT_OFF}: what came of {name} is unknown. The files of the tree were brought back to "
        "what they were before this message; what git ignores, and whatever lies elsewhere, was "
        "not. Look, and call again what is still needed."
    )
