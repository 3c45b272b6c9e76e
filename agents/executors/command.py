"""Any program that speaks our hand-off: told by its environment, its standard input and a file.

It finds the task on its standard input, the server of tools in the file that
``DISPATCH_MCP_CONFIG`` names (in the format that most programs take), and may tell what happens as
JSON lines on its standard output; ``docs/delegation.md`` has the whole contract.
"""

import json
from collections.abc import Sequence
from typing import Final

from ...state.config import CommandExecutor
from ...state.enums import AttemptOutcome
from ...state.work import Usage
from .delegation import (
    Capabilities,
    Delegation,
    Ending,
    Event,
    Exit,
    Key,
    Prepared,
    Said,
    SessionBegan,
    ToolUsed,
    Troubled,
    TurnEnded,
)
from .endings import ending
from .lines import JsonObject, count, number, record, summary, text

SERVERS: Final = "delegated/mcp.json"

# What it may call its troubles; another word is one of its own crashes.
TROUBLES: Final = {
    "auth": AttemptOutcome.PROVIDER_AUTH,
    "quota": AttemptOutcome.PROVIDER_QUOTA,
    "overload": AttemptOutcome.PROVIDER_OVERLOAD,
    "refused": AttemptOutcome.PROVIDER_REFUSED,
    "transport": AttemptOutcome.TRANSPORT,
    "context": AttemptOutcome.CONTEXT_LIMIT,
}


class Command:
    """See ``DelegationExecutor``."""

    name = "command"

    def __init__(self, config: CommandExecutor) -> None:
        self._argv = config.argv
        self.capabilities = Capabilities(
            program=config.argv[0],
            hosts=config.network,
            keys=_keys(config),
            chooses_session=True,
            resumes=config.resumes,
            reports_cost=True,
        )
        self.probe: tuple[str, ...] = ()  # nobody knows what else it would do

    def unfit(self, ended: Exit, output: str) -> str:
        """Whatever the operator names is taken at his word."""
        return ""

    def prepare(self, delegation: Delegation) -> Prepared:
        """A session of the id that we chose."""
        return self._prepared(delegation, {"DISPATCH_SESSION": delegation.session})

    def resume(self, delegation: Delegation, session: str) -> Prepared:
        """The same with the word that it was there before."""
        return self._prepared(delegation, {"DISPATCH_SESSION": session, "DISPATCH_RESUME": session})

    def parse(self, line: str) -> tuple[Event, ...]:
        """``session``, ``text``, ``tool``, ``usage`` and ``error``."""
        event = record(line)
        match event.get("type"):
            case "session":
                return (SessionBegan(session=text(event.get("session"))),)
            case "text":
                return (Said(text=text(event.get("text"))),)
            case "tool":
                name, given = text(event.get("name")), summary(event.get("arguments"))
                return (ToolUsed(name=name, summary=given),)
            case "usage":
                return (TurnEnded(usage=_usage(event)),)
            case "error":
                return (_trouble(event),)
            case _:
                return ()

    def classify(self, ended: Exit, events: Sequence[Event], accepted: bool) -> Ending:
        """By the rules for all."""
        return ending(ended, events, accepted)

    def _prepared(self, delegation: Delegation, session: dict[str, str]) -> Prepared:
        hand_off = delegation.hand_off
        server = {"type": "stdio", "command": hand_off.argv[0], "args": hand_off.argv[1:]}
        return Prepared(
            argv=self._argv,
            variables={
                "DISPATCH_MCP_CONFIG": str(delegation.home / SERVERS),
                "DISPATCH_MODEL": delegation.model,
                "DISPATCH_WRITES": "1" if delegation.writes else "0",
                "DISPATCH_TERMINAL_TOOL": hand_off.tools[-1],
                **({"DISPATCH_BASE_URL": base} if (base := delegation.base_url) else {}),
                **session,
            },
            stdin=f"{delegation.system}\n\n{delegation.prompt}",
            files={SERVERS: json.dumps({"mcpServers": {hand_off.name: server}})},
            key=delegation.key_variable or "",
        )


def _keys(config: CommandExecutor) -> tuple[Key, ...]:
    if config.key_variable is None:
        return ()
    return (Key(variable=config.key_variable, base_url=config.base_url or ""),)


def _usage(event: JsonObject) -> Usage:
    return Usage(
        turns=count(event.get("turns")),
        input_tokens=count(event.get("inputTokens")),
        output_tokens=count(event.get("outputTokens")),
        cached_tokens=count(event.get("cachedTokens")),
        cost_usd=number(event.get("costUSD")),
    )


def _trouble(event: JsonObject) -> Troubled:
    return Troubled(
        outcome=TROUBLES.get(text(event.get("kind")), AttemptOutcome.CRASHED),
        message=text(event.get("message")),
        is_final=event.get("final") is not False,
        resets_at=number(event.get("resetsAt")),
    )
