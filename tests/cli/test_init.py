"""``dispatch init``: files that fit the repository and load, and nothing overwritten."""

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes.git_repos import User

from dispatch.commands.init import MODELS, config_text
from dispatch.commands.settings import config_schema
from dispatch.state.config import Config, ModelConfig
from dispatch.state.config_file import UNFILLED_GATE, load_config
from dispatch.state.spec_file import UNFILLED_SPEC

Cli = Callable[..., tuple[int, str, str]]

NEXT = "dispatch: look at the files, then `dispatch doctor` says what is missing.\n"


def test_the_written_configuration_loads_and_fits(
    user: User, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in MODELS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "never shown")
    package = json.dumps({"scripts": {"lint": "x", "test": "y"}})
    user.write({"package.json": package, "pnpm-lock.yaml": ""})
    config, spec = user.root / "dispatch-config.yaml", user.root / "spec.md"
    schema = user.root / "dispatch-config.schema.json"
    assert cli("init") == (0, f"{config}\n{schema}\n{spec}\n", NEXT)
    judge, worker = MODELS["OPENAI_API_KEY"]
    assert load_config(user.root, user.root / "none") == Config(
        build_gate=("pnpm run lint", "pnpm run test"),
        setup=("pnpm install --frozen-lockfile",),
        model_config=ModelConfig(
            planner=judge,
            implementer=worker,
            critic=worker,
            gate_critic=judge,
            greybeard=judge,
            attribution=worker,
            fix_agent=worker,
        ),
    )
    assert "never shown" not in config.read_text()
    assert spec.read_text() == UNFILLED_SPEC


def test_editors_find_the_schema_that_is_written_beside_the_configuration(
    user: User, cli: Cli
) -> None:
    cli("init")
    first = (user.root / "dispatch-config.yaml").read_text().split("\n")[0]
    assert first == "# yaml-language-server: $schema=dispatch-config.schema.json"
    written = json.loads((user.root / "dispatch-config.schema.json").read_text())
    assert written == config_schema()


def test_what_is_there_is_left_as_it_is(user: User, cli: Cli) -> None:
    names = ("dispatch-config.yaml", "dispatch-config.schema.json", "spec.md")
    user.write(dict.fromkeys(names, "mine"))
    left = "".join(
        f"dispatch: {user.root / name} is there already and was left as it is.\n" for name in names
    )
    assert cli("init") == (0, "", left + NEXT)
    assert (user.root / "dispatch-config.yaml").read_text() == "mine"


def test_a_gate_that_is_not_recognised_is_said_and_loads(user: User, cli: Cli) -> None:
    _, _, said = cli("init")
    assert (
        said == f"dispatch: no build gate was recognised: fill in buildGate before a run.\n{NEXT}"
    )
    assert load_config(user.root, user.root / "none").build_gate == (UNFILLED_GATE,)


def test_without_a_key_the_choice_is_in_a_comment() -> None:
    lines = config_text((), {}).split("\n")
    start = lines.index("# The model of each role, by litellm's names.")
    names = [line.partition(":")[0] for line in lines[start + 2 : start + 6]]
    assert lines[start + 1].startswith("# None of the usual key variables is set")
    assert names == [f"#   {name}" for name in list(MODELS)[1:]]


def test_the_models_are_known_to_litellm_and_have_a_price() -> None:
    """Read from its data file: importing it takes seconds."""
    spec = importlib.util.find_spec("litellm")
    assert spec is not None
    assert spec.origin is not None
    data = Path(spec.origin).parent / "model_prices_and_context_window_backup.json"
    known = json.loads(data.read_text(encoding="utf-8"))
    for model in (each for pair in MODELS.values() for each in pair):
        entry = known.get(model) or known[model.partition("/")[2]]
        assert entry["supports_function_calling"], model
        assert entry["input_cost_per_token"] > 0, model
