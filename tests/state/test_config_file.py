"""The configuration: what is taken, and every way to be wrong, all at once."""

from pathlib import Path

import pytest

from dispatch.state.config import (
    Config,
    LanguageServer,
    LanguageServers,
    Limits,
    ModelConfig,
    Price,
    Provider,
)
from dispatch.state.config_file import CONFIG_FILE, default_user_file, load_config
from dispatch.state.enums import HubStrategy, Isolation
from dispatch.state.errors import ConfigError, ExitCode
from dispatch.state.hubs import HubFile

MODELS = """\
modelConfig:
  planner: p/large
  implementer: p/large
  critic: p/small
  gateCritic: p/small
  greybeard: p/large
  attribution: p/small
  fixAgent: p/large
"""
GATE = "buildGate:\n  - make lint\n  - make test\n"
MODEL_CONFIG = ModelConfig(
    planner="p/large",
    implementer="p/large",
    critic="p/small",
    gate_critic="p/small",
    greybeard="p/large",
    attribution="p/small",
    fix_agent="p/large",
)


def load(root: Path, text: str | None, user: str | None = None) -> Config:
    if text is not None:
        (root / CONFIG_FILE).write_text(text)
    user_file = root / "home" / "config.yaml"
    if user is not None:
        user_file.parent.mkdir()
        user_file.write_text(user)
    return load_config(root, user_file)


def refusal(root: Path, text: str | None, user: str | None = None) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(root, text, user)
    assert caught.value.exit_code is ExitCode.USAGE
    return caught.value


def problems(root: Path, text: str, user: str | None = None) -> list[str]:
    """The lines of a refusal without the folder."""
    error = refusal(root, text, user)
    assert error.message.startswith(f"invalid dispatch-config YAML: {root / CONFIG_FILE}\n")
    assert error.__cause__ is not None
    return [line.replace(f"{root}/", "") for line in error.problems]


def test_a_small_file_is_taken(tmp_path: Path) -> None:
    """[CF-01]"""
    assert load(tmp_path, GATE + MODELS) == Config(
        build_gate=("make lint", "make test"), model_config=MODEL_CONFIG
    )


def test_everything_can_be_set(tmp_path: Path) -> None:
    """[CF-01]"""
    text = """
provider: {baseURL: "https://host:8443/v1", adapter: openai-compatible, apiKeyEnv: MY_KEY}
commitStrategy: per-task
maxParallel: 64
isolation: level
setup: [npm ci]
share: [node_modules, web/node_modules]
hubFiles:
  - {glob: "CHANGES*", strategy: union}
  - {glob: uv.lock, strategy: regenerate, command: uv lock}
  - {glob: "src/{a,b}/*.py", strategy: serialise}
commandTimeoutSeconds: 60
outputLimitBytes: 1000
limits: {turns: 10, tokens: 1000, usd: 1.5, wallSeconds: 60, silenceSeconds: 5.5}
prices:
  p/large: {input: 3, output: 15, cached: 0.3}
authorName: A. Person
authorEmail: a@example.org
verifySubmissions: false
"""
    assert load(tmp_path, GATE + MODELS + text) == Config(
        build_gate=("make lint", "make test"),
        model_config=MODEL_CONFIG,
        provider=Provider(
            base_url="https://host:8443/v1", adapter="openai-compatible", api_key_env="MY_KEY"
        ),
        max_parallel=64,
        isolation=Isolation.LEVEL,
        setup=("npm ci",),
        share=("node_modules", "web/node_modules"),
        hub_files=(
            HubFile(glob="CHANGES*", strategy=HubStrategy.UNION),
            HubFile(glob="uv.lock", strategy=HubStrategy.REGENERATE, command="uv lock"),
            HubFile(glob="src/{a,b}/*.py", strategy=HubStrategy.SERIALISE),
        ),
        command_timeout_seconds=60.0,
        output_limit_bytes=1000,
        limits=Limits(turns=10, tokens=1000, usd=1.5, wall_seconds=60.0, silence_seconds=5.5),
        prices={"p/large": Price(input=3.0, output=15.0, cached=0.3)},
        author_name="A. Person",
        author_email="a@example.org",
        verify_submissions=False,
    )


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    """[CF-02]"""
    error = refusal(tmp_path, None)
    assert error.message == f"There is no {tmp_path / CONFIG_FILE}."
    assert "dispatch init" in error.hint


def test_a_missing_gate_is_an_error(tmp_path: Path) -> None:
    """[CF-03]"""
    assert problems(tmp_path, MODELS) == ["dispatch-config.yaml:1: buildGate: is missing"]


def test_an_empty_gate_is_an_error(tmp_path: Path) -> None:
    """[CF-04]"""
    assert problems(tmp_path, MODELS + "buildGate: []\n") == [
        "dispatch-config.yaml:9: buildGate: empty buildGate: at least one command is needed"
    ]


def test_a_missing_or_blank_model_is_an_error(tmp_path: Path) -> None:
    """[CF-05]"""
    text = GATE + MODELS.replace("  greybeard: p/large\n", "").replace(
        "critic: p/small", "critic: ' '"
    )
    assert problems(tmp_path, text) == [
        "dispatch-config.yaml:4: modelConfig.greybeard: is missing",
        "dispatch-config.yaml:7: modelConfig.critic: is blank",
    ]


@pytest.mark.parametrize("text", ["a: [\n", "a: 1\na: 2\n", "a: &x 1\n", "- a\n", "a: \x00\n"])
def test_malformed_yaml_is_an_error(tmp_path: Path, text: str) -> None:
    """[CF-06]"""
    assert problems(tmp_path, text)


def test_a_provider_needs_its_parts(tmp_path: Path) -> None:
    """[CF-07]"""
    text = GATE + MODELS + "provider:\n  baseURL: ftp://x\n  apiKeyEnv: ''\n"
    assert problems(tmp_path, text) == [
        "dispatch-config.yaml:12: provider.adapter: is missing",
        "dispatch-config.yaml:13: provider.baseURL: 'ftp://x' is not an http or https URL",
        "dispatch-config.yaml:14: provider.apiKeyEnv: is blank",
    ]


@pytest.mark.parametrize(
    "value", ["x", "http://", "http://[", "https://h:99999", "//h", "file:///x"]
)
def test_a_base_url_is_a_web_address(tmp_path: Path, value: str) -> None:
    text = GATE + MODELS + f"provider: {{adapter: anthropic, baseURL: '{value}'}}\n"
    assert problems(tmp_path, text) == [
        f"dispatch-config.yaml:12: provider.baseURL: {value!r} is not an http or https URL"
    ]


@pytest.mark.parametrize(
    ("value", "shown"), [("grouped", '"grouped"'), ("3", "3"), ("", "null"), ("[a]", '["a"]')]
)
def test_another_commit_strategy_is_an_error(tmp_path: Path, value: str, shown: str) -> None:
    """[E2E-03]"""
    assert problems(tmp_path, GATE + MODELS + f"commitStrategy: {value}\n") == [
        f"dispatch-config.yaml:12: commitStrategy: is {shown}, but is locked to "
        '"per-task": remove the key or fix it'
    ]


def test_all_problems_are_said_at_once_in_the_order_of_the_lines(tmp_path: Path) -> None:
    text = """\
buildGate:
  - make
  - true
  - ""
maxParalel: 3
maxParallel: 65
isolation: none
share: [/etc, ../up, ok, ".git/hooks", "."]
limits: {turns: 0, usd: -1, wallSeconds: soon, tokens: 1.5}
prices: {m: {input: -1, output: 1}, n: {input: 1}}
commandTimeoutSeconds: 0
authorName: "A <b>"
outputLimitBytes: "8"
provider: {baseURL: "http://x", adapter: google}
"""
    file = "dispatch-config.yaml"
    inside = "is not a relative path inside the repository"
    assert problems(tmp_path, text) == [
        f"{file}:1: modelConfig: is missing",
        f"{file}:3: buildGate[1]: true is not text (quote it)",
        f"{file}:4: buildGate[2]: is blank",
        f"{file}:5: maxParalel: is not known; did you mean maxParallel?",
        f"{file}:6: maxParallel: 65 is not between 1 and 64",
        f"{file}:7: isolation: 'none' is not one of level, task",
        f"{file}:8: share[0]: '/etc' {inside}",
        f"{file}:8: share[1]: '../up' {inside}",
        f"{file}:8: share[3]: '.git/hooks' {inside}",
        f"{file}:8: share[4]: '.' {inside}",
        f"{file}:9: limits.tokens: 1.5 is not a whole number",
        f"{file}:9: limits.turns: 0 is not above 0",
        f"{file}:9: limits.usd: -1 is not above 0",
        f"{file}:9: limits.wallSeconds: 'soon' is not a number",
        f"{file}:10: prices.m.input: -1 is below 0",
        f"{file}:10: prices.n.output: is missing",
        f"{file}:11: commandTimeoutSeconds: 0 is not above 0",
        f"{file}:12: authorName: must be a name without <, > or line breaks",
        f"{file}:13: outputLimitBytes: '8' is not a whole number",
        f"{file}:14: provider.adapter: 'google' is not one of anthropic, openai, openai-compatible",
    ]


def test_the_users_own_file_fills_in_what_the_repository_lacks(tmp_path: Path) -> None:
    config = load(tmp_path, GATE + "maxParallel: 2\n", MODELS + "maxParallel: 3\nshare: [x]\n")
    assert config == Config(
        build_gate=("make lint", "make test"),
        model_config=MODEL_CONFIG,
        max_parallel=2,
        share=("x",),
    )


def test_the_gate_is_never_the_users(tmp_path: Path) -> None:
    assert problems(tmp_path, MODELS, "share: [x]\n" + GATE) == [
        "dispatch-config.yaml:1: buildGate: is missing",
        "home/config.yaml:2: buildGate: belongs into the repository's dispatch-config.yaml, "
        "not here",
    ]


def test_a_problem_names_the_file_it_comes_from(tmp_path: Path) -> None:
    user = "# mine\nmaxParallel: many\nmodelConfig: none\n"
    assert problems(tmp_path, GATE + MODELS, user) == [
        "home/config.yaml:2: maxParallel: 'many' is not a whole number"
    ]


def test_a_malformed_users_file_is_named(tmp_path: Path) -> None:
    error = refusal(tmp_path, GATE + MODELS, "a: [\n")
    path = tmp_path / "home" / "config.yaml"
    assert error.message.startswith(f"invalid dispatch-config YAML: {path}\n  {path}:2: ")


def test_an_oversized_or_odd_file_is_refused(tmp_path: Path) -> None:
    assert problems(tmp_path, "#" * (1024 * 1024 + 1)) == [
        "dispatch-config.yaml:1: larger than 1024 KiB"
    ]
    (tmp_path / CONFIG_FILE).unlink()
    (tmp_path / CONFIG_FILE).mkdir()
    assert refusal(tmp_path, None).message.endswith("not a regular file.")


def test_the_users_file_has_its_fixed_place() -> None:
    assert default_user_file().parts[-2:] == ("dispatch", "config.yaml")


def test_rules_for_hub_files_that_cannot_be_meant_are_refused_one_by_one(tmp_path: Path) -> None:
    """[CF-02] Each with its line."""
    text = """
hubFiles:
  - {glob: lock, strategy: regenerate}
  - {glob: CHANGES, strategy: union, command: make changes}
  - {glob: "{a", strategy: serialise}
  - {glob: lock, strategy: regenerate, command: " "}
  - {glob: lock, strategy: merge}
  - {strategy: union}
"""
    first = (GATE + MODELS + text).split("\n").index("hubFiles:") + 2
    where = [f"{CONFIG_FILE}:{first + number}: hubFiles[{number}]" for number in range(6)]
    assert problems(tmp_path, GATE + MODELS + text) == [
        f"{where[0]}: needs a command that makes the file anew",
        f"{where[1]}: has a command, which only the strategy regenerate runs",
        f"{where[2]}.glob: '{{a' cannot be matched: the braces of the glob do not match",
        f"{where[3]}.command: is blank",
        f"{where[4]}.strategy: 'merge' is not one of regenerate, serialise, union",
        f"{where[5]}.glob: is missing",
    ]


def test_language_servers_are_the_users_alone_to_name(tmp_path: Path) -> None:
    """A repository chooses no program, and every slip is told at its line."""
    text = """\
languageServers:
  find: false
  waitSeconds: 31
  servers:
    - {argv: [], suffixes: [py]}
    - {argv: [" "], suffixes: [.xy]}
"""
    (tmp_path / "mine").mkdir()
    assert problems(tmp_path / "mine", GATE + MODELS, text) == [
        "home/config.yaml:3: languageServers.waitSeconds: 31 is not between 0 and 30",
        "home/config.yaml:5: languageServers.servers[0].argv: names no program",
        "home/config.yaml:5: languageServers.servers[0].suffixes[0]: 'py' is not the end of a "
        "name, such as .py",
        "home/config.yaml:6: languageServers.servers[1].argv[0]: is blank",
    ]
    (tmp_path / "theirs").mkdir()
    assert problems(tmp_path / "theirs", f"{GATE}{MODELS}languageServers: {{find: false}}\n") == [
        f"{CONFIG_FILE}:12: languageServers: belongs into your own home/config.yaml, not into the "
        "repository's file"
    ]


def test_a_language_server_is_taken_as_it_is_written(tmp_path: Path) -> None:
    text = "languageServers: {servers: [{argv: [clangd, -x], suffixes: [.c]}]}\n"
    expected = LanguageServers(servers=(LanguageServer(argv=("clangd", "-x"), suffixes=(".c",)),))
    assert load(tmp_path, GATE + MODELS, text).language_servers == expected
