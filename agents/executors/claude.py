"""Claude Code, headless: ``claude -p`` with its events as JSON lines.

Nothing that the repository brings starts anything: ``--bare`` (or, for a subscription's token,
which that mode does not take, no source of settings at all) leaves hooks, plugins, its MCP file and
its instructions off.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Final

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
from .lines import JsonObject, count, inner, members, number, record, summary, text

KEY: Final = "ANTHROPIC_API_KEY"
TOKEN: Final = "CLAUDE_CODE_OAUTH_TOKEN"  # of a subscription, made by `claude setup-token`
VENDOR: Final = "https://api.anthropic.com"

_READING: Final = ("Bash", "Glob", "Grep", "Read")
_WRITING: Final = ("Edit", "Write")
_SYSTEM: Final = "delegated/system.md"
_SERVERS: Final = "delegated/mcp.json"
# Sourced before each command of its shell.  Its own way of hiding the key from commands wants a
# sandbox that cannot be made inside ours.
_SHELL: Final = "delegated/shell.sh"
_QUIET: Final[Mapping[str, str]] = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "CLAUDE_CODE_MAX_RETRIES": "2",  # waiting is for us to do
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_ERROR_REPORTING": "1",
    "DISABLE_TELEMETRY": "1",
}
_LIMITS: Final[Mapping[str, AttemptOutcome]] = {
    "error_max_budget_usd": AttemptOutcome.MONEY_LIMIT,
    "error_max_turns": AttemptOutcome.TURN_LIMIT,
}


class Claude:
    """See ``DelegationExecutor``."""

    name = "claude"
    capabilities = Capabilities(
        program="claude",
        model_families=("claude-", "haiku", "opus", "sonnet"),
        keys=(Key(variable=KEY, base_url=VENDOR), Key(variable=TOKEN, base_url=VENDOR)),
        chooses_session=True,
        reports_cost=True,
    )
    probe = ("claude", "--version")

    def unfit(self, ended: Exit, output: str) -> str:
        """Any version that answers will do: what it does not know it refuses by itself."""
        return unanswered(self.probe, ended)

    def prepare(self, delegation: Delegation) -> Prepared:
        """A session of the id that we chose."""
        return _prepared(delegation, ("--session-id", delegation.session))

    def resume(self, delegation: Delegation, session: str) -> Prepared:
        """The session goes on; it tells the model itself that a call was cut off."""
        return _prepared(delegation, ("--resume", session))

    def parse(self, line: str) -> tuple[Event, ...]:
        """``system``, ``assistant``, ``rate_limit_event`` and ``result``."""
        event = record(line)
        match event.get("type"):
            case "system":
                return _system(event)
            case "assistant":
                return _assistant(event)
            case "rate_limit_event":
                return _limited(inner(event.get("rate_limit_info")))
            case "result":
                return _result(event)
            case _:
                return ()

    def classify(self, ended: Exit, events: Sequence[Event], accepted: bool) -> Ending:
        """By the rules for all."""
        return ending(ended, events, accepted)


def _prepared(delegation: Delegation, session: tuple[str, str]) -> Prepared:
    hand_off = delegation.hand_off
    home = delegation.home
    own = (*_READING, *_WRITING) if delegation.writes else _READING
    ours = tuple(f"mcp__{hand_off.name}__{tool}" for tool in hand_off.tools)
    subscribed = delegation.key_variable == TOKEN
    server = {"type": "stdio", "command": hand_off.argv[0], "args": hand_off.argv[1:]}
    argv = [
        *("claude", "-p", "--output-format", "stream-json", "--verbose"),
        *("--model", delegation.model.removeprefix("anthropic/")),
        *(("--setting-sources", "") if subscribed else ("--bare",)),
        *session,
        *("--permission-mode", "dontAsk"),
        *("--tools", ",".join(own), "--allowedTools", ",".join((*own, *ours))),
        *("--mcp-config", str(home / _SERVERS), "--strict-mcp-config"),
        *("--append-system-prompt-file", str(home / _SYSTEM)),
        *("--max-turns", str(delegation.max_turns)),
    ]
    if delegation.max_usd is not None:
        argv += ["--max-budget-usd", f"{delegation.max_usd:.6f}"]
    # The program appends the whole path.
    url = (delegation.base_url or "").rstrip("/").removesuffix("/v1")
    base = {"ANTHROPIC_BASE_URL": url} if url else {}
    return Prepared(
        argv=tuple(argv),
        variables={
            **_QUIET,
            "CLAUDE_CONFIG_DIR": str(home / ".claude"),
            "CLAUDE_ENV_FILE": str(home / _SHELL),
            "MCP_TOOL_TIMEOUT": str(int(hand_off.timeout_seconds * 1000)),
            **base,
        },
        stdin=delegation.prompt,
        files={
            _SHELL: f"unset {KEY} {TOKEN}\n",
            _SERVERS: json.dumps({"mcpServers": {hand_off.name: server}}),
            _SYSTEM: delegation.system,
        },
        key=TOKEN if subscribed else KEY,
    )


def _system(event: JsonObject) -> tuple[Event, ...]:
    match event.get("subtype"):
        case "init":
            servers = members(event.get("mcp_servers"))
            # Its status is "pending" while the server starts: only these mean that it never will.
            dead = [
                f"{text(server.get('name'))} {text(server.get('status'))}"
                for server in servers
                if server.get("status") in ("failed", "needs-auth", "disabled")
            ]
            session = text(event.get("session_id"))
            return (SessionBegan(session=session, tools_failed=", ".join(dead)),)
        case "api_retry":
            status = count(event.get("error_status")) or None
            words = text(event.get("error")) or "the provider did not answer"
            return (_trouble(words, status, is_final=False),)
        case _:
            return ()


def _assistant(event: JsonObject) -> tuple[Event, ...]:
    if event.get("is_api_error_message") is True:
        return ()  # the result says it again
    told: list[Event] = []
    for block in members(inner(event.get("message")).get("content")):
        if block.get("type") == "text" and (words := text(block.get("text"))):
            told.append(Said(text=words))
        elif block.get("type") == "tool_use":
            name = text(block.get("name"))
            told.append(ToolUsed(name=name, summary=summary(block.get("input"))))
    return tuple(told)


def _limited(info: JsonObject) -> tuple[Event, ...]:
    if info.get("status") != "rejected":
        return ()
    kind = text(info.get("rateLimitType")).replace("_", " ")
    return (
        Troubled(
            outcome=AttemptOutcome.PROVIDER_QUOTA,
            message=f"The subscription's {kind + ' ' if kind else ''}limit is reached.",
            resets_at=number(info.get("resetsAt")),
        ),
    )


def _result(event: JsonObject) -> tuple[Event, ...]:
    told: list[Event] = [TurnEnded(usage=_usage(event))]
    subtype, words = text(event.get("subtype")), _words(event)
    failed = event.get("is_error") is True
    if (limit := _LIMITS.get(subtype)) is not None:
        told.append(Troubled(outcome=limit, message=words))
    elif failed and event.get("terminal_reason") == "api_error":
        told.append(_trouble(words, count(event.get("api_error_status")) or None))
    return (*told, Finished(is_error=failed, message=words))


def _words(event: JsonObject) -> str:
    errors = event.get("errors")
    listed = [text(error) for error in errors] if isinstance(errors, list) else []
    return text(event.get("result")) or "; ".join(listed)


def _trouble(words: str, status: int | None, *, is_final: bool = True) -> Troubled:
    return Troubled(outcome=outcome_of(words, status), message=words, is_final=is_final)


def _usage(event: JsonObject) -> Usage:
    """Of all its models; for one that it does not know, the cost is its guess and none of ours."""
    models = [inner(used) for used in inner(event.get("modelUsage")).values()]
    cached = sum(count(used.get("cacheReadInputTokens")) for used in models)
    fresh = ("inputTokens", "cacheCreationInputTokens")
    guessed = any(used.get("costBasis") == "unknown" for used in models)
    return Usage(
        turns=count(event.get("num_turns")),
        input_tokens=cached + sum(count(used.get(key)) for used in models for key in fresh),
        output_tokens=sum(count(used.get("outputTokens")) for used in models),
        cached_tokens=cached,
        cost_usd=None if guessed else number(event.get("total_cost_usd")),
    )
