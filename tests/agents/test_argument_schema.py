"""JSON schemas from classes, and arguments judged by them."""

from collections.abc import Mapping
from typing import Annotated

import pytest
from attrs import field, frozen
from jsonschema import Draft202012Validator
from msgspec import Meta

from dispatch.agents.schema import Parsed, parse_arguments, provider_subset, schema
from dispatch.state.enums import FindingSeverity, TaskClass
from dispatch.state.judgements import Finding, GateVerdict
from dispatch.state.records import Plan
from dispatch.state.work import TaskOutput


@frozen(kw_only=True)
class Proposal:
    """What is proposed."""

    slug: Annotated[str, Meta(description="Short name.", pattern="^[a-z-]+$", min_length=1)]
    task_class: TaskClass
    depends_on: tuple[str, ...] = ()
    span: tuple[int, int] | None = None
    mixed: tuple[int, str] = (0, "")
    scores: Annotated[Mapping[str, float], Meta(description="By name.")] = field(factory=dict)
    findings: Annotated[tuple[Finding, ...], Meta(max_length=2)] = ()


@frozen
class Node:
    """Contains itself."""

    below: "tuple[Node, ...]" = ()


def test_the_schema_keeps_to_what_every_provider_takes() -> None:
    """Camel case, typed enums, no positions, no references, closed, described."""
    finding = schema(Finding)
    assert schema(Proposal) == {
        "type": "object",
        "description": "What is proposed.",
        "properties": {
            "slug": {
                "type": "string",
                "description": "Short name.",
                "minLength": 1,
                "pattern": "^[a-z-]+$",
            },
            "class": {
                "type": "string",
                "description": "Whether a task adds behaviour or repairs it.",
                "enum": ["bugfix", "feature"],
            },
            "dependsOn": {"type": "array", "items": {"type": "string"}},
            "span": {
                "anyOf": [
                    {
                        "type": "array",
                        "items": {"type": "integer"},
                        "maxItems": 2,
                        "minItems": 2,
                    },
                    {"type": "null"},
                ]
            },
            "mixed": {"type": "array", "items": {}, "maxItems": 2, "minItems": 2},
            "scores": {
                "type": "object",
                "description": "By name.",
                "additionalProperties": {"type": "number"},
            },
            "findings": {"type": "array", "items": finding, "maxItems": 2},
        },
        "required": ["slug", "class"],
        "additionalProperties": False,
    }


@pytest.mark.parametrize("cls", [Proposal, Finding, GateVerdict, Plan, TaskOutput])
def test_a_schema_is_legal_stable_and_already_in_the_subset(cls: type) -> None:
    """Applying the rules again changes nothing, not even the order of keys."""
    made = schema(cls)
    Draft202012Validator.check_schema(made)
    assert repr(provider_subset(made)) == repr(made) == repr(schema(cls))
    assert "unknown" not in made["properties"]


def test_a_class_that_contains_itself_is_refused() -> None:
    """It cannot be written without references."""
    with pytest.raises(ValueError, match="may not contain itself"):
        schema(Node)


def test_good_arguments_become_the_class() -> None:
    """[TT-05] Enums, tuples and nested records, without a conversion by the caller."""
    raw: dict[str, object] = {
        "slug": "a-b",
        "class": "bugfix",
        "span": [1, 2],
        "findings": [{"id": "f1", "severity": "blocking", "description": "d"}],
    }
    finding = Finding(id="f1", severity=FindingSeverity.BLOCKING, description="d")
    assert parse_arguments(Proposal, raw) == Parsed(
        Proposal(slug="a-b", task_class=TaskClass.BUGFIX, span=(1, 2), findings=(finding,))
    )


def test_all_problems_are_sentences_with_their_place() -> None:
    """One answer is enough to repair the call."""
    raw: dict[str, object] = {
        "slug": "A B",
        "dependsOn": ["x", 3],
        "span": [1],
        "scores": {"a": "high"},
        "findings": [{"id": 1, "severity": "bad"}, {}, {}],
        "depend_on": [],
    }
    assert parse_arguments(Proposal, raw) == Parsed(
        None,
        (
            "class: is missing",
            "depend_on: is not known; did you mean dependsOn?",
            "dependsOn[1]: must be a string, not a number",
            "findings: must have at most 2 entries, it has 3",
            "findings[0].description: is missing",
            "findings[0].id: must be a string, not a number",
            "findings[0].severity: must be one of advisory, blocking, not 'bad'",
            "findings[1].description: is missing",
            "findings[1].id: is missing",
            "findings[1].severity: is missing",
            "findings[2].description: is missing",
            "findings[2].id: is missing",
            "findings[2].severity: is missing",
            "scores.a: must be a number, not a string",
            "slug: must match the pattern ^[a-z-]+$, 'A B' does not",
            "span: must have at least 2 entries, it has 1",
        ),
    )


def test_what_only_the_class_can_judge_is_a_problem_too() -> None:
    """A mixed pair has no place of its own in the schema."""
    parsed = parse_arguments(Proposal, {"slug": "a", "class": "feature", "mixed": ["x", "y"]})
    assert parsed == Parsed(None, ("mixed[0]: 'x' is not a whole number",))
