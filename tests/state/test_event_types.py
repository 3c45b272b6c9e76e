"""The published format of events."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, ValidationError

from dispatch.fsm.lifecycle import RunEvent
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


def test_what_the_program_tells_is_in_the_table_and_nothing_else_is() -> None:
    """Each call in the source names a type and exactly its fields."""
    told: dict[str, set[str]] = {}
    for path in sorted(ROOT.glob("[!.t]*/**/*.py")):
        for call in _calls(ast.parse(path.read_text(encoding="utf-8"))):
            fields = {word.arg for word in call.keywords if word.arg is not None}
            if path.is_relative_to(ROOT / "agents"):
                fields.add("attempt")  # whose runner adds it to each
            told |= dict.fromkeys(_types(call), fields)
    assert told == {name: set(row.fields) for name, row in EVENT_TYPES.items()}


def _calls(tree: ast.Module) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            is_event = node.func.attr in ("event", "_event") and len(node.args) == 1
            is_end = ast.unparse(node.func) == "ports.journal.complete"
            if is_end or (is_event and ast.unparse(node.args[0]) not in ("COMPLETED", "kind")):
                yield node


def _types(call: ast.Call) -> list[str]:
    """The types that a call can tell: of ``f"run.{…}"`` all that begin so and fit."""
    if not call.args:
        return ["run.completed"]
    match call.args[0]:
        case ast.Constant(value=str(name)):
            return [name]
        case ast.JoinedStr(values=[ast.Constant(value="run."), *_]):
            return [f"run.{event}" for event in RunEvent]
        case ast.JoinedStr(values=[ast.Constant(value="attempt."), *_]):
            return ["attempt.started", "attempt.resumed"]
    raise AssertionError(ast.unparse(call))
