"""Where a program finds its model, and who has the key: by its row and the configuration."""

import pytest
from attrs import evolve
from fakes.agent_jobs import config

from dispatch.agents.delegated.attempt import Vendor
from dispatch.agents.delegated.choosing import executors_of, vendor_of
from dispatch.agents.executors.table import EXECUTORS
from dispatch.state.config import CommandExecutor, Config, Provider

ANTHROPIC, OPENAI = "https://api.anthropic.com", "https://api.openai.com/v1"
GOOGLE = "https://generativelanguage.googleapis.com"
KEYS = {
    "ANTHROPIC_API_KEY": "a\n",
    "OPENAI_API_KEY": "o",
    "GEMINI_API_KEY": "g",
    "SOME_KEY": "s",
    "AGENT_KEY": "c",
}
PROVIDER = Provider(base_url="http://localhost:1/v1", adapter="openai", api_key_env="SOME_KEY")
COMMAND = CommandExecutor(argv=("agent",), network=("a.example",), key_variable="AGENT_KEY")


def vendor(given: Config, name: str, model: str, **environ: str) -> Vendor:
    """What a program gets."""
    return vendor_of(given, executors_of(given)[name], model, environ or KEYS)


@pytest.mark.parametrize(
    ("name", "model", "base_url", "key"),
    [
        ("claude", "claude-x", ANTHROPIC, ("ANTHROPIC_API_KEY", "a")),
        ("codex", "gpt-x", OPENAI, ("OPENAI_API_KEY", "o")),
        ("gemini", "gemini-x", GOOGLE, ("GEMINI_API_KEY", "g")),
        ("opencode", "anthropic/x", f"{ANTHROPIC}/v1", ("ANTHROPIC_API_KEY", "a")),
        ("opencode", "openai/x", OPENAI, ("OPENAI_API_KEY", "o")),
    ],
)
def test_a_vendor_is_asked_through_us_and_no_host_is_open_to_its_program(
    name: str, model: str, base_url: str, key: tuple[str, str]
) -> None:
    """opencode has the key of the model's own vendor, also where both are there."""
    assert vendor(config(), name, model) == Vendor(
        model=model, key=key, base_url=base_url, through_us=True
    )


def test_a_subscription_s_token_is_taken_where_there_is_no_key() -> None:
    found = vendor(config(), "claude", "opus", CLAUDE_CODE_OAUTH_TOKEN="t")
    assert found.key == ("CLAUDE_CODE_OAUTH_TOKEN", "t")


def test_a_blank_key_is_none() -> None:
    found = vendor(config(), "claude", "opus", ANTHROPIC_API_KEY=" ", CLAUDE_CODE_OAUTH_TOKEN="t")
    assert found.key == ("CLAUDE_CODE_OAUTH_TOKEN", "t")


def test_without_a_key_it_is_known_all_the_same_whom_a_program_would_ask() -> None:
    found = vendor(config(), "claude", "opus", OTHER="x")
    assert found == Vendor(model="opus", base_url=ANTHROPIC, through_us=True)


@pytest.mark.parametrize("name", [name for name in EXECUTORS if name != "ax"])
def test_a_provider_of_the_configuration_is_asked_through_us_too(name: str) -> None:
    variable = EXECUTORS[name].capabilities.keys[0].variable
    assert vendor(evolve(config(), provider=PROVIDER), name, "m") == Vendor(
        model="m",
        key=(variable, "s"),
        base_url=PROVIDER.base_url,
        is_provider=True,
        through_us=True,
    )


def test_a_program_without_a_key_reaches_its_provider_by_itself() -> None:
    assert vendor(evolve(config(), provider=PROVIDER), "ax", "m") == Vendor(
        model="m", hosts=("localhost:1",), base_url=PROVIDER.base_url, is_provider=True
    )


def test_whoever_is_asked_through_us_is_asked_through_the_operator_s_proxy() -> None:
    """But not a provider without TLS, as ``PROVIDER`` is, nor one whom the program asks itself."""
    proxied = {"HTTPS_PROXY": "http://p:1", "AGENT_KEY": "c"}
    given = evolve(config(), provider=evolve(PROVIDER, base_url="https://a.example/v1"))
    assert vendor(config(), "claude", "opus", **proxied).proxy is not None
    assert vendor(given, "claude", "opus", **proxied).proxy is not None
    assert vendor(given, "ax", "m", **proxied).proxy is None
    assert vendor(evolve(config(), provider=PROVIDER), "claude", "m", **proxied).proxy is None
    given = evolve(config(), command_executor=evolve(COMMAND, base_url="https://a.example/v1"))
    assert vendor(given, "command", "m", **proxied).proxy is not None
    given = evolve(config(), command_executor=COMMAND)
    assert vendor(given, "command", "m", **proxied).proxy is None


@pytest.mark.parametrize("base_url", [None, "https://a.example/v1"])
def test_a_program_of_the_user_s_has_its_key_unless_he_says_where_it_is_taken(
    base_url: str | None,
) -> None:
    given = evolve(config(), command_executor=evolve(COMMAND, base_url=base_url), provider=PROVIDER)
    assert vendor(given, "command", "m") == Vendor(
        model="m",
        hosts=("a.example",),
        key=("AGENT_KEY", "c"),
        base_url=base_url,
        through_us=base_url is not None,
    )
