"""What ``events.jsonl`` may hold: each type of event with its fields, and the schema made of it.

A published format: within one version types and fields are only added, so who reads it passes over
what he does not know.  A new event is a row here.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from attrs import frozen

from .enums import (
    AttemptOutcome,
    AttributedBy,
    DecisionOutcome,
    FailureCause,
    FailureKind,
    FixSource,
    GateOutcome,
    Role,
    RouteLabel,
    RunOutcome,
    RunStatus,
    VerificationOutcome,
)

EVENT_VERSION: Final = 1
SCHEMA_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]


@frozen
class EventType:
    """One row: when the event is written, and the JSON schema of each of its fields."""

    meaning: str
    fields: Mapping[str, Schema]


def _one_of(words: type[StrEnum]) -> Schema:
    return {"type": "string", "enum": [word.value for word in words]}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


_TEXT: Final[Schema] = {"type": "string"}
_TEXTS: Final[Schema] = {"type": "array", "items": _TEXT}
_FLAG: Final[Schema] = {"type": "boolean"}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_NUMBER: Final[Schema] = {"type": "number", "minimum": 0}  # of seconds or USD

# ``costUSD`` is null where a price is not known, which is never zero.
_TOKENS: Final = {"inputTokens": _COUNT, "outputTokens": _COUNT, "costUSD": _or_null(_NUMBER)}
_USED: Final = {"turns": _COUNT, **_TOKENS}
_ATTEMPT: Final = {
    "attempt": _TEXT,
    "role": _one_of(Role),
    "task": _or_null(_TEXT),
    "executor": _TEXT,
    "model": _TEXT,
}
_MOVED: Final = {
    "source": _one_of(RunStatus),
    "target": _one_of(RunStatus),
    "reason": _TEXT,
}

EVENT_TYPES: Final[Mapping[str, EventType]] = {
    "run.started": EventType(
        "a process takes up a run that is not over; `resumed`: it was begun before",
        {"run": _TEXT, "resumed": _FLAG, "process": _COUNT, "status": _one_of(RunStatus)},
    ),
    "run.plan_submitted": EventType("the planner finalised a plan", _MOVED),
    "run.plan_refused": EventType("the plan goes back to the planner, with reasons", _MOVED),
    "run.plan_accepted": EventType("the plan is carried out from here on", _MOVED),
    "run.level_passed": EventType("a level is over, and another one follows", _MOVED),
    "run.levels_passed": EventType("the last level is over", _MOVED),
    "run.verified": EventType("the result is no worse than the baseline", _MOVED),
    "run.regressed": EventType("the build gate found new failures", _MOVED),
    "run.repaired": EventType("repairs of new failures are integrated", _MOVED),
    "run.consolidated": EventType("the branch is published, the report is written", _MOVED),
    "run.failed": EventType("the run stops as failed; `dispatch retry` leads on", _MOVED),
    "run.retried": EventType("the operator had a failed run go on", _MOVED),
    "run.completed": EventType(
        "the last line of a process that was not killed: how it left the run, what was used",
        {
            "run": _TEXT,
            "outcome": _one_of(RunOutcome),
            "exitCode": _COUNT,
            "status": _one_of(RunStatus),
            "reason": _TEXT,
            **_USED,
            "seconds": _NUMBER,
            "branch": _TEXT,
            "commit": _or_null(_TEXT),
            "report": _or_null(_TEXT),
        },
    ),
    "route.decided": EventType(
        "who does a kind of work; `carriedOut`: or is only advised to",
        {
            "role": _one_of(Role),
            "label": _one_of(RouteLabel),
            "executor": _TEXT,
            "model": _TEXT,
            "carriedOut": _FLAG,
            "reason": _TEXT,
        },
    ),
    "level.started": EventType(
        "work on a level begins, or goes on after a start", {"level": _COUNT}
    ),
    "level.judged": EventType(
        "the gate critic gave its verdict", {"level": _COUNT, "status": _one_of(GateOutcome)}
    ),
    "level.rebuilt": EventType(
        "repairs were integrated into a level; `folded`: into the tasks' own commits",
        {"level": _COUNT, "folded": _FLAG, "tip": _TEXT},
    ),
    "task.started": EventType("an implementer may begin", {"task": _TEXT, "worktree": _TEXT}),
    "race.started": EventType(
        "several implementers may begin with one task, each in a worktree of its own",
        {"task": _TEXT, "entrants": _COUNT},
    ),
    "race.decided": EventType(
        "the work of one of them was taken", {"task": _TEXT, "attempt": _TEXT, "reason": _TEXT}
    ),
    "task.submitted": EventType("its work was accepted from the implementer", {"task": _TEXT}),
    "task.conflicted": EventType(
        "its work conflicts with its siblings'", {"task": _TEXT, "paths": _TEXTS}
    ),
    "task.restarted": EventType(
        "it is made again on what its siblings did; its work is kept under `ref`",
        {"task": _TEXT, "paths": _TEXTS, "ref": _TEXT},
    ),
    "task.committed": EventType(
        "it is in its level; null: its share is empty", {"task": _TEXT, "commit": _or_null(_TEXT)}
    ),
    "task.critiqued": EventType(
        "its critic gave a verdict",
        {"task": _TEXT, "status": _one_of(GateOutcome), "findings": _COUNT},
    ),
    "task.fixed": EventType(
        "a repair of it was accepted",
        {"task": _TEXT, "source": _one_of(FixSource), "round": _COUNT},
    ),
    "task.completed": EventType(
        "its review is over, with its level's", {"task": _TEXT, "commit": _or_null(_TEXT)}
    ),
    "task.failed": EventType(
        "it was set aside, its work kept",
        {"task": _TEXT, "failure": _one_of(FailureKind), "message": _TEXT},
    ),
    "files.regenerated": EventType(
        "a hub file was made anew by its command; null: the command failed",
        {"task": _TEXT, "paths": _TEXTS, "tree": _or_null(_TEXT)},
    ),
    "attempt.started": EventType("an agent got a job", _ATTEMPT),
    "attempt.resumed": EventType("an interrupted agent goes on", _ATTEMPT),
    "attempt.paused": EventType(
        "it waits for an allowance of its provider",
        {"attempt": _TEXT, "model": _TEXT, "seconds": _NUMBER},
    ),
    "attempt.ended": EventType(
        "it ended, and nothing of it will be asked for again",
        {
            "attempt": _TEXT,
            "role": _one_of(Role),
            "task": _or_null(_TEXT),
            "outcome": _one_of(AttemptOutcome),
            **_USED,
        },
    ),
    "turn.completed": EventType(
        "a turn of a model is over",
        {"attempt": _TEXT, "turn": _COUNT, "finishReason": _TEXT, "toolCalls": _COUNT, **_TOKENS},
    ),
    "tool.started": EventType(
        "a call of a tool began", {"attempt": _TEXT, "turn": _COUNT, "tool": _TEXT}
    ),
    "tool.called": EventType(
        "a call of a tool returned",
        {"attempt": _TEXT, "turn": _COUNT, "tool": _TEXT, "ok": _FLAG, "seconds": _NUMBER},
    ),
    "command.ended": EventType(
        "a command of the build gate or a task ended; null: by a signal or a limit",
        {
            "command": _TEXT,
            "exitCode": _or_null({"type": "integer"}),
            "seconds": _NUMBER,
            "log": _TEXT,
        },
    ),
    "deviation.decided": EventType(
        "what is done about a departure from the plan",
        {
            "task": _TEXT,
            "deviation": _TEXT,
            "outcome": _one_of(DecisionOutcome),
            "reason": _TEXT,
        },
    ),
    "escalation.opened": EventType(
        "the operator is asked", {"escalation": _TEXT, "task": _or_null(_TEXT)}
    ),
    "escalation.answered": EventType("he answered", {"escalation": _TEXT, "verb": _TEXT}),
    "operator.edited": EventType(
        "a change of his in a level's worktree was taken",
        {"escalation": _TEXT, "level": _COUNT, "paths": _TEXTS},
    ),
    "repository.changed": EventType(
        "git's settings, hooks or refs of the user's repository changed beside an attempt",
        {"attempt": _TEXT, "programs": _TEXTS, "others": _TEXTS, "failed": _FLAG},
    ),
    "verification.compared": EventType(
        "the final build was compared with the baseline",
        {"round": _COUNT, "outcome": _one_of(VerificationOutcome)},
    ),
    "failure.attributed": EventType(
        "the cause of a new failure was found",
        {
            "failure": _TEXT,
            "cause": _one_of(FailureCause),
            "tasks": _TEXTS,
            "by": _one_of(AttributedBy),
        },
    ),
    "branch.published": EventType(
        "the user's copy of the integration branch moved", {"branch": _TEXT, "commit": _TEXT}
    ),
}

_HEAD: Final[Mapping[str, Schema]] = {
    "v": {"const": EVENT_VERSION, "description": "The version of this format."},
    "seq": {
        "type": "integer",
        "minimum": 1,
        "description": "Counts from 1 without a gap, over all processes of the run.",
    },
    "ts": {"type": "string", "description": "When it was written: ISO 8601 in UTC."},
    "type": {"type": "string", "pattern": r"^[a-z]+\.[a-z_]+$"},
    "cut": {"const": True, "description": "It was too large: its other fields are left out."},
}


def event_schema() -> Schema:
    """The JSON schema of one line of ``events.jsonl``."""
    return {
        "$schema": SCHEMA_DIALECT,
        "title": "One line of events.jsonl",
        "description": "Types and fields are added within a version: pass over unknown ones.",
        "type": "object",
        "properties": dict(_HEAD),
        "required": ["v", "seq", "ts", "type"],
        "allOf": [_rule(name, row) for name, row in EVENT_TYPES.items()],
    }


def events_table() -> str:
    """Every type of event as a row of a Markdown table."""
    rows = ["| type | fields | when |", "|---|---|---|"]
    rows += [
        f"| `{name}` | {', '.join(f'`{each}`' for each in row.fields)} | {row.meaning} |"
        for name, row in EVENT_TYPES.items()
    ]
    return "\n".join(rows)


def _rule(name: str, row: EventType) -> Schema:
    return {
        "if": {
            "properties": {"type": {"const": name}},
            "not": {"required": ["cut"]},
        },
        "then": {
            "description": f"{row.meaning[:1].upper()}{row.meaning[1:]}.",
            "properties": dict(row.fields),
            "required": list(row.fields),
        },
    }
