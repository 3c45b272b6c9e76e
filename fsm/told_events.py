"""Events as lines for people, for whoever watches a run of another process: pure."""

from collections.abc import Mapping
from typing import Final

from ..state.clean_text import clean

MAX_VALUE: Final = 200  # characters of one field
# What an event is about is the first of these that it names.
SUBJECTS: Final = ("escalation", "attempt", "deviation", "task", "level", "command")
# Too many to be read; what they say is in the table of agents.
NOT_TOLD: Final = frozenset({"turn.completed", "tool.started", "tool.called"})

_HEAD: Final = ("v", "seq", "ts", "type")


def told(event: Mapping[str, object]) -> tuple[str, str] | None:
    """The label and the text of an event's line; null for one that is not worth a line."""
    kind = str(event["type"])
    if kind in NOT_TOLD:
        return None
    of, _, what = kind.partition(".")
    if "source" in event and "target" in event:
        reason = f": {_value(event['reason'])}" if event.get("reason") else ""
        return of, f"{_value(event['source'])} → {_value(event['target'])}{reason}"
    subject = next((name for name in SUBJECTS if event.get(name) is not None), "")
    fields = {
        name: _value(value)
        for name, value in event.items()
        if name not in (*_HEAD, subject) and value is not None and not isinstance(value, dict)
    }
    label = f"{of} {_value(event[subject])}" if subject else of
    shown = ", ".join(f"{name} {value}" for name, value in fields.items() if value)
    return label, f"{what.replace('_', ' ')}{f': {shown}' if shown else ''}"


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    line = " ".join(clean(text[: 4 * MAX_VALUE]).split())
    return line if len(line) <= MAX_VALUE else f"{line[: MAX_VALUE - 1]}…"
