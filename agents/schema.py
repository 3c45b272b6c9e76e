"""What a model must send: a JSON schema made from an attrs class, and arguments judged by it.

The schema keeps to what every provider takes: no ``$ref``, no tuples by position, no enumeration
without a type, nothing beyond the listed properties.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Final, Generic, TypeVar, cast

import msgspec
from attrs import frozen
from jsonschema import Draft202012Validator, ValidationError

from ..state.codec import Problem, ShapeError, key_of, structure_strict
from ..state.near import nearest

T = TypeVar("T")

Schema = dict[str, Any]  # a JSON schema has no narrower type

MAX_PROBLEMS: Final = 20
MAX_SHOWN: Final = 80

_REF_TEMPLATE: Final = "#/$defs/{name}"
_KEY_ORDER: Final = ("type", "description", "properties", "required", "additionalProperties")
_DROPPED: Final = frozenset({"title", "default", "$defs", "$ref", "prefixItems"})
_STORE_OF_UNKNOWN: Final = "unknown"  # of state.record.Record: never a model's to fill
_WORDS: Final[Mapping[str, str]] = {
    "string": "a string",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}


@frozen
class Parsed(Generic[T]):
    """Arguments as their class, or every problem with them as sentences."""

    value: T | None
    problems: tuple[str, ...] = ()


def schema(cls: type, *, snake: bool = False) -> Schema:
    """The schema of an attrs class; keys as on disk, or as in Python with ``snake``.

    Properties without a default are required.  Descriptions and bounds come from
    ``Annotated[..., msgspec.Meta(...)]``.  Raises ValueError for a class that contains itself.
    """
    (whole,), parts = msgspec.json.schema_components(
        (cls,), schema_hook=_anything, ref_template=_REF_TEMPLATE
    )
    named = {_REF_TEMPLATE.format(name=name): part for name, part in parts.items()}
    return _tidy(whole, named, snake)


def provider_subset(foreign: Mapping[str, Any]) -> Schema:
    """Any schema without references brought into the subset; applying it again changes nothing."""
    return _tidy(foreign, {}, True)


def parse_arguments(cls: type[T], raw: Mapping[str, object], *, snake: bool = False) -> Parsed[T]:
    """Judge by the schema, then structure strictly; ``snake`` is for flat classes only."""
    errors = _validator(cast(Any, cls), snake).iter_errors(raw)
    problems = _unique(_sentences(error) for error in errors)
    if problems:
        return Parsed(None, problems)
    plain = {key_of(key): value for key, value in raw.items()} if snake else dict(raw)
    try:
        return Parsed(structure_strict(plain, cls))
    except ShapeError as error:
        return Parsed(None, _unique([str(problem)] for problem in error.found))


@cache
def _validator(cls: Any, snake: bool) -> Draft202012Validator:
    return Draft202012Validator(schema(cls, snake=snake))


def _anything(kind: type) -> Schema:
    if kind is object:
        return {"title": "anything"}
    raise NotImplementedError(f"{kind} has no JSON schema")


def _tidy(
    node: Mapping[str, Any], parts: Mapping[str, Schema], snake: bool, above: tuple[str, ...] = ()
) -> Schema:
    """The schema with references put in place and every node in the subset."""
    reference = node.get("$ref")
    if reference is not None:
        if reference in above:
            raise ValueError(f"a schema may not contain itself: {reference}")
        node = {**parts[reference], **node}
        above = (*above, reference)

    def below(inner: Mapping[str, Any]) -> Schema:
        return _tidy(inner, parts, snake, above)

    tidy = {key: value for key, value in node.items() if key not in _DROPPED}
    if "enum" in tidy and "type" not in tidy and all(isinstance(one, str) for one in tidy["enum"]):
        tidy["type"] = "string"
    if "prefixItems" in node:
        places = [below(place) for place in node["prefixItems"]]
        tidy["items"] = places[0] if all(place == places[0] for place in places) else {}
    elif isinstance(tidy.get("items"), Mapping):
        tidy["items"] = below(tidy["items"])
    if "properties" in tidy:
        _tidy_properties(tidy, below, snake)
    elif isinstance(tidy.get("additionalProperties"), Mapping):
        tidy["additionalProperties"] = below(tidy["additionalProperties"])
    for word in ("anyOf", "oneOf", "allOf"):
        if word in tidy:
            tidy[word] = [below(inner) for inner in tidy[word]]
    first = [key for key in _KEY_ORDER if key in tidy]
    return {key: tidy[key] for key in (*first, *sorted(tidy.keys() - set(first)))}


def _tidy_properties(tidy: Schema, below: Any, snake: bool) -> None:
    names = {name: name if snake else key_of(name) for name in tidy["properties"]}
    tidy["properties"] = {
        names[name]: below(node)
        for name, node in tidy["properties"].items()
        if name != _STORE_OF_UNKNOWN
    }
    tidy["required"] = [names[name] for name in tidy.get("required", ())]
    tidy["additionalProperties"] = False


def _unique(sentences: Iterable[Iterable[str]]) -> tuple[str, ...]:
    found = sorted({sentence for some in sentences for sentence in some})
    hidden = len(found) - MAX_PROBLEMS
    more = (f"and {hidden} more problems",) if hidden > 0 else ()
    return (*found[:MAX_PROBLEMS], *more)


def _sentences(error: ValidationError) -> Iterator[str]:
    """What is wrong, each with its place, in words a model can act on."""
    if error.validator in ("anyOf", "oneOf") and error.context:
        # "or null" is not what the value was meant to be.
        for inner in error.context:
            if inner.validator != "type" or inner.validator_value != "null":
                yield from _sentences(inner)
        return
    path = tuple(error.absolute_path)
    value: Any = error.instance
    bound: Any = error.validator_value
    match error.validator:
        case "required":
            for name in bound:
                if name not in value:
                    yield str(Problem((*path, name), "is missing"))
        case "additionalProperties":
            known = error.schema["properties"] if isinstance(error.schema, dict) else {}
            for name in sorted(value.keys() - known.keys()):
                yield str(Problem((*path, name), f"is not known; {nearest(name, known)}"))
        case "type":
            yield str(Problem(path, f"must be {_WORDS[bound]}, not {_kind(value)}"))
        case "enum":
            words = ", ".join(map(str, bound))
            yield str(Problem(path, f"must be one of {words}, not {_short(value)}"))
        case "minLength" | "minItems" if bound == 1:
            yield str(Problem(path, "must not be empty"))
        case "minLength" | "maxLength" | "minItems" | "maxItems":
            unit = "characters" if isinstance(value, str) else "entries"
            side = "at least" if str(error.validator).startswith("min") else "at most"
            yield str(Problem(path, f"must have {side} {bound} {unit}, it has {len(value)}"))
        case "pattern":
            yield str(Problem(path, f"must match the pattern {bound}, {_short(value)} does not"))
        case "minimum" | "exclusiveMinimum" | "maximum" | "exclusiveMaximum":
            yield str(Problem(path, f"must be {_SIDES[str(error.validator)]} {bound}, not {value}"))
        case _:
            yield str(Problem(path, error.message[:500]))


_SIDES: Final[Mapping[str, str]] = {
    "minimum": "at least",
    "exclusiveMinimum": "greater than",
    "maximum": "at most",
    "exclusiveMaximum": "less than",
}


def _kind(value: object) -> str:
    for kind, word in (
        (str, "string"),
        (bool, "boolean"),
        (int | float, "number"),
        (Mapping, "object"),
        (type(None), "null"),
    ):
        if isinstance(value, kind):
            return _WORDS[word]
    return _WORDS["array"]


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"
