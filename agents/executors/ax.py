"""ax, a runtime for remote agents: ``ax exec``, one turn of a conversation for one attempt.

It knows nothing of models, tools and costs: those are the agent's that it runs.  What that needs
stands in front of its input, a line each: ``[model]``, ``[workspace]`` and ``[tools]``, the words
of our server of tools as JSON.  ax prompts for another turn when one is over, which fails without a
terminal: its exit code says nothing, so only an accepted answer does.

Built for the surface documented in June 2026, and tried only against a stand-in for it.  What is
called ax since September runs tasks on a cluster and is refused by the probe.
"""

import json
import re
from collections.abc import Sequence
from typing import Final

from ...state.enums import AttemptOutcome
from .delegation import (
    Capabilities,
    Delegation,
    Ending,
    Event,
    Exit,
    Prepared,
    Said,
    SessionBegan,
)
from .endings import ending, unanswered
from .lines import LINE_LIMIT

# What is needed of `ax exec`.  How far we have read a conversation is said by an option that was
# renamed and then no longer read; without it all is told again, which proves nothing either way.
NEEDED: Final = ("--conversation", "--input", "--resume", "--server")

_NEWER: Final = ("unknown command", "kubectl", "--atespace")
_STYLES: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_PROGRESS: Final = re.compile(r"\bseq=\d+\b")


class Ax:
    """See ``DelegationExecutor``."""

    name = "ax"
    capabilities = Capabilities(program="ax", chooses_session=True, resumes_silently=True)
    probe = ("ax", "exec", "--help")

    def unfit(self, ended: Exit, output: str) -> str:
        """One that runs tasks on a cluster has no ``ax exec``."""
        told = f"{output}\n{ended.stderr}".lower()
        if any(sign in told for sign in _NEWER):
            return (
                "This `ax` runs tasks on a cluster and has no `ax exec`: dispatch works with the "
                "older runtime of that name only."
            )
        if why := unanswered(self.probe, ended):
            return why
        missing = [option for option in NEEDED if option not in told]
        return f"`ax exec` does not know {', '.join(missing)}." if missing else ""

    def prepare(self, delegation: Delegation) -> Prepared:
        """A conversation of the id that we chose."""
        return _prepared(delegation, delegation.session, ("--input", _input(delegation)))

    def resume(self, delegation: Delegation, session: str) -> Prepared:
        """The turn that was cut off goes on: nothing can be said with it.

        The conversation's agent keeps what it was told, so the words of ``delegation`` are not
        needed again.
        """
        return _prepared(delegation, session, ("--resume",))

    def parse(self, line: str) -> tuple[Event, ...]:
        """Styled text, and ``seq=N`` where the log of the conversation has grown."""
        if len(line) > LINE_LIMIT:
            return ()
        words = _STYLES.sub("", line).strip()
        if _PROGRESS.search(words):
            return (SessionBegan(session=""),)  # the one that we chose
        return (Said(text=words),) if words else ()

    def classify(self, ended: Exit, events: Sequence[Event], accepted: bool) -> Ending:
        """By the rules for all, but that a turn which was had may end with exit code 1."""
        came_to = ending(ended, events, accepted)
        turned = any(isinstance(event, SessionBegan) for event in events)
        if came_to.outcome is AttemptOutcome.CRASHED and ended.code == 1 and turned:
            message = "The turn ended without handing anything in."
            return Ending(outcome=AttemptOutcome.NO_OUTPUT, message=message)
        return came_to


def _prepared(delegation: Delegation, session: str, what: tuple[str, ...]) -> Prepared:
    """An empty server is the one inside the program."""
    server = delegation.base_url or ""
    return Prepared(argv=("ax", "exec", "--server", server, "--conversation", session, *what))


def _input(delegation: Delegation) -> str:
    headers = (
        f"[model] {delegation.model}",
        f"[workspace] {delegation.worktree}",
        f"[tools] {json.dumps(delegation.hand_off.argv)}",
    )
    return "\n".join((*headers, "", delegation.system, "", delegation.prompt))
