import pytest

from dispatch.agents.executors.schema import portable

STRING = {"type": "string"}
INTEGER = {"type": "integer"}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"enum": ["a", "b"]}, {"enum": ["a", "b"], "type": "string"}),
        ({"enum": ["a", 1]}, {"enum": ["a", 1]}),
        (
            {"type": "object", "properties": {"kind": {"enum": ["a"]}}},
            {"type": "object", "properties": {"kind": {"enum": ["a"], "type": "string"}}},
        ),
        (
            {"anyOf": [{"enum": ["a"]}, {"type": "null"}]},
            {"anyOf": [{"enum": ["a"], "type": "string"}, {"type": "null"}]},
        ),
        ({"$defs": {"K": {"enum": ["a"]}}}, {"$defs": {"K": {"enum": ["a"], "type": "string"}}}),
        (
            {"additionalProperties": {"enum": ["a"]}},
            {"additionalProperties": {"enum": ["a"], "type": "string"}},
        ),
        ({"additionalProperties": False}, {"additionalProperties": False}),
        ({"items": {"enum": ["a"]}}, {"items": {"enum": ["a"], "type": "string"}}),
        ({"prefixItems": [INTEGER, INTEGER], "items": False}, {"items": INTEGER}),
        ({"prefixItems": [INTEGER, STRING], "items": False}, {"items": {}}),
        ({"items": [INTEGER, INTEGER]}, {"items": INTEGER}),
        ({"prefixItems": [INTEGER], "items": STRING}, {"items": {}}),
        ({"items": False}, {"items": {}}),
    ],
)
def test_a_schema_is_brought_into_the_subset_every_provider_takes(
    schema: dict[str, object], expected: dict[str, object]
) -> None:
    """[4.9] Doing it twice changes nothing."""
    assert portable(schema) == expected
    assert portable(expected) == expected
