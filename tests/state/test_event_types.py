"""The published format of events."""

import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, ValidationError

from dispatch.state.event_types import EVENT_TYPES, event_schema

ROOT = Path(__file__).parents[2]
HEAD = {"v": 1, "seq": 1, "ts": "2026-01-02T03:04:05.678Z"}


def test_the_schema_is_legal_and_the_one_that_is_shipped() -> None:
    """Renew it with ``make docs``."""
    Draft202012Validator.check_schema(event_schema())
    shipped = (ROOT / "share" / "events.schema.json").read_text(encoding="utf-8")
    assert json.loads(shipped) == event_schema()


def test_types_are_dotted_and_in_the_past_tense() -> None:
    odd = {name for name in EVENT_TYPES if not re.fullmatch(r"[a-z]+\.[a-z_]+ed", name)}
    assert odd == {"level.rebuilt"}  # which is past enough


@pytest.mark.parametrize(
    "event",
    [
        {"type": "task.submitted", "task": "1a-x"},
        {"type": "task.submitted", "task": "1a-x", "later": "a field of a newer program"},
        {"type": "level.begun", "of": "a newer program"},
        {"type": "task.failed", "cut": True},
    ],
)
def test_what_a_reader_must_expect_is_legal(event: dict[str, object]) -> None:
    Draft202012Validator(event_schema()).validate({**HEAD, **event})


@pytest.mark.parametrize(
    "event",
    [
        {"type": "task.submitted"},
        {"type": "task.submitted", "task": 1},
        {"type": "task.submitted", "task": "1a-x", "seq": 0},
        {"type": "task.submitted", "task": "1a-x", "v": 2},
        {"type": "Task"},
        {"type": "run.completed", "outcome": "perhaps"},
    ],
)
def test_what_would_surprise_a_reader_is_not(event: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Draft202012Validator(event_schema()).validate({**HEAD, **event})
