"""What holds of ``events.jsonl`` whatever happened: it is as published, and has no gap."""

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from dispatch.state.event_log import EVENTS
from dispatch.state.event_types import EVENT_TYPES, event_schema

_HEAD = {"v", "seq", "ts", "type"}
_WHOLE = Draft202012Validator({**event_schema(), "allOf": []})
# One rule each: all of them, for each event of a long run, would take a second.
_RULES = {
    name: Draft202012Validator(rule)
    for name, rule in zip(EVENT_TYPES, event_schema()["allOf"], strict=True)
}


def legal_events(folder: Path) -> list[dict[str, Any]]:
    """The events of a run whose process is dead, each held against the schema and the table."""
    whole, end, _ = (folder / EVENTS).read_text(encoding="utf-8").rpartition("\n")
    events = [json.loads(line) for line in (whole + end).splitlines()]
    for event in events:
        _WHOLE.validate(event)
        require_row(event["type"], set(event) - _HEAD)
        _RULES[event["type"]].validate(event)
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    return events


def require_row(kind: str, fields: set[str]) -> None:
    """The table has that type with exactly these fields, so that nobody is surprised by others."""
    assert kind in EVENT_TYPES, f"{kind} has no row in state/event_types.py"
    assert fields in ({"cut"}, set(EVENT_TYPES[kind].fields)), f"{kind} has other fields: {fields}"
