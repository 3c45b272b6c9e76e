"""JSON schemas in the subset that every provider takes; what a tool checks stays the strict one."""

from collections.abc import Mapping

_NAMED = ("properties", "$defs", "definitions")  # name -> schema
_LISTED = ("oneOf", "anyOf", "allOf")


def portable(schema: Mapping[str, object]) -> dict[str, object]:
    """A copy with types on enums and one ``items`` for tuples; doing it twice changes nothing.

    Some validators refuse an enum without a type, and ``items`` that is not an object.
    """
    result = {key: value for key, value in schema.items() if key != "prefixItems"}
    for key in _NAMED:
        if isinstance(named := result.get(key), Mapping):
            result[key] = {name: _portable(value) for name, value in named.items()}
    for key in _LISTED:
        if isinstance(listed := result.get(key), list | tuple):
            result[key] = [_portable(value) for value in listed]
    if "additionalProperties" in result:
        result["additionalProperties"] = _portable(result["additionalProperties"])
    if "prefixItems" in schema or "items" in schema:
        result["items"] = _items(schema.get("prefixItems"), schema.get("items"))
    words = result.get("enum")
    if "type" not in result and isinstance(words, list | tuple) and words:
        result |= {"type": "string"} if all(isinstance(word, str) for word in words) else {}
    return result


def _items(places: object, rest: object) -> dict[str, object]:
    """One schema for all positions of a list; ``{}`` where they differ."""
    schemas = [value for value in (places, rest) if isinstance(value, list | tuple)]
    positions = [_portable(place) for listed in schemas for place in listed]
    if isinstance(rest, Mapping):
        positions.append(portable(rest))
    if any(position != positions[0] for position in positions):
        return {}
    return dict(first) if positions and isinstance(first := positions[0], Mapping) else {}


def _portable(value: object) -> object:
    return portable(value) if isinstance(value, Mapping) else value
