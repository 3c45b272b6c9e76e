"""The settings: a schema that says the same as the loader, and a meaning for every key."""

import contextlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from dispatch.commands.config_examples import EXAMPLES
from dispatch.commands.settings import MEANINGS, config_schema, settings_table
from dispatch.state.config_file import load_config, only_place
from dispatch.state.errors import ConfigError

ROOT = Path(__file__).parent.parent.parent
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
        ({"commitStrategy": "grouped"}, ["'grouped' is not one of ['per-task']"]),
    ],
)
def test_editors_are_told_what_is_wrong(change: dict[str, object], problems: list[str]) -> None:
    errors = Draft7Validator(config_schema()).iter_errors({**GOOD, **change})
    assert [error.message for error in errors] == problems


@pytest.mark.parametrize(
    ("format", "file"), [("md", "docs/configuration.md"), ("man", "share/dispatch-config.5")]
)
def test_the_reference_of_the_configuration_is_current(format: str, file: str, cli: Cli) -> None:  # noqa: A002
    """Renew it with ``make docs``."""
    shipped = (ROOT / file).read_text(encoding="utf-8")
    assert cli("schema", "--format", format) == (0, shipped, "")


def test_every_key_stands_in_both_references(cli: Cli) -> None:
    markdown, manual = (cli("schema", "--format", each)[1] for each in ("md", "man"))
    for key in MEANINGS:
        top, _, below = key.partition(".")
        assert f"## `{top.removesuffix('[]')}`" in markdown
        assert not below or f"| `{below}` |" in markdown
        assert f".B {key}\n" in manual


@pytest.mark.parametrize("key", EXAMPLES)
def test_every_example_of_the_reference_loads(key: str, tmp_path: Path) -> None:
    rest = {name: value for name, value in GOOD.items() if name != key}
    user_file = tmp_path / "user.yaml"
    mine = "your own" in only_place(key)
    user_file.write_text(EXAMPLES[key] if mine else "", encoding="utf-8")
    lines = "".join(f"{json.dumps(name)}: {json.dumps(value)}\n" for name, value in rest.items())
    config = tmp_path / "dispatch-config.yaml"
    config.write_text(lines + ("" if mine else EXAMPLES[key]), encoding="utf-8")
    assert load_config(tmp_path, user_file)


@pytest.mark.parametrize("adapter", ["anthropic", "openai", "openai-compatible", "other"])
def test_editors_and_the_loader_know_the_same_adapters(adapter: str, tmp_path: Path) -> None:
    provider = {"baseURL": "https://models.example.org", "adapter": adapter}
    text = "".join(f"{key}: {json.dumps(value)}\n" for key, value in GOOD.items())
    config = tmp_path / "dispatch-config.yaml"
    config.write_text(f"{text}provider: {json.dumps(provider)}\n", encoding="utf-8")
    right = Draft7Validator(config_schema()).is_valid({**GOOD, "provider": provider})
    with contextlib.nullcontext() if right else pytest.raises(ConfigError):
        load_config(tmp_path, tmp_path / "none")
