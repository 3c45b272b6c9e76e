"""Codex, headless: ``codex exec --json``, everything by options and no file of settings at all.

What the repository brings is left alone: a folder that nobody declared trusted has no settings,
hooks or MCP servers for it, and its instructions are turned off, because our prompts carry them.
"""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from attrs import evolve

from ...state.enums import AttemptOutcome
from ...state.work import Usage
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
from .lines import JsonObject, count, inner, members, record, summary, text

KEY: Final = "OPENAI_API_KEY"
VENDOR: Final = "https://api.openai.com/v1"
START_SECONDS = 60  # for the server of tools

# They reach out by themselves, ask, or start agents that nobody counts.
_OFF: Final = ("apps", "goals", "hooks", "multi_agent", "plugins", "skill_search")
_PROVIDER: Final = "dispatch"
_AGAIN: Final = re.compile(r"try again at (?:(\w{3}) (\d{1,2})\w\w, (\d{4}) )?(\d{1,2}:\d\d [AP]M)")


class Codex:
    """See ``DelegationExecutor``."""

    name = "codex"
    capabilities = Capabilities(
        program="codex",
        model_families=("codex-", "gpt-", "o1", "o3", "o4"),
        keys=(Key(variable=KEY, base_url=VENDOR),),
        usage_is_cumulative=True,
    )
    probe = ("codex", "--version")

    def unfit(self, ended: Exit, output: str) -> str:
        """Any version that answers will do: what it does not know it refuses by itself."""
        return unanswered(self.probe, ended)

    def prepare(self, delegation: Delegation) -> Prepared:
        """Its session's id comes with its first event."""
        return _prepared(delegation, ("-",))

    def resume(self, delegation: Delegation, session: str) -> Prepared:
        """The session goes on; a call that was cut off is shown to the model as aborted."""
        return _prepared(delegation, ("resume", session, "-"))

    def parse(self, line: str) -> tuple[Event, ...]:
        """``thread.started``, ``item.started|completed``, ``error`` and ``turn.…``."""
        event = record(line)
        match event.get("type"):
            case "thread.started":
                return (SessionBegan(session=text(event.get("thread_id"))),)
            case "item.started":
                return _begun(inner(event.get("item")))
            case "item.completed":
                return _completed(inner(event.get("item")))
            case "error":
                return _trouble(event, is_final=False)
            case "turn.completed":
                usage = _usage(inner(event.get("usage")))
                return (TurnEnded(usage=usage), Finished(is_error=False))
            case "turn.failed":
                failed = _trouble(inner(event.get("error")), is_final=True)
                return (*failed, Finished(is_error=True, message=failed[0].message))
            case _:
                return ()

    def classify(self, ended: Exit, events: Sequence[Event], accepted: bool) -> Ending:
        """By the rules for all; when a limit ends it says in words."""
        came_to = ending(ended, events, accepted)
        if came_to.outcome is not AttemptOutcome.PROVIDER_QUOTA:
            return came_to
        return evolve(came_to, resets_at=_reset(came_to.message, events))


def _prepared(delegation: Delegation, last: tuple[str, ...]) -> Prepared:
    hand_off = delegation.hand_off
    key = delegation.key_variable or KEY
    provider = _table(
        name=_PROVIDER,
        base_url=delegation.base_url or VENDOR,
        env_key=key,
        wire_api="responses",
        supports_websockets=False,
        request_max_retries=2,  # waiting is for us to do
        stream_max_retries=2,
    )
    server = _table(
        command=hand_off.argv[0],
        args=hand_off.argv[1:],
        required=True,
        startup_timeout_sec=START_SECONDS,
        tool_timeout_sec=hand_off.timeout_seconds,
        default_tools_approval_mode="approve",
    )
    # Ours is built from nothing already; the marks that find survivors have to stay in it.
    environment = _table(inherit="all", ignore_default_excludes=False, exclude=(key,))
    settings = {
        "model_provider": _toml(_PROVIDER),
        f"model_providers.{_PROVIDER}": provider,
        f"mcp_servers.{hand_off.name}": server,
        "shell_environment_policy": environment,
        "developer_instructions": _toml(delegation.system),
        "approval_policy": _toml("never"),
        "project_doc_max_bytes": "0",
        "skills.include_instructions": "false",
        "analytics.enabled": "false",
        "feedback.enabled": "false",
        "check_for_update_on_startup": "false",
        "web_search": _toml("disabled"),
        "history.persistence": _toml("none"),
    }
    argv = [
        *("codex", "exec", "--json", "--skip-git-repo-check"),
        *("--ignore-user-config", "--ignore-rules", "--strict-config"),
        *("-C", str(delegation.worktree)),
        # Its own sandbox wants namespaces, which cannot be made inside ours: that holds it.
        *("-s", "danger-full-access"),
        *("-m", delegation.model.removeprefix("openai/")),
    ]
    for name, value in settings.items():
        argv += ["-c", f"{name}={value}"]
    for feature in _OFF:
        argv += ["--disable", feature]
    return Prepared(
        argv=(*argv, *last),
        # It states times of its limits as the clock on the wall shows them.
        variables={"CODEX_HOME": str(delegation.home / ".codex"), "TZ": "UTC"},
        stdin=delegation.prompt,
        files={".codex/.keep": ""},  # it does not make the folder
        key=key,
    )


def _table(**values: object) -> str:
    return "{" + ",".join(f"{name}={_toml(value)}" for name, value in values.items()) + "}"


def _toml(value: object) -> str:
    """A value as TOML writes it: as JSON does, but for DEL and what JSON writes in pairs."""
    if isinstance(value, tuple):
        return "[" + ",".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _begun(item: JsonObject) -> tuple[Event, ...]:
    match item.get("type"):
        case "command_execution":
            return (ToolUsed(name="exec_command", summary=summary(item)),)
        case "mcp_tool_call":
            name = f"{text(item.get('server'))}.{text(item.get('tool'))}"
            return (ToolUsed(name=name, summary=summary(item.get("arguments"))),)
        case _:
            return ()


def _completed(item: JsonObject) -> tuple[Event, ...]:
    """What it did; an item of the type ``error`` may be a mere warning, and is never an end."""
    match item.get("type"):
        case "agent_message":
            return (Said(text=text(item.get("text"))),)
        case "file_change":
            paths = " ".join(text(each.get("path")) for each in members(item.get("changes")))
            return (ToolUsed(name="apply_patch", summary=summary({"path": paths})),)
        case _:
            return ()


def _trouble(error: JsonObject, *, is_final: bool) -> tuple[Troubled]:
    words = text(error.get("message")) or "It did not say why it failed."
    outcome = outcome_of(words)
    return (Troubled(outcome=outcome, message=provider_words(words), is_final=is_final),)


def _usage(used: JsonObject) -> Usage:
    """Of the whole thread; what it costs is for us to say."""
    return Usage(
        turns=1,
        input_tokens=count(used.get("input_tokens")),
        output_tokens=count(used.get("output_tokens")),
        cached_tokens=count(used.get("cached_input_tokens")),
        cost_usd=None,
    )


def _reset(message: str, events: Sequence[Event]) -> float | None:
    """Seconds since 1970 of "try again at 4:53 PM" or "… at Nov 27th, 2026 11:46 AM".

    Without a day it is the next such time after the session began, of which its id tells.
    """
    found = _AGAIN.search(message)
    if found is None:
        return None
    month, day, year, clock = found.groups()
    began = _began(events)
    try:
        if month:
            then = datetime.strptime(f"{month} {day} {year} {clock}", "%b %d %Y %I:%M %p")
            return then.replace(tzinfo=UTC).timestamp()
        time = datetime.strptime(clock, "%I:%M %p").time()
    except ValueError:  # no such day or time
        return None
    if began is None:
        return None
    then = datetime.combine(began.date(), time, UTC)
    return (then if then > began else then + timedelta(days=1)).timestamp()


def _began(events: Sequence[Event]) -> datetime | None:
    session = next((event.session for event in events if isinstance(event, SessionBegan)), "")
    try:
        made = UUID(session)
    except ValueError:
        return None
    milliseconds = made.int >> 80 if made.version == 7 else 0
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds else None
