"""The settings: a schema that says the same as the loader, and a meaning for every key."""

import json
from collections.abc import Callable

import pytest
from jsonschema import Draft7Validator

from dispatch.commands.settings import MEANINGS, config_schema, settings_table

Cli = Callable[..., tuple[int, str, str]]

ROLES = ("planner", "implementer", "critic", "gateCritic", "greybeard", "attribution", "fixAgent")
GOOD: dict[str, object] = {"buildGate": ["make"], "modelConfig": dict.fromkeys(ROLES, "m")}


def test_every_key_has_a_meaning_and_every_meaning_a_key() -> None:
    keys = [line.split("`")[1] for line in settings_table().split("\n")[2:]]
    assert keys == list(MEANINGS)


def test_the_schema_is_legal_and_printed(cli: Cli) -> None:
    Draft7Validator.check_schema(config_schema())
    code, out, err = cli("schema")
    assert (code, json.loads(out), err) == (0, config_schema(), "")


@pytest.mark.parametrize(
    ("change", "problems"),
    [
        ({}, []),
        ({"provider": None, "limits": {"usd": 5, "tokens": None}}, []),
        ({"buildGat": []}, ["Additional properties are not allowed ('buildGat' was unexpected)"]),
        ({"maxParallel": "many"}, ["'many' is not of type 'integer'"]),
        ({"isolation": "none"}, ["'none' is not one of ['level', 'task']"]),
    ],
)
def test_editors_are_told_what_is_wrong(change: dict[str, object], problems: list[str]) -> None:
    errors = Draft7Validator(config_schema()).iter_errors({**GOOD, **change})
    assert [error.message for error in errors] == problems
