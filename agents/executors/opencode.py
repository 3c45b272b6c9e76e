"""opencode, headless: ``opencode run --format json``, all of its settings in one variable.

It loads the plugins of the folder that it starts in whatever it is told: see ``from_home``.
"""

import json
from collections.abc import Sequence
from typing import Final

from ...state.work import Usage
from . import claude, codex, from_home
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
from .lines import JsonObject, count, inner, record, summary, text

KEYS: Final = (
    Key(variable="ANTHROPIC_API_KEY", base_url=f"{claude.VENDOR}/v1", models="anthropic/"),
    Key(variable="OPENAI_API_KEY", base_url=codex.VENDOR, models="openai/"),
)

_SYSTEM: Final = "delegated/system.md"
_FOLDERS: Final = ("cache", "config", "data", "state")
_PROVIDER: Final = "dispatch"
_CONTEXT_TOKENS: Final = 200_000  # of a model that only its endpoint knows
_OUTPUT_TOKENS: Final = 32_000
_OFF: Final = (
    "AUTOUPDATE",
    "CLAUDE_CODE",
    "DEFAULT_PLUGINS",
    "EXTERNAL_SKILLS",
    "LSP_DOWNLOAD",
    "MODELS_FETCH",
    "PROJECT_CONFIG",
    "SHARE",
    "TERMINAL_TITLE",
)


class Opencode:
    """See ``DelegationExecutor``."""

    name = "opencode"
    capabilities = Capabilities(
        program="opencode",
        keys=KEYS,
    )
    probe = ("opencode", "--version")

    def unfit(self, ended: Exit, output: str) -> str:
        """Any version that answers will do: what it does not know it refuses by itself."""
        return unanswered(self.probe, ended)

    def prepare(self, delegation: Delegation) -> Prepared:
        """Its session's id comes with its first answer."""
        return _prepared(delegation, ())

    def resume(self, delegation: Delegation, session: str) -> Prepared:
        """The session goes on."""
        return _prepared(delegation, ("--session", session))

    def parse(self, line: str) -> tuple[Event, ...]:
        """``step_start``, ``text``, ``tool_use``, ``step_finish`` and ``error``."""
        event = record(line)
        part = inner(event.get("part"))
        match event.get("type"):
            case "step_start":
                return (SessionBegan(session=text(event.get("sessionID"))),)
            case "text" if text(part.get("text")):
                return (Said(text=text(part.get("text"))),)
            case "tool_use":
                given = inner(part.get("state")).get("input")
                return (ToolUsed(name=text(part.get("tool")), summary=summary(given)),)
            case "step_finish":
                return (TurnEnded(usage=_usage(inner(part.get("tokens")))),)
            case "error":
                return _failed(inner(event.get("error")))
            case _:
                return ()

    def classify(self, ended: Exit, events: Sequence[Event], accepted: bool) -> Ending:
        """By the rules for all."""
        return ending(ended, events, accepted)


def _prepared(delegation: Delegation, session: tuple[str, ...]) -> Prepared:
    hand_off, home = delegation.hand_off, delegation.home
    vendor, _, name = delegation.model.rpartition("/")
    own = delegation.is_provider or not vendor
    provider, model = (_PROVIDER, delegation.model) if own else (vendor, name)
    key = delegation.key_variable or KEYS[0].variable
    options = {"apiKey": f"{{env:{key}}}"}
    if delegation.base_url is not None:
        options["baseURL"] = delegation.base_url
    described: dict[str, object] = {"options": options}
    if own:
        limit = {"context": _CONTEXT_TOKENS, "output": _OUTPUT_TOKENS}
        described |= {
            "npm": "@ai-sdk/openai-compatible",
            "name": _PROVIDER,
            "models": {model: {"name": model, "tool_call": True, "limit": limit}},
        }
    settings = {
        "autoupdate": False,
        "enabled_providers": [provider],
        "instructions": [str(home / _SYSTEM)],
        "mcp": {
            hand_off.name: {
                "type": "local",
                "command": hand_off.argv,
                "enabled": True,
                "timeout": int(hand_off.timeout_seconds * 1000),
            }
        },
        "model": f"{provider}/{model}",
        "permission": "allow",
        "provider": {provider: described},
        "share": "disabled",
        "small_model": f"{provider}/{model}",
        "snapshot": False,
    }
    folders = {f"XDG_{kind.upper()}_HOME": str(home / kind) for kind in _FOLDERS}
    return Prepared(
        argv=(
            *from_home.starting(home),
            *("opencode", "run", "--format", "json", "--pure", "--title", _PROVIDER),
            *("--model", f"{provider}/{model}", *session),
        ),
        variables={
            **folders,
            **{f"OPENCODE_DISABLE_{what}": "1" for what in _OFF},
            "SHELL": "/bin/bash",
            "OPENCODE_CONFIG_CONTENT": json.dumps(settings),
        },
        stdin=delegation.prompt,
        files={**from_home.files(delegation, key), _SYSTEM: from_home.system(delegation)},
        key=key,
    )


def _failed(error: JsonObject) -> tuple[Event, ...]:
    data = inner(error.get("data"))
    words = text(data.get("message")) or text(error.get("name")) or "It did not say why it failed."
    outcome = outcome_of(words, count(data.get("statusCode")) or None)
    return (Troubled(outcome=outcome, message=words), Finished(is_error=True, message=words))


def _usage(tokens: JsonObject) -> Usage:
    """Of one step, thinking being output; what it costs is for us to say."""
    cache = inner(tokens.get("cache"))
    cached = count(cache.get("read"))
    return Usage(
        turns=1,
        input_tokens=count(tokens.get("input")) + cached + count(cache.get("write")),
        output_tokens=count(tokens.get("output")) + count(tokens.get("reasoning")),
        cached_tokens=cached,
        cost_usd=None,
    )
