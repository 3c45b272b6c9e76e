"""Names of runs and ids of planners."""

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.policy.names import (
    RESERVED_NAMES,
    default_run_name,
    id_hint_problems,
    run_name_problems,
)

VERBS = RESERVED_NAMES


@pytest.mark.parametrize("name", ["a", "0", "run-20260101-000000", "a.b_c-d", "x" * 64])
def test_ordinary_names_are_allowed(name: str) -> None:
    assert run_name_problems(name, VERBS) == ()


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../x",
        "a/b",
        "/etc",
        "-v",
        "_a",
        "A",
        "a b",
        "a\n",
        "ä",
        "a\0",
        "a~1",
        "a@{0}",
    ],
)
def test_a_name_outside_the_grammar_is_refused_with_the_grammar(name: str) -> None:
    """[W-38]"""
    (problem,) = run_name_problems(name, VERBS)
    assert problem == (
        f"A run cannot be named {name!r}: a name starts with a lowercase letter or a digit, "
        "followed by lowercase letters, digits, dots, underscores and hyphens."
    )


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("x" * 65, "at most 64"),
        ("clean", "a command"),
        ("a..b", "two dots"),
        ("a.", "dot at the end"),
        ("a.lock", ".lock"),
        ("x-level-1", "levels"),
    ],
)
def test_a_name_that_git_or_we_use_ourselves_is_refused(name: str, word: str) -> None:
    """[W-38] A run named like a level branch would meet the branches of another run."""
    (problem,) = run_name_problems(name, VERBS)
    assert word in problem


@settings(max_examples=30, deadline=None)
@given(name=st.from_regex(r"[a-z0-9][a-z0-9._-]{0,8}(\.lock|\.\.|\.)?", fullmatch=True))
def test_git_takes_every_allowed_name(name: str) -> None:
    if run_name_problems(name, VERBS) == ():
        ref = f"refs/heads/dispatch/{name}"
        assert subprocess.run(["git", "check-ref-format", ref], check=False).returncode == 0


def test_an_id_hint_is_lowercase_and_starts_with_a_letter() -> None:
    """[PL-05]"""
    assert id_hint_problems("parse-json2") == ()
    for hint in ("", "Parser", "1st", "-a", "a_b", "a b", "a\n"):
        assert id_hint_problems(hint) == (
            f"The id {hint!r} must start with a lowercase letter, followed by lowercase letters, "
            "digits and hyphens.",
        )
    assert id_hint_problems("a" * 65) == (
        f"The id {'a' * 64 + '…'!r} has 65 characters; at most 64 are allowed.",
    )


def test_the_default_name_is_the_time() -> None:
    """[CLI-06]"""
    assert default_run_name("2026-02-03T04:05:06.789Z") == "run-20260203-040506"
    assert default_run_name("2026-02-03T04:05:06+00:00") == "run-20260203-040506"
    assert run_name_problems(default_run_name("2026-02-03T04:05:06Z"), VERBS) == ()
    with pytest.raises(ValueError, match="ISO-8601"):
        default_run_name("2026-02-03T04:05:06+02:00")
