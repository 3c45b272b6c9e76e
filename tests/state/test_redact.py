"""Secrets never come out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.state.redact import REDACTED, SHORTEST_SECRET, Redactor

SECRETS = st.lists(st.text(min_size=SHORTEST_SECRET, max_size=20), min_size=1, max_size=4)


@given(SECRETS, st.data())
def test_no_exact_value_is_left(secrets: list[str], data: st.DataObject) -> None:
    """[TR-06]"""
    parts = data.draw(st.lists(st.one_of(st.sampled_from(secrets), st.text(max_size=5))))
    cleaned = Redactor(secrets).text("".join(parts))
    for secret in secrets:
        assert secret not in cleaned.replace(REDACTED, "\n\x00\n") or secret in "\n\x00\n"


def test_a_secret_inside_another_leaves_no_rest() -> None:
    assert Redactor(["abcdef", "abcdefghij"]).text("x abcdefghij y abcdef") == (
        f"x {REDACTED} y {REDACTED}"
    )


def test_short_values_are_no_secrets() -> None:
    assert Redactor(["", "a", "true"]).text("a true word") == "a true word"


@pytest.mark.parametrize(
    "key",
    [
        "sk-" + "a1B2" * 8,
        "sk-proj-" + "a1_-" * 8,
        "sk-ant-api03-" + "a1B2" * 8,
        "ghp_" + "a1B2" * 9,
        "gho_" + "a1B2" * 9,
        "github_pat_" + "a1B2" * 9,
        "glpat-" + "a1B2" * 5,
        "AKIA" + "A1B2" * 4,
        "ASIA" + "A1B2" * 4,
        "xoxb-123456789012-abcdefghij",
        "AIza" + "a1B2c" * 7,
        "hf_" + "aBcD" * 9,
        "npm_" + "a1B2" * 9,
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc=\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nMIIE, cut off",
    ],
)
def test_what_is_shaped_like_a_key_is_taken_out(key: str) -> None:
    """[TR-06]"""
    assert Redactor().text(f"KEY='{key}'") in (f"KEY='{REDACTED}'", f"KEY='{REDACTED}")


@pytest.mark.parametrize("text", ["task-sk-1", "a risk-free plan", "ghp_short", "AKIA", "sk-learn"])
def test_ordinary_words_stay(text: str) -> None:
    assert Redactor().text(text) == text


def test_values_are_searched_with_their_keys() -> None:
    value = {"a": ["x secret1", {"secret1": 3}], "n": None, "b": True, "t": ("secret1",)}
    assert Redactor(["secret1"]).value(value) == {
        "a": [f"x {REDACTED}", {REDACTED: 3}],
        "n": None,
        "b": True,
        "t": [REDACTED],
    }


def test_what_an_agent_reads_loses_the_known_secrets_and_keeps_what_only_looks_like_one() -> None:
    redactor = Redactor(["correct horse"])
    text = "correct horse sk-0123456789abcdefghij"
    assert redactor.without_known(text) == "[redacted] sk-0123456789abcdefghij"
    assert redactor.text(text) == "[redacted] [redacted]"
