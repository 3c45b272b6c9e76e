"""Gemini CLI, headless: ``gemini -o stream-json``.

It works without questions only in a folder that is trusted, and there it obeys the settings that
the folder brings, hooks and servers among them: see ``from_home``.  The text of the tree's
``GEMINI.md`` is read all the same.
"""

import json
from collections.abc import Sequence
from typing import Final

from attrs import evolve

from ...state.enums import AttemptOutcome
from ...state.work import Usage
from . import from_home
from .delegation import (
    Capabilities,
    Delegation,
    Ending,
    Event,
    Exit,
    Finished,
    Key,
    Prepared,
    Said,
    SessionBegan,
    ToolUsed,
    Troubled,
    TurnEnded,
)
from .endings import ending, outcome_of, unanswered
from .failures import provider_words
from .lines import JsonObject, count, inner, record, summary, text

KEY: Final = "GEMINI_API_KEY"
VENDOR: Final = "https://generativelanguage.googleapis.com"

_SETTINGS: Final = ".gemini/settings.json"
_NO_SERVER: Final = "MCP issues detected"
_EXITS: Final = {
    41: AttemptOutcome.PROVIDER_AUTH,
    53: AttemptOutcome.TURN_LIMIT,
}


class Gemini:
    """See ``DelegationExecutor``."""

    name = "gemini"
    capabilities = Capabilities(
        program="gemini",
        model_families=("gemini-",),
        keys=(Key(variable=KEY, base_url=VENDOR),),
        chooses_session=True,
    )
    probe = ("gemini", "--version")

    def unfit(self, ended: Exit, output: str) -> str:
        """Any version that answers will do: what it does not know it refuses by itself."""
        return unanswered(self.probe, ended)

    def prepare(self, delegation: Delegation) -> Prepared:
        """A session of the id that we chose."""
        return _prepared(delegation, ("--session-id", delegation.session))

    def resume(self, delegation: Delegation, session: str) -> Prepared:
        """The session goes on."""
        return _prepared(delegation, ("--resume", session))

    def parse(self, line: str) -> tuple[Event, ...]:
        """``init``, ``message``, ``tool_use``, ``error`` and ``result``."""
        event = record(line)
        match event.get("type"):
            case "init":
                return (SessionBegan(session=text(event.get("session_id"))),)
            case "message" if event.get("role") == "assistant" and text(event.get("content")):
                return (Said(text=text(event.get("content"))),)
            case "tool_use":
                name = text(event.get("tool_name"))
                return (ToolUsed(name=name, summary=summary(event.get("parameters"))),)
            case "error":
                return (_trouble(event, is_final=False),)
            case "result":
                return _result(event)
            case _:
                return ()

    def classify(self, ended: Exit, events: Sequence[Event], accepted: bool) -> Ending:
        """By the rules for all, and by the few exit codes and words that mean something."""
        came_to = ending(ended, events, accepted)
        if came_to.outcome is AttemptOutcome.NO_OUTPUT and _NO_SERVER in ended.stderr:
            message = "Its server of tools is not there: it told of MCP issues."
            return Ending(outcome=AttemptOutcome.CRASHED, message=message)
        if came_to.outcome is AttemptOutcome.CRASHED and ended.code in _EXITS:
            return evolve(came_to, outcome=_EXITS[ended.code])
        return came_to


def _prepared(delegation: Delegation, session: tuple[str, str]) -> Prepared:
    hand_off, home = delegation.hand_off, delegation.home
    # Of no repository: it reads instructions from files of this name wherever it finds one.
    context = f"{hand_off.name}-{delegation.session}.md"
    settings = {
        "advanced": {"ignoreLocalEnv": True},
        "context": {
            "discoveryMaxDirs": 0,
            "fileName": context,
            "includeDirectoryTree": False,
            "loadMemoryFromIncludeDirectories": False,
        },
        "experimental": {"jitContext": False},
        "general": {"disableAutoUpdate": True, "enableAutoUpdate": False},
        "hooksConfig": {"enabled": False},
        "ide": {"enabled": False},
        "mcp": {"allowed": [hand_off.name]},
        "mcpServers": {
            hand_off.name: {
                "command": hand_off.argv[0],
                "args": hand_off.argv[1:],
                "timeout": int(hand_off.timeout_seconds * 1000),
                "trust": True,
            }
        },
        "model": {"maxSessionTurns": delegation.max_turns},
        "privacy": {"usageStatisticsEnabled": False},
        "security": {
            "auth": {"selectedType": "gemini-api-key"},
            "environmentVariableRedaction": {"enabled": True, "blocked": [KEY]},
            "folderTrust": {"enabled": False},
        },
        "skills": {"enabled": False},
        "telemetry": {"enabled": False},
    }
    argv = (
        *from_home.starting(home),
        *("gemini", "-o", "stream-json", "--approval-mode", "yolo"),
        *("--include-directories", str(delegation.worktree)),
        *("-m", delegation.model.removeprefix("gemini/").removeprefix("google/")),
        *session,
        *("--extensions", "none", "--allowed-mcp-server-names", hand_off.name),
    )
    return Prepared(
        argv=argv,
        variables={
            "SHELL": "/bin/bash",
            "GEMINI_CLI_NO_RELAUNCH": "true",
            "GEMINI_CLI_TRUST_WORKSPACE": "true",
            "GEMINI_TELEMETRY_ENABLED": "false",
            # Said in any case: a file of variables in the repository may not say another one.
            "GOOGLE_GEMINI_BASE_URL": _url(delegation.base_url or VENDOR),
        },
        stdin=delegation.prompt,
        files={
            _SETTINGS: json.dumps(settings),
            **from_home.files(delegation, KEY),
            f".gemini/{context}": from_home.system(delegation),
        },
        key=KEY,
    )


def _url(base: str) -> str:
    """The program appends the whole path."""
    return base.rstrip("/").removesuffix("/v1beta").removesuffix("/v1")


def _result(event: JsonObject) -> tuple[Event, ...]:
    ended = TurnEnded(usage=_usage(inner(event.get("stats"))))
    if event.get("status") == "success":
        return (ended, Finished(is_error=False))
    trouble = _trouble(inner(event.get("error")), is_final=True)
    return (ended, trouble, Finished(is_error=True, message=trouble.message))


def _trouble(error: JsonObject, *, is_final: bool) -> Troubled:
    words = text(error.get("message")) or "It did not say why it failed."
    message = provider_words(words.removeprefix("[API Error: "))
    return Troubled(outcome=outcome_of(words), message=message, is_final=is_final)


def _usage(stats: JsonObject) -> Usage:
    """Of this process; what it costs is for us to say."""
    return Usage(
        turns=1,
        input_tokens=count(stats.get("input_tokens")),
        output_tokens=count(stats.get("output_tokens")),
        cached_tokens=count(stats.get("cached")),
        cost_usd=None,
    )
